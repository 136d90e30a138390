"""Cheap facts about a source, without loading it and without quoting anybody's record."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reticent.core import BadInput
from reticent.data._engine import name
from reticent.data.source import Source, is_query, opened

if TYPE_CHECKING:
    import duckdb

MOST_VALUES = 20  # a domain larger than that is not listed
LEAST_PER_VALUE = 10  # a value that fewer people share could point at one of them

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT")
_NUMBERS = (*_WHOLE, "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What is known about one column.

    Attributes:
        name: the column.
        kind: "number", "whole number", "truth value", "text", "time" or "other".
        missing_share: share of rows without a value, 0 to 1; None if there are no rows.
        distinct: about how many different values; exact where `values` is given.
        low: smallest number; None for what is no number.
        high: largest number; None likewise.
        values: the values of a small domain, sorted, each shared by at least 10 rows; empty
            otherwise, so that no rare value and no name is ever quoted.
    """

    name: str
    kind: str
    missing_share: float | None
    distinct: int
    low: float | None = None
    high: float | None = None
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a source.

    Attributes:
        rows: how many.
        columns: one entry each, in order.
    """

    rows: int
    columns: tuple[ColumnFacts, ...]

    def column(self, wanted: str) -> ColumnFacts:
        """Return the facts about one column.

        Raises: BadInput if there is no such column.
        """
        for facts in self.columns:
            if facts.name == wanted:
                return facts
        raise BadInput(f"Column {wanted!r} is not in the data.", way_out="Correct the name.")


def describe(source: str | Path, *, base: Path | None = None) -> Facts:
    """Return facts about a source: rows, and for each column its kind, gaps, extent and domain.

    Aggregated where the data lies: memory does not grow with the rows.

    Raises: BadInput if the source is missing or cannot be parsed.
    """
    try:
        with opened(source, base=base) as data:
            return _facts(data)
    except BadInput:
        if is_query(source):
            raise
    with opened(source, base=base, whole=True) as data:
        return _facts(data)


def _facts(data: Source) -> Facts:
    asked = ["count(*)"]
    for column, sql in zip(data.columns, data.kinds, strict=True):
        c = name(column)
        extent = f"min({c})::DOUBLE, max({c})::DOUBLE" if _is_number(sql) else "NULL, NULL"
        asked += [f"count({c}), approx_count_distinct({c}), {extent}"]
    found = data.connection.execute(f"SELECT {', '.join(asked)} FROM {data.relation}").fetchone()
    rows, *rest = found or (0,)
    facts = []
    for j, (column, sql) in enumerate(zip(data.columns, data.kinds, strict=True)):
        present, distinct, low, high = rest[4 * j : 4 * j + 4]
        values = _domain(data, column, sql, rows, distinct)
        facts.append(
            ColumnFacts(
                name=column,
                kind=_kind(sql, values if data.untyped else ()),
                missing_share=1 - present / rows if rows else None,
                distinct=len(values) or int(distinct),
                low=low,
                high=high,
                values=values,
            )
        )
    return Facts(rows=int(rows), columns=tuple(facts))


def _domain(data: Source, column: str, sql: str, rows: int, distinct: int) -> tuple[object, ...]:
    listed = sql in {"VARCHAR", "BOOLEAN"} or sql.startswith((*_WHOLE, "ENUM"))
    if not listed or distinct > 2 * MOST_VALUES or rows < LEAST_PER_VALUE:
        return ()
    c = name(column)
    counted: list[tuple[Any, int]] = _counts(data.connection, c, data.relation)
    if not 0 < len(counted) <= MOST_VALUES or min(n for _, n in counted) < LEAST_PER_VALUE:
        return ()
    return tuple(value for value, _ in counted)


def _counts(
    connection: "duckdb.DuckDBPyConnection", column: str, relation: str
) -> list[tuple[Any, int]]:
    return connection.execute(
        f"SELECT {column}, count(*) FROM {relation} WHERE {column} IS NOT NULL "
        f"GROUP BY 1 ORDER BY 1 LIMIT {MOST_VALUES + 1}"
    ).fetchall()


def _is_number(sql: str) -> bool:
    return sql.startswith(_NUMBERS)


def _kind(sql: str, values: tuple[object, ...]) -> str:
    if sql == "BOOLEAN" or (values and {str(v).lower() for v in values} <= {"true", "false"}):
        return "truth value"
    if sql.startswith(_WHOLE):
        return "whole number"
    if _is_number(sql):
        return "number"
    if sql == "VARCHAR" or sql.startswith("ENUM"):
        return "text"
    return "time" if sql.startswith(("DATE", "TIME")) else "other"
