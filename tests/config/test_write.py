"""What `init` writes explains itself, loads, and says what was put in."""

import tomllib

import pytest
from hypothesis import given, strategies as st

from reticent.config import load
from reticent.config.infer import ColumnFacts, ModelFacts, Roles, infer, is_scale
from reticent.config.schema import Adversary, Audit, Config, Data, Exposure, Model
from reticent.config.write import rendered, write
from reticent.core import BadInput, Channel

printable = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc")),
    min_size=1,
    max_size=12,
).filter(lambda s: s == s.strip() and s.isprintable())  # fmt: skip
names = printable | st.sampled_from(
    ["age", "sex", "id", "y", "race", "is_member", 'quo"te', "a\\b"]
)


@st.composite
def column_facts(draw, name):
    low, high = sorted(draw(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))))
    rows = draw(st.integers(1, 1000))
    return ColumnFacts(
        name=name,
        shape=draw(st.sampled_from(["number", "whole", "text", "boolean", "time", "other"])),
        rows=rows,
        distinct=draw(st.integers(0, rows)),
        missing=draw(st.integers(0, rows)),
        low=draw(st.none() | st.just(low)),
        high=draw(st.none() | st.just(high)),
        values=tuple(draw(st.lists(st.integers(0, 3), max_size=2, unique=True))),
    )


classes = st.lists(st.integers() | printable, min_size=2, max_size=4, unique=True)


@st.composite
def situations(draw):
    columns = [
        draw(column_facts(name))
        for name in draw(st.lists(names, min_size=2, max_size=8, unique=True))
    ]
    features = draw(st.just(()) | st.permutations([c.name for c in columns[:-1]]).map(tuple))
    model = ModelFacts(
        path=draw(st.sampled_from(["m.skops", "dir/m.onnx", "m.pkl"])),
        task=draw(st.sampled_from([None, "classification", "regression"])),
        classes=tuple(
            draw(
                st.just([])
                | st.lists(st.integers() | printable, min_size=2, max_size=4, unique=True)
            )
        ),
        features=features,
        cloneable=draw(st.booleans()),
    )
    return model, columns, draw(printable)


@given(situations())
def test_whatever_is_written_loads_and_says_what_was_put_in(tmp_path_factory, situation):
    model, columns, owner = situation
    owner = f"Team {owner}"
    roles = infer(model, columns)
    facts = {c.name: c for c in columns}
    text = write(model, roles, facts, owner=owner, members="a b.csv", non_members="SELECT 1")
    place = tmp_path_factory.getbasetemp() / "written.toml"
    place.write_text(text, encoding="utf-8")
    config = load(place, files=False)
    assert config.model.owner == owner
    assert config.model.path == model.path
    assert config.model.task == model.task
    assert config.model.classes == (model.classes or None)
    assert config.model.reference == ("same" if model.cloneable else "boosting")
    assert config.data.target == roles.target
    assert (config.data.features or ()) == roles.features
    assert config.data.identifier == roles.identifier
    assert [(s.column, s.harm) for s in config.sensitive] == [
        (s.column, s.harm) for s in roles.sensitive
    ]
    for table in config.sensitive:
        scale = table.column in facts and is_scale(facts[table.column])
        assert table.continuous is (True if scale else None)
    assert config.policy[0].name == "open"
    assert len(config.policy) == 3


def fair(task="classification"):
    distinct = 2 if task == "classification" else 70
    columns = [
        ColumnFacts(name="age", shape="number", rows=100, distinct=40),
        ColumnFacts(name="religious", shape="whole", rows=100, distinct=4),
        ColumnFacts(
            name="affairs", shape="number", rows=100, distinct=distinct, low=0.0, high=57.6
        ),
    ]
    model = ModelFacts(path="m.skops", task=task)
    roles = infer(model, columns)
    facts = {c.name: c for c in columns}
    return write(model, roles, facts, owner="Me & co", members="a.csv", non_members="b.csv")


def test_every_key_is_explained_and_shown():
    text = fair()
    for schema in (Model, Data, Adversary, Exposure, Audit):
        for name in schema.model_fields:
            assert f"\n{name} = " in text or f"\n# {name} = " in text, name
    for section in Config.model_fields:
        assert f"[{section}]" in text
    assert "GUESS (religion or politics: the name has 'religious')." in text
    assert all(len(line) <= 100 for line in text.split("\n"))


def test_the_examples_in_comments_are_toml_too():
    for line in fair().split("\n"):
        if line.startswith("# ") and " = " in line and line[2:].split(" = ")[0].isidentifier():
            tomllib.loads(line[2:])


def test_a_regressor_gets_policies_in_the_unit_of_its_outcome(tmp_path):
    place = tmp_path / "r.toml"
    place.write_text(fair("regression"))
    policies = load(place, files=False).policies
    assert list(policies) == ["open", "bucketed", "noisy"]
    assert policies["bucketed"].to_list()[0]["edges"][-1] == 57.6
    assert all(p.exposes(Channel.VALUE) == Channel.VALUE for p in policies.values())


def test_no_sensitive_column_found_says_so_and_shows_how():
    columns = [ColumnFacts(name=n, shape="number", rows=9, distinct=3) for n in ("x1", "x2", "y")]
    model = ModelFacts(call="package.module:predict")
    text = write(model, infer(model, columns), {}, owner="Me", members="a.csv", non_members="b.csv")
    assert "No column looks sensitive by its name" in text
    assert '# column = "x1"' in text
    assert "sensitive" not in tomllib.loads(text)


def test_also_sensitive_columns_are_there_to_uncomment(tmp_path):
    columns = [ColumnFacts(name=f"gene_{i}", shape="text", rows=9, distinct=3) for i in range(4)]
    columns.append(ColumnFacts(name="y", shape="whole", rows=9, distinct=2))
    model = ModelFacts(path="m.onnx")
    text = write(model, infer(model, columns), {}, owner="Me", members="a", non_members="b")
    assert len(tomllib.loads(text)["sensitive"]) == 2
    block = text.split("These look sensitive too")[1].split("\n\n")[0].split("\n")[1:]
    uncommented = "\n".join(line.removeprefix("#").removeprefix(" ") for line in block)
    assert [t["column"] for t in tomllib.loads(uncommented)["sensitive"]] == ["gene_2", "gene_3"]


def test_one_file_with_both_sides(tmp_path):
    roles = Roles(target="y", features=("x",), member_column="in_training")
    text = write(ModelFacts(path="m.onnx"), roles, {}, owner="Me", source="all.csv")
    place = tmp_path / "r.toml"
    place.write_text(text)
    data = load(place, files=False).data
    assert (data.source, data.member_column, data.members) == ("all.csv", "in_training", None)
    roles = Roles(target="y", features=("x",))
    with pytest.raises(BadInput, match="tells members from others") as caught:
        write(ModelFacts(path="m.onnx"), roles, {}, owner="Me", source="all.csv")
    assert "in_training" in caught.value.way_out


@given(
    st.recursive(
        st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.dates()
        | st.times().map(lambda t: t.replace(fold=0)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    )
)
def test_rendered_values_read_back(value):
    assert tomllib.loads(f"v = {rendered(value)}")["v"] == value


def test_odd_numbers_read_back():
    for value in (float("inf"), float("-inf"), 1e300, -0.0, 5e-324):
        assert tomllib.loads(f"v = {rendered(value)}")["v"] == value
    nan = tomllib.loads(f"v = {rendered(float('nan'))}")["v"]
    assert nan != nan
