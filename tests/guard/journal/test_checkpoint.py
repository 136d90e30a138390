from pathlib import Path

import pytest

from reticent.core import BadInput, BadRecord
from reticent.guard.journal.chain import Head
from reticent.guard.journal.checkpoint import (
    Checkpoint,
    anchors,
    append_anchor,
    checkpoint,
    checkpoint_of,
)
from reticent.guard.journal.keys import JournalKeys, journal_keys


@pytest.fixture
def signed(keys: JournalKeys) -> Checkpoint:
    return checkpoint(keys, "guard", Head(7, b"l" * 32), number=2, time_s=5.5)


def test_the_public_key_is_enough_to_check(signed: Checkpoint, keys: JournalKeys) -> None:
    assert signed.signed_by(keys.public_key)
    assert not signed.signed_by(journal_keys(bytes(33)).public_key)
    assert not signed.signed_by("no key")


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "keeper"},
        {"number": 3},
        {"count": 8},
        {"link": "00" * 32},
        {"time_s": 6.0},
        {"signature": ""},
        {"signature": "xx"},
    ],
)
def test_any_change_breaks_the_signature(
    signed: Checkpoint, keys: JournalKeys, change: dict[str, object]
) -> None:
    fields = {name: getattr(signed, name) for name in Checkpoint.__slots__} | change
    assert not Checkpoint(**fields).signed_by(keys.public_key)


def test_a_line_comes_back(signed: Checkpoint) -> None:
    assert checkpoint_of(signed.line()) == signed


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"chain": 1}', b"\xff"])
def test_what_is_no_checkpoint(line: bytes) -> None:
    with pytest.raises(BadRecord):
        checkpoint_of(line)


def test_a_torn_line_costs_no_other(signed: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "state" / "anchors.jsonl"
    append_anchor(path, signed)
    with path.open("ab") as file:
        file.write(signed.line()[:50])  # a crash
    append_anchor(path, signed)
    assert list(anchors(path)) == [signed, signed]


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    with pytest.raises(BadInput, match="cannot be read"):
        list(anchors(path))
    path.write_text("hello\n")
    with pytest.raises(BadInput, match="no line"):
        list(anchors(path))
    path.write_text("")
    assert list(anchors(path)) == []
