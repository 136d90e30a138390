# ruff: noqa: E501  # a table of faults is read by its rows
"""A good file gives a Config; every bad one gives its faults, each at its line, with a way out."""

import os
import subprocess
import sys

import pytest
from config.tables import GOOD, line_of, spelled
from hypothesis import given, strategies as st

from reticent.config import Config, json_schema, load, load_guard, parse
from reticent.core import BadInput, BadPolicy, Channel, Seen


@pytest.fixture
def place(tmp_path):
    return tmp_path / "reticent.toml"


def faults(place, text, **how):
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as caught:
        load(place, **{"files": False, **how})
    return str(caught.value).split("\n")


def test_a_good_file(place):
    place.write_text(GOOD)
    config = load(place, files=False)
    assert config.model.owner == "Credit risk team"
    assert config.model.title == "model"
    assert config.model.reached_by == "sklearn"
    assert config.data.features == ("age", "sex", "smoker")
    assert config.data.max_candidates == 2000
    assert [s.column for s in config.sensitive] == ["smoker", "age"]
    assert config.seen == (Seen.NOTHING, Seen.SCORES)
    assert config.adversary.priors == {"smoker": {"yes": 0.25, "no": 0.75}}
    assert list(config.policies) == ["rounded", "open"]
    assert [d.kind for d in config.policies["rounded"].defences] == ["round", "top_k"]
    assert config.audit.seed == 7
    assert config.audit.is_declared("lira", "rounded")
    assert not config.audit.is_declared("map", "rounded")
    assert config.base == place.parent
    assert config.find("train.csv") == place.parent / "train.csv"
    assert config.find(config.data.non_members) == config.data.non_members


def test_what_may_be_left_out(place):
    place.write_text(
        '[model]\nowner = "A"\ncall = "m:f"\n[data]\nsource = "SELECT 1"\nmember_column = "m"\n'
        'target = "y"\n'
    )
    config = load(place)
    assert config.model.title == "m:f"
    assert config.model.reached_by == "function"
    assert list(config.policies) == ["open"]
    assert config.policies["open"].defences == ()
    assert config.audit.is_declared("anything", "open")
    assert config.exposure.reachable(classify=False) == Channel.VALUE
    assert config.sensitive == ()
    assert config.seen == tuple(Seen)


def test_scores_bring_the_top_ones_along(place):
    place.write_text(GOOD)
    exposure = load(place, files=False).exposure
    assert exposure.reachable(classify=True) == (
        Channel.LABEL | Channel.SCORES | Channel.TOP_K | Channel.WEIGHTS
    )
    default = Config.model_validate({**MINIMAL}).exposure
    assert default.reachable(classify=True) == Channel.LABEL | Channel.SCORES | Channel.TOP_K


def test_lines_for_reports_that_point_into_the_file(place):
    place.write_text(GOOD)
    config = load(place, files=False)
    assert config.line("sensitive", 1) == line_of(GOOD, 'column = "age"') - 1
    assert config.line("sensitive", 1, "tolerance") == line_of(GOOD, "tolerance = 2.5")
    assert config.line("policy", 0, "defences", 1) == line_of(GOOD, "top_k")
    assert config.line("policy", 9, "name") == line_of(GOOD, 'name = "rounded"') - 1
    assert config.line("nothing") == 1


def test_the_digest_names_the_values_not_the_spelling(place, tmp_path):
    place.write_text(GOOD)
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "r.toml").write_text("# a comment\n" + GOOD.replace(" = ", "="))
    one = load(place, files=False)
    assert one.digest == load(elsewhere / "r.toml", files=False).digest
    place.write_text(GOOD.replace("seed = 7", "seed = 8"))
    assert one.digest != load(place, files=False).digest


# What is replaced in GOOD, by what, where the fault is said to be (the text of its line), and how.
BAD = [
    ('owner = "Credit risk team"\n', "", "[model]", "no owner, which is required. Name the person"),
    ('"Credit risk team"', '""', "owner", "must name a person or a team"),
    ('"Credit risk team"', '" TODO "', "owner", "must name a person or a team"),
    ('"Credit risk team"', "3", "owner", "model.owner is 3; it must be a text"),
    ('"Credit risk team"', '"a\\nb"', "owner", "one line"),
    ("owner =", "ower =", "ower", "Unknown key model.ower. Did you mean 'owner'"),
    ("[audit]", "[audits]", "[audits]", "Unknown key audits. Did you mean 'audit'"),
    ('path = "model.skops"', "", "[model]", "neither path nor call"),
    ('path = "model.skops"', 'path = "model.bin"', "model.bin", "suffix '.bin' does not say"),
    ('path = "model.skops"', 'path = "a.skops"\ncall = "m:f"', "call =", "both path"),
    ('path = "model.skops"', 'call = "m.f"', "call =", 'must look like "package.module:function"'),
    ('path = "model.skops"', 'call = "m:f g"', "call =", "must look like"),
    ('path = "model.skops"', 'path = "a.skops"\nkind = "torch"', "torch", "must be 'sklearn', 'onnx'"),
    ('path = "model.skops"', 'path = "a.py"\nkind = "function"', "kind =", "reached by call"),
    ('path = "model.skops"', 'call = "m:f"\nkind = "onnx"', "kind =", "read from a file"),
    ('path = "model.skops"', 'url = "http://h"', "[model]", "a url and no protocol"),
    ('path = "model.skops"', 'path = "a.skops"\nurl = "http://h"', "url =", "both path"),
    ('path = "model.skops"', 'url = "ftp://h"\nprotocol = "mlflow"', "ftp", "an http or https URL"),
    ('path = "model.skops"', 'url = "http://a:b@h"\nprotocol = "p"', "a:b", "no user name"),
    ('path = "model.skops"', 'url = "http://h?k=1"\nprotocol = "p"', "?k", "query"),
    ('path = "model.skops"', 'path = "a.skops"\nkind = "http"', "kind =", "reached by url"),
    ('path = "model.skops"', 'url = "http://h"\nprotocol = "p"\nkind = "onnx"', "kind", "from a file"),
    ("[data]", 'key_env = "KEY"\n[data]', "key_env", "about an endpoint, but there is no url"),
    ("[data]", "guarded = true\n[data]", "guarded", "about an endpoint, but there is no url"),
    ('path = "model.skops"', 'url = "http://h"\nprotocol = "p"\nguarded = true', "guarded", "one in force"),
    ("[data]", "batch_rows = 0\n[data]", "batch_rows", "batch_rows is 0"),
    ("[data]", 'reference = "magic"\n[data]', "magic", 'must be "same", one of'),
    ("[data]", 'classes = ["a", "a"]\n[data]', "classes", "must not hold 'a' twice"),
    ("[data]", 'classes = ["a"]\n[data]', "classes", "at least 2 items"),
    ("[data]", "classes = [1, {a = 1}]\n[data]", "classes", "model.classes[2] is {'a': 1}"),
    ("[data]", "classes = [1, 1979-05-27]\n[data]", "classes", "finite number or true/false"),
    ("[data]", 'task = "regression"\n[data]', "channels", "'label', which a regression model"),
    ('members = "train.csv"\n', "", "[data]", "[data] has non_members only"),
    ('members = "train.csv"', 'source = "a.csv"', "source =", "beside source"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '"WITH a AS (SELECT 1) SELECT *"', "WITH", "start with SELECT"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '"DROP TABLE people"', "DROP", "start with SELECT"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '"select"', '"select"', "start with SELECT"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '"-- mine\\nSELECT 1"', "mine", "start with SELECT"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '" "', "non_members", "a file name or a query"),
    ("\"SELECT * FROM 'holdout.parquet'\"", '"a\\u0000b"', "non_members", "a file name or a query"),
    ('target = "default"\n', "", "[data]", "[data] has no target, which is required"),
    ('identifier = "id"', 'identifier = "default"', "identifier", "which is data.target already"),
    ('["age", "sex", "smoker"]', '["age", "sex", "smoker", "age"]', "features", "hold 'age' twice"),
    ('["age", "sex", "smoker"]', '["age", "smoker", "sex", "default"]', "features", "which is data.target"),
    ('["age", "sex", "smoker"]', '"age"', "features", "must be a list"),
    ('["age", "sex", "smoker"]', "[]", "features", "at least 1 item"),
    ('identifier = "id"', "max_candidates = 19", "max_c", "greater than or equal to 20"),
    ('identifier = "id"', "max_candidates = 2e3", "max_c", "must be an integer"),
    ('identifier = "id"', "max_candidates = true", "max_c", "must be an integer"),
    ('column = "age"', 'column = "smoker"', "COLUMN2", "listed as sensitive twice"),
    ('column = "age"', 'column = "default"', 'column = "default"', "is data.target"),
    ('column = "age"', 'column = "id"', 'column = "id"', "is data.identifier"),
    ('column = "smoker"', 'column = "smokers"', '"smokers"', "not in data.features. Did you mean 'smoker'"),
    ('harm = "low"', 'harm = "awful"', "awful", "must be 'low', 'medium', 'high' or 'severe'"),
    ('harm = "low"\n', "", "AGE", "sensitive[2]] has no harm, which is required. Declare"),
    ("tolerance = 2.5", "tolerance = -1", "tolerance", "greater than 0"),
    ("tolerance = 2.5", "tolerance = inf", "tolerance", "finite number"),
    ("tolerance = 2.5", 'tolerance = "2.5"', "tolerance", "must be a number"),
    ("continuous = true", "continuous = false", "tolerance", "categories are right or wrong"),
    ("continuous = true", "continuous = 1", "continuous", "must be true or false"),
    ('positive = "yes"', "positive = nan", "positive", "finite number or true/false"),
    ('known = ["age", "sex"]', 'known = ["agee"]', "known", "Did you mean 'age'"),
    ('known = ["age", "sex"]', "known = [3]", "known", "adversary.known[1] is 3"),
    ('[["smoker", "age"]]', '[["smoker"]]', "hidden_together", "at least 2 items"),
    ('[["smoker", "age"]]', '[["smoker", "sex"]]', "hidden_together", "'sex', which no [[sensitive]]"),
    ('["nothing", "scores"]', '["everything"]', "seen", "must be 'nothing', 'y', 'label' or 'scores'"),
    ('["nothing", "scores"]', '["y", "y"]', "seen", "must not hold 'y' twice"),
    ("yes = 0.25", "yes = 0.5", "priors", "sum to 1.25; they must sum to 1"),
    ("yes = 0.25", "yes = -0.25", "priors", "greater than or equal to 0"),
    ("{smoker = {yes", "{sex = {yes", "priors", "names 'sex', which no [[sensitive]]"),
    ("query_budget = 1000", "query_budget = 0", "query_budget", "greater than or equal to 1"),
    ("query_budget = 1000", "knows_policy = 0", "knows_policy", "must be true or false"),
    ("query_budget = 1000", "auxiliary_share = 1", "auxiliary_share", "less than 1"),
    ("query_budget = 1000", "reference_models = -1", "reference_models", "greater than or equal to 0"),
    ('["label", "scores", "weights"]', '["logits"]', "channels", "must be 'label', 'top_k'"),
    ('["label", "scores", "weights"]', "[]", "channels", "at least 1 item"),
    ('name = "open"', 'name = "rounded"', "NAME2", "Two policies are called 'rounded'"),
    ('name = "open"', 'name = "a/b"', '"a/b"', "pattern"),
    ('name = "open"', 'name = "all"', '"all"', "stands for every policy"),
    ('kind = "round", digits = 2', 'kind = "rund"', "rund", "Step 1 .* Did you mean 'round'"),
    ("digits = 2", "digits = 99", "digits", "digits is 99; it must be a whole number"),
    ("digits = 2", "digit = 2", "digit", "no setting 'digit'"),
    ("k = 1}", 'k = "1"}', "top_k", "Step 2 .* k is '1'"),
    ('{kind = "top_k", k = 1}', "3", "  3,", r"defences\[2\] is 3; it must be a table"),
    ('name = "open"', 'name = "open"\ndefences = "round"', 'defences = "round"', "must be a list"),
    ("seed = 7", "seed = -7", "seed", "greater than or equal to 0"),
    ("seed = 7", f"seed = {10**30}", "seed", "less than"),
    ("seed = 7", "tolerance = 0", "tolerance = 0", "greater than 0"),
    ("seed = 7", "confidence = 95", "confidence", "less than 1"),
    ("seed = 7", "jobs = 0", "jobs", "greater than or equal to 1"),
    ("seed = 7", 'exclude = ["map"]', "exclude", "which audit.attacks asks for"),
    ('["lira", "map"]', '["all", "map"]', "attacks", "'all' already holds"),
    ('policy = "rounded"}', 'policy = "round"}', "declared", "Did you mean 'rounded'"),
    ('policy = "rounded"}', 'polcy = "rounded"}', "declared", "Did you mean 'policy'"),
    ('[{attack = "lira", policy = "rounded"}]', '"some"', "declared", "must be 'all'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "message"), BAD, ids=[b[1] or b[0] for b in BAD])
def test_a_bad_value_is_named_at_its_line_with_its_rule(place, old, new, where, message):
    import re

    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)
    found = faults(place, text)
    if where == "COLUMN2":
        line = [i for i, t in enumerate(text.split("\n"), 1) if 'column = "smoker"' in t][1]
    elif where == "NAME2":
        line = [i for i, t in enumerate(text.split("\n"), 1) if 'name = "rounded"' in t][1]
    elif where == "AGE":
        line = line_of(text, 'column = "age"') - 1
    else:
        line = next(i for i, t in enumerate(text.split("\n"), 1) if where in t)
    here = [fault for fault in found if fault.startswith(f"{place}:{line}: ")]
    assert here, found
    pattern = message if ".*" in message or "\\" in message else re.escape(message)
    assert any(re.search(pattern, fault) for fault in here), here


def test_all_faults_come_at_once_in_the_order_of_the_file(place):
    text = (
        GOOD.replace('owner = "Credit risk team"\n', "")
        .replace("digits = 2", "digits = 99")
        .replace('harm = "low"', 'harm = "awful"')
        .replace('column = "age"', 'column = "default"')
        .replace("seed = 7", "sed = 7")
    )
    found = faults(place, text)
    lines = [int(fault.removeprefix(f"{place}:").split(":")[0]) for fault in found]
    assert lines == sorted(lines)
    assert len(found) >= 5
    for part in ("no owner", "is 99", "awful", "data.target", "Did you mean 'seed'"):
        assert sum(part in fault for fault in found) == 1, (part, found)


def test_a_bad_entry_does_not_also_make_its_list_too_short(place):
    found = faults(place, GOOD.replace("[data]", "classes = [1, {a = 1}]\n[data]"))
    assert len(found) == 1, found
    assert "model.classes[2]" in found[0]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "The file has no [model]"),
        (b"# only a comment\n", 1, "The file has no [data]"),
        (b"[model\n", 1, "this is not TOML"),
        (b"[model]\nowner = Credit\n", 2, "this is not TOML: invalid value"),
        (b'[model]\nowner = "a"\nowner = "b"\n', 3, "this is not TOML: cannot overwrite a value"),
        (b'a = "x', 1, "this is not TOML"),
        (b"\n\na =", 3, "this is not TOML"),
        (b"[model]\nowner = \"\xff\"\n", 2, "byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00", 1, "UTF-16"),
        (b"PK\x03\x04\x00\x00", 1, "this is not TOML"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_toml(place, content, line, message):
    found = faults(place, content)
    assert any(f.startswith(f"{place}:{line}: ") and message in f for f in found), found


def test_files_that_cannot_be_read(tmp_path, place):
    for path, message in [
        (tmp_path, "is a folder; a file is needed"),
        (tmp_path / "none.toml", "there is no such file"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 5000), "cannot be read"),
    ]:
        with pytest.raises(BadInput, match=message):
            load(path)
    if os.geteuid() != 0:  # root reads everything
        place.write_text(GOOD)
        place.chmod(0)
        with pytest.raises(BadInput, match="cannot be read"):
            load(place)


@pytest.mark.parametrize("nested", [False, True])
def test_a_guard_without_a_configuration_is_not_sent_to_write_an_audits(place, nested):
    path = place if nested else place.with_name("none.toml")
    place.write_text("a = " + "[" * 5_000)
    for read, command in ((load, "reticent init"), (load_guard, "reticent guard --demo")):
        with pytest.raises(BadInput) as caught:
            read(path)
        assert f'"{command}' in caught.value.way_out


def test_a_huge_file_is_not_read(place):
    assert "has 1000001 bytes; a configuration has at most" in faults(place, b"#" * 1_000_001)[0]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5_000,
        "a = " + "[" * 900 + "]" * 900,
        "a = " + "{b = " * 5_000,
        "a." * 3_000 + "b = 1",
    ],
)
def test_bottomless_nesting(place, text):
    faults(place, text)


def test_a_number_that_python_will_not_convert(place):
    faults(place, GOOD.replace("seed = 7", "seed = " + "7" * 10_000))
    faults(place, GOOD.replace("tolerance = 2.5", "tolerance = " + "7" * 4_000))


def test_many_faults_are_cut_off(place):
    text = GOOD + "".join(f"x{i} = 1\n" for i in range(200))
    found = faults(place, text)
    assert len(found) == 51
    assert found[-1].endswith("and 150 more.")


def test_a_byte_order_mark_and_windows_lines_are_no_fault(place):
    place.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(place, files=False).audit.seed == 7
    found = faults(
        place, b"\xef\xbb\xbf" + GOOD.replace("= 7", "= -7").replace("\n", "\r\n").encode()
    )
    assert f":{line_of(GOOD, 'seed = 7')}: " in found[0]


def test_missing_files_are_faults_at_their_lines(place, tmp_path):
    (tmp_path / "model.skops").touch()
    (tmp_path / "trian.csv").touch()
    found = faults(place, GOOD, files=True)
    assert len(found) == 1
    assert found[0].startswith(f"{place}:{line_of(GOOD, 'train.csv')}: data.members is 'train.csv'")
    assert "Did you mean 'trian.csv'" in found[0]
    (tmp_path / "train.csv").touch()
    assert load(place).base == tmp_path
    (tmp_path / "model.skops").unlink()
    (tmp_path / "model.skops").mkdir()  # a folder is no model file
    assert "model.path" in faults(place, GOOD, files=True)[0]


MINIMAL = {
    "model": {"owner": "Team", "path": "m.onnx"},
    "data": {"members": "a.csv", "non_members": "b.csv", "target": "y"},
}


def test_from_python_without_a_file():
    assert parse(MINIMAL, Config).digest == Config.model_validate(MINIMAL).digest
    with pytest.raises(BadInput, match=r"^configuration: \[model\] has no owner") as caught:
        parse({**MINIMAL, "model": {"path": "m.onnx"}}, Config)
    assert ":0:" not in str(caught.value)
    with pytest.raises(ValueError, match="Two policies are called"):  # pydantic's own door
        Config.model_validate({**MINIMAL, "policy": [{"name": "a"}, {"name": "a"}]})


def test_a_config_is_frozen_and_its_policies_are_policies():
    config = parse(
        {**MINIMAL, "policy": [{"name": "a", "defences": [{"kind": "hard_label"}]}]}, Config
    )
    with pytest.raises(ValueError, match="frozen"):
        config.model = None
    assert config.policies["a"].exposes(Channel.SCORES | Channel.LABEL) == Channel.LABEL
    with pytest.raises(BadPolicy):
        config.policy[0].model_copy(update={"defences": ({"kind": "x"},)}).policy()


def test_the_json_schema_agrees_with_the_loader(place):
    import tomllib

    import jsonschema

    schema = json_schema()
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    checker.validate(tomllib.loads(GOOD))
    checker.validate(MINIMAL)
    for doc in ({}, {**MINIMAL, "model": {}}, {**MINIMAL, "audits": {}}):
        assert list(checker.iter_errors(doc))
    sections = [schema["$defs"][name] for name in ("Model", "Data", "Adversary", "Audit")]
    for section in sections:
        for name, entry in section["properties"].items():
            assert entry.get("description"), name


# Anything at all: only BadInput may come out.
keys = st.sampled_from(
    [
        "model",
        "data",
        "sensitive",
        "adversary",
        "exposure",
        "policy",
        "audit",
        "owner",
        "path",
        "call",
        "kind",
        "task",
        "classes",
        "reference",
        "members",
        "non_members",
        "source",
        "member_column",
        "target",
        "features",
        "identifier",
        "column",
        "harm",
        "positive",
        "continuous",
        "tolerance",
        "known",
        "hidden_together",
        "seen",
        "priors",
        "query_budget",
        "channels",
        "name",
        "defences",
        "digits",
        "k",
        "t",
        "attacks",
        "exclude",
        "seed",
        "declared",
        "attack",
    ]
) | st.text(max_size=4)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(["all", "open", "round", "y", "label", "same", "a.csv", "SELECT 1", "low"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
SECTIONS = st.sampled_from(
    ["model", "data", "sensitive", "adversary", "exposure", "policy", "audit"]
)
documents = st.dictionaries(SECTIONS | keys, values, max_size=8)


def only_bad_input(call, *args):
    try:
        return call(*args)
    except BadInput:
        return None


@given(documents)
def test_any_nested_data_gives_a_config_or_bad_input(doc):
    only_bad_input(parse, doc, Config)


@st.composite
def nearly_good(draw):
    """Return GOOD with some values replaced by anything."""
    import tomllib

    doc = tomllib.loads(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        at = doc
        while True:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 3)) == 0:
                at[key] = draw(values)
                break
            at = at[key]
    return doc


@given(nearly_good())
def test_nearly_good_data_gives_a_config_or_bad_input(doc):
    config = only_bad_input(parse, doc, Config)
    if config is not None:
        assert config.policies
        assert len(config.digest) == 64


@given(st.text(max_size=200) | st.text(alphabet="[]{}=\"\n\\#.,ab1-' ", max_size=60))
def test_any_text_gives_bad_input(tmp_path_factory, text):
    place = tmp_path_factory.getbasetemp() / "any.toml"
    place.write_bytes(text.encode("utf-8", "replace"))
    with pytest.raises(BadInput):
        load(place)


@given(st.binary(max_size=200))
def test_any_bytes_give_bad_input(tmp_path_factory, raw):
    place = tmp_path_factory.getbasetemp() / "any.toml"
    place.write_bytes(raw)
    with pytest.raises(BadInput):
        load(place)


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text(max_size=4))
def test_a_good_file_with_a_slip_of_the_pen(tmp_path_factory, at, cut, typed):
    place = tmp_path_factory.getbasetemp() / "slip.toml"
    text = GOOD[:at] + typed + GOOD[at + cut :]
    place.write_bytes(text.encode("utf-8", "replace"))
    only_bad_input(load, place)


@given(nearly_good())
def test_faults_of_a_written_file_are_inside_it(tmp_path_factory, doc):
    place = tmp_path_factory.getbasetemp() / "written.toml"
    place.write_bytes(spelled(doc).encode("utf-8", "replace"))
    try:
        load(place, files=False)
    except BadInput as error:
        last = place.read_bytes().count(b"\n") + 1
        for fault in str(error).split("\n"):
            if fault.startswith(f"{place}:") and fault[len(f"{place}:")].isdigit():
                assert 1 <= int(fault.removeprefix(f"{place}:").split(":")[0]) <= last


@pytest.mark.parametrize("inputs", ["row_shape = [3]", 'inputs = [{name = "age"}]'])
def test_one_file_may_serve_an_audit_and_a_guard(place, inputs):
    endpoint = '[[guard.endpoint]]\nmodel = "m"\nowner = "A"\nprotocol = "mlflow"\n'
    place.write_text(GOOD + "\n" + endpoint + f'upstream = "http://127.0.0.1:9"\n{inputs}\n')
    assert load(place, files=False).guard is not None
    assert load_guard(place).guard.endpoint[0].model == "m"


ONE_GUARD = """\
[guard]
listen = "127.0.0.1:8080"
admin = "127.0.0.1:8081"
traces = "http://127.0.0.1:4318/v1/traces"
[[guard.endpoint]]
model = "m"
owner = "A"
protocol = "mlflow"
upstream = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        (':9"', ':99999"', "guard.endpoint[1].upstream", "(Port out of range 0-65535)"),
        (':9"', ':nine"', "guard.endpoint[1].upstream", "(Port could not be cast"),
        (':9"', ':9\\r\\nX: y"', "guard.endpoint[1].upstream", "printable ASCII"),
        ("http://127.0.0.1:9", "http://[::1", "guard.endpoint[1].upstream", "must look like"),
        ("http://127.0.0.1:9", "http://mödel:9", "guard.endpoint[1].upstream", "xn--"),
        (":4318", ":99999", "guard.traces", "must be an http or https URL (Port out of range"),
        (":8081", ":8080", "guard.admin", "cannot share a port"),
        ("127.0.0.1:8081", "0.0.0.0:8080", "guard.admin", "cannot share a port"),
        ("127.0.0.1:8080", "[::]:8081", "guard.admin", "cannot share a port"),
        ('listen = "127.0.0.1:8080"\n', "", None, ""),
        (
            'listen = "127.0.0.1:8080"\nadmin = "127.0.0.1:8081"',
            'admin = "127.0.0.1:8080"',
            "guard.admin",
            "cannot share a port",
        ),
        ("http://127.0.0.1:9", "http://me:pa@ss@h", "guard.endpoint[1].upstream", "//***@h'"),
        ("[[", 'store = "mysql://me:pa@ss@h/0"\n[[', "guard.store", "'mysql://***@h/0'"),
        (":8081", ":8082", None, ""),
        ("127.0.0.1:8081", "127.0.0.2:8080", None, ""),
        (
            '127.0.0.1:8080"\nadmin = "127.0.0.1:8081',
            '127.0.0.1:0"\nadmin = "127.0.0.1:0',
            None,
            "",
        ),
    ],
)
def test_addresses_of_a_guard(place, old, new, key, said):
    assert old in ONE_GUARD
    place.write_text(ONE_GUARD.replace(old, new), "utf-8")
    if key is None:
        load_guard(place)
        return
    with pytest.raises(BadInput) as raised:
        load_guard(place)
    assert f": {key} is " in str(raised.value)
    assert said in str(raised.value)


def test_reading_a_configuration_loads_nothing_heavy():
    heavy = ("sklearn", "scipy", "pandas", "duckdb", "torch", "statsmodels", "onnxruntime")
    program = f"import sys, reticent.config; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
