"""What every audit's configuration has, whatever its modality."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from reticent.config.audited import Audited, AuditTable, Declared, Table, is_declared
from reticent.config.faults import Fault


class Note(Table):
    text: str = "a"


class Noted(Audited):
    """A modality with two tables, one of which changes no figure."""

    kind: Literal["noted"] = "noted"
    note: Note = Field(default_factory=Note)
    aside: Note = Field(default_factory=Note)

    unmeasured = frozenset({"aside"})

    @classmethod
    def faults_in(cls, doc: dict[str, Any]) -> list[Fault]:
        wrong = doc["note"]["text"] == "wrong"
        return [Fault(("note", "text"), "It is wrong.", "Write a.")] if wrong else []

    @property
    def may_name(self):
        return {("note", "text"): self.note.text, ("aside", "text"): None}


def test_a_modality_says_what_fits_together_and_what_it_names():
    class Half(Audited):
        @classmethod
        def faults_in(cls, doc: dict[str, Any]) -> list[Fault]:
            return []

    with pytest.raises(TypeError, match="may_name"):
        Half()
    with pytest.raises(TypeError, match="faults_in"):
        Audited()


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValidationError, match=r"It is wrong\. Write a\."):
        Noted(note=Note(text="wrong"))


def test_only_what_is_named_is_a_file():
    assert Noted(note=Note(text="b")).files == {("note", "text"): "b"}


def test_the_digest_names_the_values_and_not_the_place():
    one = Noted()
    assert one.written_in(Path("deep/reticent.toml"), {}).digest == one.digest
    assert Noted(note=Note(text="b")).digest != one.digest
    assert Noted(aside=Note(text="b")).digest == one.digest


def test_a_place_gives_lines_and_the_folder_of_relative_paths():
    placed = Noted().written_in(Path("deep/reticent.toml"), {(): 1, ("note",): 4})
    assert placed.base == Path("deep")
    assert placed.line("note", "text") == 4
    assert placed.line("elsewhere") == 1
    assert Noted().path is None
    assert Noted().base == Path()


@pytest.mark.parametrize(
    ("family", "attack", "policy", "within"),
    [
        ([("all", "all")], "lira", "open", True),
        ([("lira", "all")], "lira", "open", True),
        ([("lira", "rounded")], "lira", "open", False),
        ([("all", "open")], "lira", "open", True),
        ([("map", "open"), ("lira", "open")], "lira", "open", True),
        ([], "lira", "open", False),
    ],
)
def test_a_family_of_declared_cells(family, attack, policy, within):
    assert is_declared(family, attack, policy) is within
    table = AuditTable(declared=tuple(Declared(attack=a, policy=p) for a, p in family))
    assert table.is_declared(attack, policy) is within


def test_everything_is_declared_unless_a_list_says_otherwise():
    assert AuditTable().family == (("all", "all"),)
