"""Whatever comes in, the command line ends with a message and no verdict that was not earned."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from skops.io import dump

from reticent.audit.save import load
from reticent.cli import main

from .conftest import PROGRAM, Run, environment, people
from .test_audit import rewrite, rows, truncate

Spoil = Callable[[Path], None]
LOSS = ("audit", "reticent.toml", "--only", "loss")
EARLIER = b"earlier results"


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def ask(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Return a function that runs a command in the project's folder."""
    monkeypatch.chdir(here)

    def call(*arguments: str) -> Said:
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call


def refused(said: Said, *texts: str) -> None:
    assert said.code == 4, said
    assert said.out == ""
    for text in texts:
        assert text in said.err
    for text in ("Traceback", "Unexpected"):
        assert text not in said.err


def lines(change: Callable[[list[str]], list[str]]) -> Spoil:
    def write(here: Path) -> None:
        path = here / "members.csv"
        path.write_text("\n".join(change(path.read_text("utf-8").splitlines())), "utf-8")

    return write


def raw(name: str, content: bytes) -> Spoil:
    return lambda here: (here / name).write_bytes(content) and None


def query(sql: str) -> Spoil:
    return rewrite('"members.csv"', json.dumps(sql))


def settings(text: str) -> Spoil:
    return rewrite("[adversary]\n", f"{text}\n[adversary]\n")


def add(text: str) -> Spoil:
    def write(here: Path) -> None:
        path = here / "reticent.toml"
        path.write_text(path.read_text("utf-8") + text, "utf-8")

    return write


def each(*changes: Spoil) -> Spoil:
    def write(here: Path) -> None:
        for change in changes:
            change(here)

    return write


def model(fitted: Callable[[pd.DataFrame, pd.Series], object]) -> Spoil:
    def write(here: Path) -> None:
        members = pd.read_csv(here / "members.csv")
        dump(fitted(members.drop(columns="ill"), members["ill"]), here / "model.skops")

    return write


def as_folder(name: str) -> Spoil:
    def change(here: Path) -> None:
        (here / name).unlink()
        (here / name).mkdir()

    return change


def as_parquet(here: Path) -> None:
    pd.read_csv(here / "members.csv").to_parquet(here / "members.parquet")
    rewrite('"members.csv"', '"members.parquet"')(here)


def copied(name: str, to: str) -> Spoil:
    return lambda here: (here / to).write_bytes((here / name).read_bytes()) and None


def at(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda t: t.assign(**{column: t[column].where(t.index != row, value)})


DATA = {
    "column missing in auxiliary": (
        rows("auxiliary.csv", lambda t: t.drop(columns="dose")),
        ["'dose'", "auxiliary.csv"],
    ),
    "a gap in an input": (rows("members.csv", at(5, "dose", np.nan)), ["'dose'", "1 of 160"]),
    "a gap in the sensitive column": (
        rows("non_members.csv", at(5, "smoker", np.nan)),
        ["'smoker'", "1 of 160"],
    ),
    "a gap in the outcome": (rows("members.csv", at(5, "ill", np.nan)), ["1 rows", "'ill'"]),
    "a gap in the auxiliary outcome": (
        rows("auxiliary.csv", at(5, "ill", np.nan)),
        ["1 rows", "auxiliary", "'ill'"],
    ),
    "infinity": (rows("members.csv", at(5, "dose", np.inf)), ["'dose'", "infinite"]),
    "text among numbers": (
        rows("non_members.csv", lambda t: t.assign(dose=t.dose.astype(str) + "x")),
        ["'dose' holds text"],
    ),
    "an unknown class": (rows("members.csv", at(5, "ill", 2)), ["2", "[0, 1]"]),
    "one class of non-members": (
        rows("non_members.csv", lambda t: t.assign(ill=1)),
        ["non-members", "single value"],
    ),
    "constant sensitive column": (
        rows("auxiliary.csv", lambda t: t.assign(smoker=1)),
        ["'smoker'", "one value"],
    ),
    "empty auxiliary data": (rows("auxiliary.csv", lambda t: t.head(0)), ["auxiliary", "empty"]),
    "three auxiliary rows": (rows("auxiliary.csv", lambda t: t.head(3)), ["3 rows", "20"]),
    "all non-members are members": (copied("members.csv", "non_members.csv"), ["160 of 160"]),
    "an empty file": (raw("members.csv", b""), ["members.csv is empty"]),
    "no header": (lines(lambda t: t[1:]), ["'age'", "members.csv"]),
    "a rare delimiter": (lines(lambda t: [x.replace(",", "~") for x in t]), ["age~smoker"]),
    "a long row": (lines(lambda t: [*t[:5], t[5] + ",7,8", *t[6:]]), ["Line 6", "6 cells", "4"]),
    "a short row": (lines(lambda t: [*t[:9], "1", *t[10:]]), ["Line 10", "1 cells", "4"]),
    "a name twice": (
        lines(lambda t: [t[0] + ",smoker", *(x + ",9" for x in t[1:])]),
        ["2 columns called 'smoker'"],
    ),
    "a cell of a million letters": (
        lines(lambda t: [*t[:4], '"' + "x" * 1_000_000 + '",0,1,1', *t[5:]]),
        ["'age' holds text"],
    ),
    "another encoding": (
        raw("members.csv", "age,smoker,dose,ill\né,1,1,1".encode("latin-1")),
        ["members.csv", "unicode"],
    ),
    "no text at all": (raw("members.csv", bytes(range(256)) * 20), ["members.csv"]),
    "another suffix": (
        each(copied("members.csv", "members.xlsx"), rewrite('"members.csv"', '"members.xlsx"')),
        ["'.xlsx'", ".parquet"],
    ),
    "half a Parquet": (each(as_parquet, truncate("members.parquet")), ["members.parquet"]),
    "a folder": (as_folder("members.csv"), ["'members.csv'", "a folder"]),
    "a query of nothing": (query("SELECT * FROM people"), ["people"]),
    "a broken query": (query("SELECT FROM WHERE"), ["WHERE"]),
    "lists in cells": (
        query("SELECT [age] AS age, smoker, dose, ill FROM 'members.csv'"),
        ["'age'", "DOUBLE[]"],
    ),
    "a query of the web": (query("SELECT * FROM 'https://127.0.0.1:1/x.csv'"), ["https://127"]),
    "a query that installs": (query("INSTALL httpfs"), ["reticent.toml:6", "SELECT"]),
    "a query that attaches": (query("SELECT 1; ATTACH 'kept.db' AS d"), ["ATTACH", "one SELECT"]),
    "a query that copies": (query("SELECT 1; COPY (SELECT 1) TO 'kept.db'"), ["COPY"]),
    "a query that loads": (query("SELECT 1; LOAD httpfs"), ["LOAD"]),
    "a query of other databases": (query("SELECT * FROM sqlite_scan('x', 't')"), ["sqlite"]),
    "neither in nor out": (
        each(
            rows("members.csv", lambda t: t.assign(who="maybe")),
            rewrite('members = "members.csv"\nnon_members', 'source = "members.csv"\n#'),
            rewrite('target = "ill"', 'target = "ill"\nmember_column = "who"'),
        ),
        ["'maybe'", "member"],
    ),
}  # fmt: skip

MODELS = {
    "an empty file": (raw("model.skops", b""), ["model.skops"]),
    "a folder": (as_folder("model.skops"), ["'model.skops'", "a folder"]),
    "an unfitted model": (model(lambda x, y: LogisticRegression()), ["not fitted"]),
    "a clustering": (model(lambda x, y: KMeans(2, n_init=1).fit(x)), ["KMeans"]),
    "a model of other columns": (
        model(lambda x, y: LogisticRegression().fit(x.rename(columns={"dose": "dosage"}), y)),
        ["'dosage'", "Close: 'dose'"],
    ),
    "a model of fewer columns": (
        model(lambda x, y: LogisticRegression().fit(x[["age", "dose"]], y)),
        ["'smoker'", "inputs"],
    ),
    "a pickle under another name": (
        lambda here: raw("model.skops", pickle.dumps(_SideEffect()))(here),
        ["model.skops", "zip"],
    ),
    "a suffix of no model": (
        each(
            lambda here: raw("model.bin", pickle.dumps(_SideEffect()))(here),
            rewrite('path = "model.skops"', 'path = "model.bin"\nkind = "sklearn"'),
        ),
        ["'.bin'"],
    ),
}

CONFIGS = {
    "an unknown attack": (add('\n[audit]\nattacks = ["wishing"]\n'), ["'wishing'"]),
    "an unknown attack left out": (add('\n[audit]\nexclude = ["wishing"]\n'), ["'wishing'"]),
    "an unknown attack declared": (
        add('\n[audit]\ndeclared = [{ attack = "wishing" }]\n'),
        ["'wishing'"],
    ),
    "numbers that are text": (
        add('\n[audit]\nseed = "1"\njobs = 1.5\nconfidence = nan\n'),
        ["audit.seed is '1'", "audit.jobs is 1.5", "audit.confidence is nan"],
    ),
    "tables that are none": (
        raw("reticent.toml", b'model = "x"\ndata = [1]\nsensitive = "s"\naudit = 3\n'),
        ["model is 'x'; it must be a table.", "data is [1]", "audit is 3"],
    ),
    "steps that are lists": (add("defences2 = [[[1]]]\n"), ["defences2"]),
    "no text": (raw("reticent.toml", b"\xff\xfe\x00\x01"), ["UTF-16"]),
    "nested without end": (raw("reticent.toml", b"a=" + b"[" * 5000), ["reticent.toml"]),
    "the target among the inputs": (
        rewrite('target = "ill"', 'target = "ill"\nfeatures = ["age", "smoker", "dose", "ill"]'),
        ["'ill'", "data.target"],
    ),
    "the target as identifier": (
        rewrite('target = "ill"', 'target = "ill"\nidentifier = "ill"'),
        ["'ill'", "data.target"],
    ),
    "an identifier that is not there": (
        each(
            model(lambda x, y: LogisticRegression().fit(x.to_numpy(), y)),  # names no columns
            rewrite('target = "ill"', 'target = "ill"\nidentifier = "person"'),
        ),
        ["'person'", "members"],
    ),
    "a name over two lines": (
        rewrite('column = "smoker"', 'column = "smo\\nker"'),
        [r"'smo\nker'", "one line"],
    ),
    "a bell in the owner": (rewrite("Test team", "Test \\u0007team"), [r"\x07", "one line"]),
    "top_k of a regressor": (
        each(
            model(lambda x, y: LinearRegression().fit(x, y)),
            rewrite('kind = "hard_label"', 'kind = "top_k", k = 1'),
        ),
        ["top_k", "regression"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "texts"),
    [
        pytest.param(*case, id=f"{kind}: {name}")
        for kind, cases in (("data", DATA), ("model", MODELS), ("toml", CONFIGS))
        for name, case in cases.items()
    ],
)
def test_it_is_named_and_earlier_results_stay(
    spoil: Spoil, texts: list[str], here: Path, ask: Callable[..., Said]
) -> None:
    (here / "reticent-out").mkdir()
    (here / "reticent-out" / "record.json").write_bytes(EARLIER)
    spoil(here)
    only = () if "attacks" in (here / "reticent.toml").read_text("utf-8", "replace") else LOSS[2:]
    refused(ask("audit", "reticent.toml", *only, "--json"), *texts)
    assert (here / "reticent-out" / "record.json").read_bytes() == EARLIER
    assert not (here / "RAN").exists()
    assert not (here / "kept.db").exists()


class _SideEffect:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch RAN",)


FUNCTIONS = {
    "raises": ("raise RuntimeError('boom')", ["RuntimeError: boom"]),
    "raises for many": (
        "if len(x) > 9: raise RuntimeError('boom')\n    return np.full((len(x), 2), 0.5)",
        ["RuntimeError: boom"],
    ),
    "exits": ("raise SystemExit(0)", ["SystemExit"]),
    "NaN": ("return np.full((len(x), 2), np.nan)", ["[nan, nan]", "[0, 1]"]),
    "no distribution": ("return np.full((len(x), 2), 0.7)", ["[0.7, 0.7]", "sums to 1.4"]),
    "no distribution once": (
        "p = np.full((len(x), 2), 0.5)\n    p[5:6] = 0.7\n    return p",
        ["row 5", "sums to 1.4"],
    ),
    "three classes": ("return np.full((len(x), 3), 1 / 3)", ["(3, 3)", "2 classes"]),
    "NaN for labels": ("return np.full(len(x), np.nan)", ["nan", "[0, 1]"]),
    "nothing": ("return None", ["0 outputs"]),
}


@pytest.mark.parametrize(("body", "texts"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_that_is_no_model(
    body: str,
    texts: list[str],
    here: Path,
    ask: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (here / "served.py").write_text(f"import numpy as np\ndef f(x):\n    {body}\n", "utf-8")
    monkeypatch.delitem(sys.modules, "served", raising=False)
    rewrite('path = "model.skops"', 'call = "served:f"')(here)
    refused(ask(*LOSS), "served:f", *texts)


@pytest.mark.parametrize("module", ["import sys; sys.exit(0)", "import absent_module"])
def test_a_module_that_cannot_be_imported(
    module: str, here: Path, ask: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "served.py").write_text(module, "utf-8")
    monkeypatch.delitem(sys.modules, "served", raising=False)
    rewrite('path = "model.skops"', 'call = "served:f"')(here)
    refused(ask(*LOSS), module.split()[1].rstrip(";").replace("sys", "served"))


@pytest.mark.parametrize("command", [LOSS, ("init", "model.pkl", "members.csv", "--force")])
def test_a_malicious_pickle_does_not_run(
    command: tuple[str, ...], here: Path, ask: Callable[..., Said]
) -> None:
    (here / "model.pkl").write_bytes(pickle.dumps(_SideEffect()))
    rewrite("model.skops", "model.pkl")(here)
    refused(ask(*command), "model.pkl", "--trust-model-file")
    assert not (here / "RAN").exists()


def test_a_joblib_with_consent(here: Path, ask: Callable[..., Said]) -> None:
    members = pd.read_csv(here / "members.csv")
    fitted = LogisticRegression().fit(members.drop(columns="ill"), members["ill"])
    joblib.dump(fitted, here / "model.joblib")
    rewrite("model.skops", "model.joblib")(here)
    said = ask(*LOSS, "--trust-model-file")
    assert said.code in (0, 1, 2)
    assert "WARNING: model.joblib" in said.err


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        (("--jobs", "0"), ["--jobs 0", "1"]),
        (("--jobs", "-1"), ["--jobs -1"]),
        (("--jobs", "5000"), ["--jobs 5000", "1024"]),
        (("--seed", "abc"), ["--seed abc", "integer"]),
        (("--seed", str(2**63)), [str(2**63)]),
        (("--only", ""), ["''", "reticent attacks"]),
        (("--out", "members.csv"), ["members.csv", "--out"]),
        (("--out", "members.csv/below"), ["members.csv/below", "--out"]),
        (("--out", "/proc/absent"), ["/proc/absent", "--out"]),
    ],
)
def test_options_out_of_range(
    more: tuple[str, ...], texts: list[str], here: Path, ask: Callable[..., Said]
) -> None:
    before = (here / "members.csv").read_bytes()
    refused(ask(*LOSS, *more), *texts)
    assert (here / "members.csv").read_bytes() == before


#: What an honest audit is still possible with, and a warning that it must carry.
POSSIBLE = {
    "a byte order mark": (
        lines(lambda t: ["\ufeff" + t[0], *t[1:]]),
        "",
    ),
    "another delimiter": (lines(lambda t: [x.replace(",", ";") for x in t]), ""),
    "a cell of a million letters elsewhere": (
        lines(lambda t: [t[0] + ",note", t[1] + "," + "x" * 1_000_000, *(x + ",a" for x in t[2:])]),
        "",
    ),
    "some non-members are members": (
        lambda here: pd.concat(
            [pd.read_csv(here / "non_members.csv"), pd.read_csv(here / "members.csv").head(20)]
        ).to_csv(here / "non_members.csv", index=False),
        "20 of 180 non-members equal a member",
    ),
    "the adversary holds the members": (
        copied("members.csv", "auxiliary.csv"),
        "160 of 160 members equal a record outside",
    ),
    "top_k of all classes": (
        rewrite('kind = "hard_label"', 'kind = "top_k", k = 9'),
        "top 9 of 2 classes",
    ),
    "texts that are numbers": (
        model(lambda x, y: LogisticRegression().fit(x, y.astype(str).to_numpy(dtype=object))),
        "",
    ),
    "truth values": (
        query("SELECT age, smoker, dose, ill = 1 AS ill FROM 'members.csv'"),
        "",
    ),
    "huge numbers": (rows("members.csv", at(5, "dose", 1e300)), ""),
    "lines of another system": (
        lambda here: raw(
            "reticent.toml", (here / "reticent.toml").read_bytes().replace(b"\n", b"\r\n")
        )(here),
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "warning"), POSSIBLE.values(), ids=POSSIBLE)
def test_an_audit_is_possible(
    spoil: Spoil, warning: str, here: Path, ask: Callable[..., Said]
) -> None:
    spoil(here)
    said = ask(*LOSS)
    assert said.code in (0, 2), said  # the model is honest: never a finding, nor a failed control
    assert "Traceback" not in said.err
    record = load(here / "reticent-out" / "record.json")
    assert record.run.complete
    assert any(warning in told for told in record.data.warnings)


def test_a_column_that_the_model_never_uses_is_no_finding(
    here: Path, ask: Callable[..., Said]
) -> None:
    from sklearn.compose import ColumnTransformer

    rng = np.random.default_rng(5)
    for name in ("members.csv", "non_members.csv", "auxiliary.csv"):
        people(300, rng).to_csv(here / name, index=False)
    some = ColumnTransformer([("some", "passthrough", ["age", "dose"])])
    model(lambda x, y: make_pipeline(some, LogisticRegression()).fit(x, y))(here)
    said = ask("audit", "reticent.toml", "--only", "map")
    assert said.code != 1, said
    record = load(here / "reticent-out" / "record.json")
    assert record.cells
    assert not [cell.id for cell in record.cells if cell.verdict == "finding"]


def changed(change: Callable[[dict[str, object]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        body = json.loads(text)
        change(body)
        return json.dumps(body)

    return apply


RECORDS = {
    "truncated": (lambda text: text[: len(text) // 2], "truncated"),
    "empty": (lambda text: "", "truncated"),
    "altered": (changed(lambda b: b.update(seed=99)), "digest"),
    "of another version": (changed(lambda b: b.update(schema_version="9")), "version '9'"),
    "a list": (lambda text: "[1]", "version None"),
    "NaN": (changed(lambda b: b.update(tolerance=float("nan"))), "NaN"),
    "bottomless": (lambda text: "[" * 100_000, "no JSON"),
    "of endless digits": (lambda t: t.replace('"seed": 0', '"seed": 1' + "0" * 5000), "no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("command", [("report",), ("verify",), ("explain", "loss", "--record")])
@pytest.mark.parametrize(("spoil", "text"), RECORDS.values(), ids=RECORDS)
def test_a_record_that_is_none(
    command: tuple[str, ...],
    spoil: Callable[[str], str],
    text: str,
    out: Path,
    ask: Callable[..., Said],
    here: Path,
) -> None:
    (here / "r.json").write_text(spoil((out / "record.json").read_text("utf-8")), "utf-8")
    refused(ask(*command, "r.json"), "r.json", text)


INITS = {
    "an empty table": (raw("members.csv", b""), ["members.csv is empty"], ()),
    "no other table": (lambda here: None, ["nope.csv"], ("--non-members", "nope.csv")),
    "a model of other columns": (
        rows("members.csv", lambda t: t.drop(columns="dose")),
        ["'dose'", "members.csv"],
        (),
    ),
    "no model": (raw("model.skops", b"zzz"), ["model.skops"], ()),
    "no folder": (lambda here: None, ["a/b/x.toml"], ("--out", "a/b/x.toml")),
    "a folder for a file": (lambda here: None, ["Is a directory"], ("--out", ".", "--force")),
    "an existing file": (lambda here: None, ["--force"], ("--out", "reticent.toml")),
}


@pytest.mark.parametrize(("spoil", "texts", "more"), INITS.values(), ids=INITS)
def test_init_writes_nothing_that_cannot_work(
    spoil: Spoil, texts: list[str], more: tuple[str, ...], here: Path, ask: Callable[..., Said]
) -> None:
    before = (here / "reticent.toml").read_bytes()
    spoil(here)
    refused(ask("init", "model.skops", "members.csv", "--out", "x.toml", *more), *texts)
    assert not (here / "x.toml").exists()
    assert (here / "reticent.toml").read_bytes() == before


HOSTILE = "<script>alert(1)</script>\"'`;[bold]%s{0} größe 年龄"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)
        self.scripts: list[str] = []
        self.text = ""
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        else:
            self.text += data


def test_hostile_names_stay_text(here: Path, ask: Callable[..., Said]) -> None:
    for name in ("members.csv", "non_members.csv", "auxiliary.csv"):
        rows(
            name,
            lambda t: t.rename(columns={"smoker": HOSTILE, "dose": "do\nse</td>"}).assign(
                ill=t.ill.map({0: "not </style>", 1: "ill <img src=x onerror=alert(1)>"})
            ),
        )(here)
    model(lambda x, y: LogisticRegression().fit(x, y.to_numpy(dtype=object)))(here)
    quoted = json.dumps(HOSTILE, ensure_ascii=False)
    rewrite('column = "smoker"', f"column = {quoted}")(here)
    rewrite('owner = "Test team"', f"owner = {quoted}")(here)
    said = ask("audit", "reticent.toml", "--only", "loss", "--only", "csmia")
    assert said.code in (0, 1, 2, 3), said
    page = (here / "reticent-out" / "report.html").read_text("utf-8")
    found = _Tags()
    found.feed(page)
    assert not [script for script in found.scripts if "alert(1)" in script and "{" not in script]
    assert HOSTILE in found.text
    for hostile in ("<script>alert", "</td>\nse", "<img src=x"):
        assert hostile not in page
    json.loads((here / "reticent-out" / "report.sarif").read_text("utf-8"))
    shown = ask("report", "reticent-out/record.json", "--format", "md")
    assert shown.code == 0
    assert "<script>alert" not in shown.out


def test_init_quotes_hostile_names(here: Path, ask: Callable[..., Said]) -> None:
    rows("members.csv", lambda t: t.rename(columns={"smoker": HOSTILE, "dose": 'a"\n\\]#'}))(here)
    model(lambda x, y: LogisticRegression().fit(x, y))(here)
    owner = 'a "quoted" <b>'
    assert ask("init", "model.skops", "members.csv", "--out", "x.toml", "--owner", owner).code == 0
    import tomllib

    written = tomllib.loads((here / "x.toml").read_text("utf-8"))
    assert written["model"]["owner"] == owner


def test_odd_surroundings(here: Path, run: Run) -> None:
    rewrite("Test team", "Prüfung 年")(here)
    no_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    looks = {"COLUMNS": "20", "NO_COLOR": "1", "FORCE_COLOR": "1"}
    done = run(*LOSS, cwd=here, env=no_locale | looks | {"HOME": ""})
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b[3" not in done.stdout
    assert done.stdout.rstrip().endswith("report.html")


def test_a_verdict_stands_when_nobody_reads(here: Path) -> None:
    piped = " ".join(f"'{word}'" for word in (*PROGRAM, *LOSS))
    done = subprocess.run(
        ["bash", "-c", f"{piped} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=here, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == load(here / "reticent-out" / "record.json").exit_code
    assert done.returncode != 1
    assert "Traceback" not in done.stderr


def test_nobody_has_to_read_along(here: Path) -> None:
    piped = " ".join(f"'{word}'" for word in (*PROGRAM, *LOSS))
    done = subprocess.run(
        ["bash", "-c", f"{piped} 2> >(true) > /dev/null"],
        cwd=here, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    record = load(here / "reticent-out" / "record.json")
    assert record.run.complete
    assert done.returncode == record.exit_code


def test_closed_streams(here: Path) -> None:
    words = " ".join(f"'{word}'" for word in (*PROGRAM, *LOSS))
    done = subprocess.run(["bash", "-c", f"{words} >&- 2>&-"], cwd=here, env=environment())
    assert done.returncode == load(here / "reticent-out" / "record.json").exit_code


def pieces(here: Path) -> int:
    work = here / "reticent-out" / "work"
    return sum(not p.name.startswith(".") for p in work.iterdir()) if work.is_dir() else 0


@pytest.mark.parametrize(
    ("signals", "codes"),
    [
        # A shell shows 130 for both: the second one may come when the message is out already.
        pytest.param((signal.SIGINT, signal.SIGINT), (130, -signal.SIGINT), id="Ctrl-C twice"),
        pytest.param((signal.SIGTERM,), (-signal.SIGTERM,), id="terminated"),
    ],
)
def test_what_was_measured_outlives_signals(
    signals: tuple[signal.Signals, ...], codes: tuple[int, ...], here: Path, run: Run
) -> None:
    command = ("audit", "reticent.toml", "--only", "map")
    process = subprocess.Popen(
        [*PROGRAM, *command],
        cwd=here,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and pieces(here) < 2:
        time.sleep(0.01)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.02)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode in codes, stderr
    assert "Traceback" not in stderr
    again = run(*command, "--resume", cwd=here)
    assert again.returncode in (0, 1, 2, 3), again.stderr
    record = load(here / "reticent-out" / "record.json")
    assert record.run.complete
    assert record.run.reused >= 1
