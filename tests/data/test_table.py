"""read_table: the values of pandas.read_csv, only the columns asked for, and no way out."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from statsmodels.datasets import fair

from reticent.core import BadInput, ReticentError
from reticent.data import data_digest, read_table


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    table = fair.load_pandas().data.iloc[::4].reset_index(drop=True)
    table["work"] = table["occupation"].map(lambda v: f"job {v:.0f}").astype(object)
    table["happy"] = table["rate_marriage"] > 3
    table["whole"] = table["age"].round().astype(int)
    table.loc[::7, "educ"] = np.nan
    table.loc[::5, "work"] = np.nan
    return table


@pytest.fixture(scope="module")
def folder(people, tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("data")
    people.to_csv(made / "people.csv", index=False)
    people.to_csv(made / "people.tsv", index=False, sep="\t")
    people.to_parquet(made / "people.parquet")
    people.to_feather(made / "people.feather")
    people.to_json(made / "people.jsonl", orient="records", lines=True)
    return made


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    text = [c for c in frame if frame[c].dtype.kind not in "biufM"]
    return frame.astype(dict.fromkeys(text, object))


FILES = ["people.csv", "people.tsv", "people.parquet", "people.feather"]


@pytest.mark.parametrize("name", FILES)
def test_every_format_says_the_same(folder, people, name) -> None:
    found = read_table(folder / name)
    pd.testing.assert_frame_equal(found, plain(people))
    assert found["work"].dtype == object
    assert isinstance(found["work"][0], float)  # missing text is NaN, as pandas has it


def test_json_lines_say_the_same(folder, people) -> None:
    found = read_table("people.jsonl", base=folder)
    assert data_digest(found) == data_digest(people)


def test_text_is_stored_once_for_each_value(folder) -> None:
    work = read_table(folder / "people.csv", columns=["work"])["work"].dropna()
    assert len({id(v) for v in work}) == work.nunique()


@pytest.mark.parametrize("name", FILES)
def test_columns_come_in_the_order_asked(folder, people, name) -> None:
    found = read_table(name, columns=["whole", "age", "whole"], base=folder, limit=5)
    pd.testing.assert_frame_equal(found, people[["whole", "age"]].head(5))
    assert read_table(name, columns=[], base=folder).shape == (len(people), 0)
    assert read_table(name, columns=["age"], base=folder, limit=0).shape == (0, 1)


def test_a_query_reads_files_beside_the_configuration(folder, people) -> None:
    sql = "SELECT age, children AS c FROM 'people.parquet' WHERE age > 30;"
    found = read_table(sql, base=folder, columns=["c"])
    expected = people.loc[people["age"] > 30, "children"]
    assert found["c"].tolist() == expected.tolist()
    joined = (
        "with a as (from 'people.csv') select count(*) n from a join 'people.parquet' using (age)"
    )
    assert read_table(joined, base=folder)["n"].dtype == np.int64


def test_a_missing_column_is_named_with_what_comes_close(folder) -> None:
    with pytest.raises(BadInput, match=r"Column 'Age' is not in people.csv. Close: 'age'"):
        read_table(folder / "people.csv", columns=["Age"])
    with pytest.raises(BadInput, match="is not in the query"):
        read_table("select 1 as a", columns=["b"])


CSV = """id,yes,flag,day,gap,odd name,text,code
1,yes,true,2020-01-01,,"a ""quoted"" one",x,1
2,no,False,2020-01-02,3,b,NA,2
3,no,TRUE,2020-01-03,nan,c,"x, y",N/A
"""


def test_csv_is_read_as_pandas_reads_it(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    pd.testing.assert_frame_equal(read_table(path), plain(pd.read_csv(path)))


def test_text_in_all_columns_keeps_its_header(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,town\nana,rome\nben,oslo\n")
    assert list(read_table(path).columns) == ["name", "town"]
    assert len(read_table(path)) == 2


def test_a_late_value_of_another_type_is_not_lost(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 50_000 + "1.5,x\n")
    found = read_table(path)
    assert found["a"].iloc[-1] == 1.5
    assert found["b"].iloc[-1] == "x"
    assert found["b"].iloc[0] == "2"


def test_gaps_far_down_widen_the_column(tmp_path) -> None:
    table = pd.DataFrame({"a": np.arange(40_000), "b": np.arange(40_000) % 2 == 0})
    table = table.astype({"a": "Int64", "b": "boolean"})
    table.loc[39_000:, "a"] = pd.NA
    table.loc[39_500, "b"] = pd.NA
    table.to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet")
    assert found["a"].dtype == np.float64
    assert found["a"][:39_000].tolist() == list(range(39_000))
    assert found["a"][39_000:].isna().all()
    assert found["b"][0] is True
    assert np.isnan(found["b"][39_500])


def test_narrow_numbers_and_categories(tmp_path) -> None:
    table = pd.DataFrame(
        {
            "f": np.array([1.5, 2.5], dtype=np.float32),
            "i": np.array([1, 2], dtype=np.int8),
            "c": pd.Categorical(["x", "y"]),
        }
    )
    table.to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet")
    assert found["f"].dtype == np.float32
    assert found["i"].dtype == np.int8
    assert found["c"].tolist() == ["x", "y"]
    assert found["c"].dtype == object


def test_a_pipeline_trained_on_a_pandas_table_takes_it_unchanged(folder, people) -> None:
    trained_on = pd.read_csv(folder / "people.csv").fillna({"educ": 12.0})
    cells = make_column_transformer(
        (StandardScaler(), ["age", "educ", "children"]), (OneHotEncoder(), ["work"])
    )
    y = people["affairs"] > 0
    model = make_pipeline(cells, LogisticRegression()).fit(trained_on, y)
    found = read_table(folder / "people.csv").fillna({"educ": 12.0})
    np.testing.assert_array_equal(model.predict_proba(found), model.predict_proba(trained_on))


def test_wildcards_in_a_name_are_letters(tmp_path) -> None:
    (tmp_path / "a[1]*.csv").write_text("a\n1\n")
    (tmp_path / "a1x.csv").write_text("a\n2\n")
    assert read_table(tmp_path / "a[1]*.csv")["a"].tolist() == [1]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select 1; select 2", "holds SELECT, SELECT"),
        ("select 1; copy (select 1) to 'stolen.csv'", "SELECT, COPY"),
        ("with a as (select 1) insert into b select * from a", "holds INSERT"),
        ("select * from 'https://example.org/a.csv'", "cannot be read"),
        ("select * from 's3://bucket/a.parquet'", "cannot be read"),
        ("select * from secret_frame", "does not exist"),
        ("select * from 'absent.csv'", "absent.csv"),
        ("select bogus(", "cannot be read"),
        ("from sniff_csv('absent.csv')", "cannot be read"),
    ],
)
def test_a_query_reads_and_does_nothing_else(tmp_path, sql, said) -> None:
    secret_frame = pd.DataFrame({"a": [1]})  # a variable that DuckDB would find if it were let
    with pytest.raises(BadInput, match=said):
        read_table(sql, base=tmp_path)
    assert len(secret_frame) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_data_file(tmp_path) -> None:
    (tmp_path / "a.xlsx").write_text("x")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "folder.csv").mkdir()
    for name, said in [
        ("absent.csv", "is not there"),
        ("folder.csv", "is not there"),
        ("a\0b.csv", "is not there"),
        ("a.xlsx", "no data format"),
        ("empty.csv", "is empty"),
    ]:
        with pytest.raises(BadInput, match=said) as raised:
            read_table(tmp_path / name)
        assert raised.value.way_out
    with pytest.raises(BadInput, match="limit = -1"):
        read_table("select 1", limit=-1)


def test_a_file_that_may_not_be_read(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(BadInput, match="Permission denied"):
        read_table(path)


def test_pyarrow_is_named_if_it_is_missing(folder, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r"reticent\[arrow\]"):
        read_table(folder / "people.feather")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("name", ["people.parquet", "people.feather"])
def test_a_truncated_file_is_bad_input(folder, tmp_path, name, share) -> None:
    whole = (folder / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match="cannot be read"):
        read_table(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([".csv", ".tsv", ".parquet", ".arrow", ".jsonl"]))
def test_arbitrary_bytes_give_a_table_or_our_error(tmp_path, raw, suffix) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(raw)
    try:
        assert isinstance(read_table(path), pd.DataFrame)
    except ReticentError as error:
        assert error.way_out  # noqa: PT017  # either outcome is right, and both are checked


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=",;\t\"\n\r \\x0123.-eE'#|", max_size=80))
def test_odd_csv_gives_a_table_or_our_error(tmp_path, raw) -> None:
    path = tmp_path / "a.csv"
    path.write_text(raw)
    try:
        assert isinstance(read_table(path), pd.DataFrame)
    except ReticentError as error:
        assert error.way_out  # noqa: PT017  # either outcome is right, and both are checked


# Mangled binary files go to a process of their own: a crash there is a failure here, not the end.
_MANGLE = """
import sys, numpy as np
from pathlib import Path
from reticent.core import ReticentError
from reticent.data import read_table
good, bad = Path(sys.argv[1]), Path(sys.argv[2])
whole, r, told = bytearray(good.read_bytes()), np.random.default_rng(int(sys.argv[3])), 0
for _ in range(60):
    held = bytearray(whole)
    for _ in range(r.integers(1, 6)):
        # Headers and footers hold the lengths and offsets, so most changes go there.
        near = r.integers(0, 200) if r.random() < 0.3 else len(held) - 1 - r.integers(0, 900)
        held[near if r.random() < 0.8 else r.integers(0, len(held))] = r.integers(0, 256)
    bad.write_bytes(held)
    try:
        read_table(bad)
    except ReticentError:
        told += 1
print(told)
"""


@pytest.mark.parametrize("name", ["people.parquet", "people.feather"])
def test_mangled_files_crash_nothing(folder, tmp_path, name) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _MANGLE, str(folder / name), str(tmp_path / name), "7"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert int(ran.stdout) > 5


def test_only_the_columns_asked_for_are_held(tmp_path) -> None:
    """A file with wide columns that are not asked for: the peak follows what is."""
    n = 200_000
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"w{j}": rng.normal(size=n) for j in range(30)})
    table.to_parquet(tmp_path / "wide.parquet", row_group_size=20_000)
    peak = (
        "import sys\n"
        "from reticent.data import read_table\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return int([x for x in lines if x.startswith('VmHWM')][0].split()[1]) * 1024\n"
        "read_table('select 1 as a')\n"
        "before = peak()\n"
        "frame = read_table(sys.argv[1], columns=sys.argv[2].split(','))\n"
        "print(peak() - before, frame.memory_usage(index=False).sum())\n"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process' peak memory")
    told = {}
    for wanted in ("w3", ",".join(table.columns)):
        ran = subprocess.run(
            [sys.executable, "-c", peak, str(tmp_path / "wide.parquet"), wanted],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        told[wanted] = tuple(map(int, ran.stdout.split()))
    one, every = told.values()
    assert every[1] == 30 * one[1]
    assert one[0] < every[1] / 2  # all 30 columns would need at least their own size
