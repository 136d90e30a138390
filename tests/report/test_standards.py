"""Standards are read from tables of a package, one an edition."""

import tomllib
from dataclasses import dataclass
from datetime import date

import pytest

from reticent.report.standards import Standard, read_standards

TABLE = """\
id = "{id}"
name = "A standard"
edition = "2026"
source = "https://example.org"
checked = 2026-01-02
basis = "its text"
{more}
[[rows]]
id = "A1"
title = "Ask first"
[[rows]]
id = "A2"
title = "Then look"
note = "Loosely."
"""


@dataclass(frozen=True)
class Row:
    id: str
    title: str
    note: str = ""


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / f"of_{tmp_path.name}" / "mappings"  # a package is imported once
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def read(folder):
    return read_standards(folder.parent.name, lambda row: Row(**row))


def test_a_table_becomes_an_edition_with_its_rows(package):
    (package / "b.toml").write_text(TABLE.format(id="second", more='note = "In part."\n'))
    (package / "a.toml").write_text(TABLE.format(id="first", more=""))
    (package / "notes.md").write_text("no table")
    first, second = read(package)
    assert [first.id, second.id] == ["first", "second"]
    assert first == Standard(
        id="first",
        name="A standard",
        edition="2026",
        source="https://example.org",
        checked=date(2026, 1, 2),
        basis="its text",
        rows=(Row("A1", "Ask first"), Row("A2", "Then look", "Loosely.")),
    )
    assert (first.note, second.note) == ("", "In part.")


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        (TABLE.format(id="a", more='colour = "red"\n'), TypeError),  # a key that nobody reads
        (TABLE.format(id="a", more="").replace('edition = "2026"\n', ""), TypeError),
        (TABLE.format(id="a", more="").replace('title = "Ask first"\n', ""), TypeError),
        ("rows = [", tomllib.TOMLDecodeError),
    ],
)
def test_a_table_that_is_not_whole_is_no_standard(package, text, raised):
    (package / "a.toml").write_text(text)
    with pytest.raises(raised):
        read(package)
