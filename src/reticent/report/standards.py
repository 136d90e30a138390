"""Standards as data: tables that say which entry of which edition our evidence bears on."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Generic, Protocol, TypeVar


class Entry(Protocol):
    """One entry of a standard."""

    @property
    def id(self) -> str:
        """As the standard numbers it."""

    @property
    def title(self) -> str:
        """As the standard calls it."""

    @property
    def note(self) -> str:
        """How we read it, where that is not plain."""


Row = TypeVar("Row", bound=Entry, covariant=True)


@dataclass(frozen=True, slots=True)
class Standard(Generic[Row]):
    """One edition of one standard.

    Attributes:
        id: short name.
        name: full name.
        edition: which edition the rows are of.
        source: where to read it.
        checked: when the rows were last held against it.
        basis: what they were held against.
        rows: its entries.
        note: what holds for all of them.
    """

    id: str
    name: str
    edition: str
    source: str
    checked: date
    basis: str
    rows: tuple[Row, ...]
    note: str = ""


def read_standards(
    package: str, row_of: Callable[[Mapping[str, Any]], Row]
) -> tuple[Standard[Row], ...]:
    """Return the mapping tables of a package, in the order of their file names.

    Args:
        package: whose folder `mappings` holds them, a TOML file an edition.
        row_of: makes an entry of its table.
    """
    tables = sorted((files(package) / "mappings").iterdir(), key=lambda file: file.name)
    read = [
        tomllib.loads(file.read_text("utf-8")) for file in tables if file.name.endswith(".toml")
    ]
    return tuple(
        Standard(**(table | {"rows": tuple(map(row_of, table["rows"]))})) for table in read
    )
