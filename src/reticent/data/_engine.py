"""DuckDB with the doors shut: local files only, no network, no extensions, one order of rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reticent.core import BadInput, ReticentError

if TYPE_CHECKING:
    import duckdb

_SHUT = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",  # SQL must not read this process' variables
)
_HARMLESS = ("Invalid unicode", "Expected Number of Columns")  # of its further lines


def text(value: str) -> str:
    """Return an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def name(column: str) -> str:
    """Return an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


@contextmanager
def engine(*, base: Path, called: str = "The data") -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open a database in memory that reads local files, with relative paths under `base`.

    Messages speak of what is `called`. One thread: rows then come in the same order on every
    machine, and no second thread holds buffers. Anything DuckDB raises becomes a BadInput.
    """
    import duckdb

    here = base.absolute()
    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        for setting in _SHUT:
            connection.execute(setting)
        connection.execute(f"SET file_search_path = {text(str(here))}")
        connection.execute(f"SET allowed_directories = [{text(here.anchor)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    except ReticentError:
        raise
    except (duckdb.Error, OSError, UnicodeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"{called} cannot be read: {_said(error)}",
            way_out="Check the path, the format and the query; Parquet is read most safely.",
        ) from error
    finally:
        connection.close()


def _said(error: Exception) -> str:
    # The engine quotes offending lines of the file further down: those may be somebody's record.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    harmless = [line for line in lines[1:] if line.startswith(_HARMLESS)]
    return " ".join([lines[0], *harmless])[:300]


def one_select(connection: "duckdb.DuckDBPyConnection", sql: str) -> str:
    """Return the query if it is a single SELECT.

    Raises: BadInput for anything that is not, or for several statements.
    """
    import duckdb

    statements: list[Any] = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(str(s.type).rpartition(".")[2] for s in statements) or "nothing"
        raise BadInput(
            f"The data query holds {kinds}; one SELECT is needed.",
            way_out="Write a single SELECT, for instance SELECT a, b FROM 'people.parquet'.",
        )
    return str(statements[0].query).strip().rstrip(";")
