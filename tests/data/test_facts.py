"""describe: the right facts, and nobody's record quoted."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.datasets import fair

from reticent.core import BadInput
from reticent.data import describe


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    table = fair.load_pandas().data
    table["work"] = table["occupation"].map(lambda v: f"job {v:.0f}").astype(object)
    table["person"] = [f"person {i}" for i in range(len(table))]
    table["happy"] = table["rate_marriage"] > 3
    table.loc[::10, "educ"] = np.nan
    return table


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather"])
def test_facts_are_right(people, tmp_path, suffix) -> None:
    path = tmp_path / f"people.{suffix}"
    if suffix == "csv":
        people.to_csv(path, index=False)
    else:
        getattr(people, f"to_{suffix}")(path)
    facts = describe(path)
    assert facts.rows == 6366
    assert [c.name for c in facts.columns] == list(people.columns)
    age = facts.column("age")
    assert (age.kind, age.low, age.high, age.missing_share) == ("number", 17.5, 42.0, 0.0)
    assert facts.column("educ").missing_share == pytest.approx(637 / 6366)
    work = facts.column("work")
    assert work.kind == "text"
    assert work.values == tuple(f"job {i}" for i in range(1, 7))
    assert (work.distinct, work.low) == (6, None)
    happy = facts.column("happy")
    assert (happy.kind, happy.distinct) == ("truth value", 2)


def test_no_record_is_quoted(people, tmp_path) -> None:
    people.to_csv(tmp_path / "people.csv", index=False)
    person = describe(tmp_path / "people.csv").column("person")
    assert person.values == ()
    assert person.distinct == pytest.approx(6366, rel=0.2)  # an estimate, by HyperLogLog
    assert "person 1" not in repr(describe(tmp_path / "people.csv"))


@pytest.mark.parametrize(("rare", "listed"), [(9, False), (10, True)])
def test_a_rare_value_hides_its_domain(tmp_path, rare, listed) -> None:
    path = tmp_path / "a.csv"
    path.write_text("s\n" + "flu\n" * 90 + "plague\n" * rare)
    values = describe(path).column("s").values
    assert values == (("flu", "plague") if listed else ())


@pytest.mark.parametrize(("count", "listed"), [(20, True), (21, False)])
def test_a_large_domain_is_not_listed(tmp_path, count, listed) -> None:
    path = tmp_path / "a.csv"
    path.write_text("n\n" + "".join(f"{i}\n" * 10 for i in range(count)))
    column = describe(path).column("n")
    assert bool(column.values) == listed
    assert column.kind == "whole number"


def test_queries_and_empty_tables() -> None:
    facts = describe("select 1.5::double as a, 'x' as b, date '2020-01-01' as c where false")
    assert facts.rows == 0
    assert [c.kind for c in facts.columns] == ["number", "text", "time"]
    assert [c.missing_share for c in facts.columns] == [None] * 3  # no data is None, never 0


def test_a_late_text_in_a_column_of_numbers(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "1\n" * 50_000 + "x\n")
    assert describe(path).column("a").kind == "text"


def test_what_cannot_be_described(tmp_path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        describe(tmp_path / "absent.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        describe("select bogus")
    with pytest.raises(BadInput, match="'b' is not in the data"):
        describe("select 1 as a").column("b")
