"""What a data source is, as one thing that DuckDB can select from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reticent.core import BadInput
from reticent.data._engine import engine, name, one_select, text

if TYPE_CHECKING:
    import duckdb

TEXTS = frozenset({".csv", ".tsv", ".txt"})
PARQUETS = frozenset({".parquet", ".pq"})
JSONS = frozenset({".jsonl", ".ndjson"})
ARROWS = frozenset({".arrow", ".feather", ".ipc"})

_SQL = re.compile(r"\s*(select|with|from)\s", re.IGNORECASE)

# What pandas.read_csv takes for missing and for numbers, so that a model trained on a pandas
# table meets the same values here: dates and yes/no stay text.
_MISSING = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
_CSV_TYPES = ("BIGINT", "DOUBLE", "VARCHAR")
_CSV_BUFFER_BYTES = 4 << 20  # the default of 32 MiB would outweigh many a table


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An open source.

    Attributes:
        connection: where it can be asked.
        relation: what stands after FROM.
        columns: its column names, in order.
        kinds: their SQL types.
        untyped: True for text files, where true/false has not become a truth value yet.
    """

    connection: "duckdb.DuckDBPyConnection"
    relation: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    untyped: bool


def is_query(source: str | Path) -> bool:
    """Return whether a source is SQL rather than a path."""
    return isinstance(source, str) and _SQL.match(source) is not None


@contextmanager
def opened(source: str | Path, *, base: Path | None, whole: bool = False) -> Iterator[Source]:
    """Open a file or a query.

    Args:
        source: a path (CSV, TSV, Parquet, Arrow/Feather, JSON lines), or an SQL SELECT.
        base: the folder that relative paths start from; the current one if None.
        whole: look at a whole text file before deciding on the types, not at its head only.

    Raises: BadInput if it is missing, of no known format, or cannot be parsed.
    """
    root = Path(base) if base is not None else Path()
    called = "The query's data" if is_query(source) else Path(source).name
    with engine(base=root, called=called) as connection:
        untyped = False
        if is_query(source):
            relation = f"({one_select(connection, str(source))}\n)"
        else:
            path = _existing(root / source, source)
            suffix = path.suffix.lower()
            untyped = suffix in TEXTS
            if untyped:
                relation = _csv(path, whole=whole)
            elif suffix in PARQUETS:
                relation = f"read_parquet({text(_literal(path))})"
            elif suffix in JSONS:
                relation = _json(path)
            elif suffix in ARROWS:
                connection.register("arrow_file", _arrow(path))
                relation = "arrow_file"
            else:
                raise BadInput(
                    f"{str(source)!r} ends in {suffix or 'nothing'!r}, which is no data format "
                    "known here.",
                    way_out="Give a .csv, .tsv, .parquet, .arrow or .jsonl file, or an SQL SELECT.",
                )
        about = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        yield Source(
            connection,
            relation,
            tuple(str(row[0]) for row in about),
            tuple(str(row[1]) for row in about),
            untyped,
        )


def selected(columns: tuple[str, ...]) -> str:
    """Return the columns as they stand after SELECT."""
    return ", ".join(map(name, columns))


def _existing(path: Path, source: str | Path) -> Path:
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise BadInput(
            f"Data file {str(source)!r} is not there.",
            way_out="Check the path; relative ones start at the configuration's folder.",
        )
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}.",
            way_out="Check its permissions and the disk.",
        ) from error
    if empty:
        raise BadInput(f"{path} is empty.", way_out="Export the data again.")
    return path.absolute()


def _literal(path: Path) -> str:
    """Return a path in which no letter is a wildcard."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _csv(path: Path, *, whole: bool) -> str:
    options = [
        text(_literal(path)),
        "header = true",
        f"buffer_size = {_CSV_BUFFER_BYTES}",
        f"nullstr = [{', '.join(map(text, _MISSING))}]",
        f"auto_type_candidates = [{', '.join(map(text, _CSV_TYPES))}]",
    ]
    if path.suffix.lower() == ".tsv":
        options.append("delim = '\\t'")
    if whole:
        options.append("sample_size = -1")
    return f"read_csv({', '.join(options)})"


def _json(path: Path) -> str:
    options = "format = 'newline_delimited', auto_detect = true, sample_size = -1"
    return f"read_json({text(_literal(path))}, {options}, convert_strings_to_integers = false)"


def _arrow(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc as ipc
    except ImportError as error:
        raise BadInput(
            f"{path} is an Arrow file, and pyarrow is not installed.",
            way_out="Install it with: pip install 'reticent[arrow]'.",
        ) from error
    try:
        with pa.memory_map(str(path)) as file:
            try:
                reader = ipc.open_file(file)
            except pa.ArrowInvalid:
                file.seek(0)
                return _sound(ipc.open_stream(file).read_all())
            return _sound(reader.read_all())
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise BadInput(
            f"{path} cannot be read as Arrow: {said}",
            way_out="It is truncated or of another format; write it again.",
        ) from error


def _sound(table: Any) -> Any:
    table.validate(full=True)  # offsets that point outside the file would crash whoever follows
    return table
