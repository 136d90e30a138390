"""Whatever is done to a journal by somebody without the secret is found; erasure is not."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from reticent.guard.journal.chain import Head, Row, payload_of, sealed, start_of
from reticent.guard.journal.checkpoint import Checkpoint, anchors, checkpoint
from reticent.guard.journal.keeper import erase
from reticent.guard.journal.keys import JournalKeys, journal_keys
from reticent.guard.journal.sqlite import GUARD, SqliteStore, sqlite_journal
from reticent.guard.journal.store import KEEPER
from reticent.guard.journal.verify import Problem, Verified, as_json, verify
from reticent.guard.types import Entry

from .conftest import entry

Clock = Callable[[], float]
Rows = list[Row]

KEYS = journal_keys(bytes(range(32)))
OTHERS = journal_keys(bytes(range(1, 33)))
N = 12


class Kept:
    """A journal in memory, as a store shows it."""

    def __init__(self, rows: dict[str, Rows], lines: dict[str, list[bytes]]) -> None:
        self._rows, self._lines = rows, lines

    def chains(self) -> list[str]:
        return [GUARD, KEEPER]

    def rows(self, chain: str, after: int = 0) -> Sequence[Row]:
        return [row for row in self._rows.get(chain, []) if row.sequence > after]

    def checkpoints(self, chain: str) -> Sequence[bytes]:
        return self._lines.get(chain, [])


def chained(entries: Sequence[Entry], chain: str = GUARD, keys: JournalKeys = KEYS) -> Rows:
    salts = bytes(i % 251 for i in range(16 * len(entries)))
    return sealed(keys.chain, start_of(keys.chain, chain), [payload_of(e) for e in entries], salts)


def signed(rows: Rows, number: int = 1, chain: str = GUARD, keys: JournalKeys = KEYS) -> Checkpoint:
    head = Head(rows[-1].sequence, rows[-1].link)
    return checkpoint(keys, chain, head, number=number, time_s=1.0)


def checked(
    rows: Rows,
    *,
    keeper: Rows | None = None,
    outside: Sequence[Checkpoint] = (),
    inside: Sequence[Checkpoint] = (),
) -> Verified:
    whole = chained([entry(i) for i in range(N)])
    lines = [signed(whole[:5], 1).line(), signed(whole[:9], 2).line(), *(c.line() for c in inside)]
    store = Kept({GUARD: rows, KEEPER: keeper or []}, {GUARD: lines})
    return verify(store, KEYS, anchors=outside)  # type: ignore[arg-type]  # the reading half alone


ROWS = chained([entry(i) for i in range(N)])
END = signed(ROWS, 3)


def without(rows: Rows, *sequences: int) -> Rows:
    return [
        row._replace(payload=bytes(len(row.payload)), salt=bytes(16), erased=True)
        if row.sequence in sequences
        else row
        for row in rows
    ]


def erasure(*pairs: tuple[int, int]) -> Entry:
    return Entry(time_s=9.0, kind="erasure", outcome="asked", detail={"rows": {GUARD: pairs}})


def test_a_journal_as_written_has_no_problems() -> None:
    report = checked(ROWS, outside=[END], inside=[END])
    assert not report.problems
    assert report.chains[0].rows == N
    assert (report.chains[0].checkpoints, report.chains[0].anchors) == (3, 1)
    assert report.chains[0].unsigned == 0
    assert checked(ROWS).chains[0].unsigned == N - 9


index = st.integers(0, N - 1)


@given(index, st.sampled_from(["payload", "salt", "commitment", "link"]), st.data())
def test_any_altered_byte_is_found_at_its_row(i: int, name: str, data: st.DataObject) -> None:
    cell = getattr(ROWS[i], name)
    at = data.draw(st.integers(0, len(cell) - 1))
    other = bytes([cell[at] ^ data.draw(st.integers(1, 255))])
    rows = [*ROWS]
    rows[i] = rows[i]._replace(**{name: cell[:at] + other + cell[at + 1 :]})
    assert ROWS[i].sequence in {p.sequence for p in checked(rows).problems}


@given(index, index)
def test_any_swap_is_found(i: int, j: int) -> None:
    rows = [*ROWS]
    rows[i] = ROWS[j]._replace(sequence=i + 1)
    rows[j] = ROWS[i]._replace(sequence=j + 1)
    assert bool(checked(rows).problems) == (i != j)


@given(st.integers(1, N), st.integers(1, 3))
def test_any_deletion_is_found(first: int, count: int) -> None:
    rows = [row for row in ROWS if not first <= row.sequence < first + count]
    assert any(p.sequence for p in checked(rows, outside=[END]).problems)


@given(index)
def test_closing_the_gap_does_not_hide_a_deletion(i: int) -> None:
    rows = [row._replace(sequence=k + 1) for k, row in enumerate(r for r in ROWS if r != ROWS[i])]
    assert any(p.sequence for p in checked(rows, outside=[END]).problems)


@given(st.integers(0, N), st.sampled_from([KEYS, OTHERS]))
def test_any_insertion_is_found(at: int, keys: JournalKeys) -> None:
    """Also of a row that was once written, or is written with another secret."""
    alien = chained([entry(99)] * N, keys=OTHERS)[0] if keys is OTHERS else ROWS[3]
    rows = [row._replace(sequence=k + 1) for k, row in enumerate([*ROWS[:at], alien, *ROWS[at:]])]
    assert checked(rows).problems


@given(st.integers(0, N - 1))
def test_a_cut_end_is_found_with_an_anchor(length: int) -> None:
    report = checked(ROWS[:length], outside=[END])
    assert any(p.sequence == length + 1 for p in report.problems)


def test_a_cut_end_is_found_by_checkpoints_in_the_journal_as_far_as_they_go() -> None:
    assert checked(ROWS[:8]).problems
    assert not checked(ROWS[:9]).problems  # why anchors must lie elsewhere


def test_a_history_written_anew_with_the_chain_key_is_found_with_an_anchor() -> None:
    anew = chained([entry(i + 100) for i in range(N)])
    store = Kept({GUARD: anew}, {})
    assert not verify(store, KEYS).problems  # type: ignore[arg-type]  # the reading half alone
    found = verify(store, KEYS, anchors=[END]).problems  # type: ignore[arg-type]  # likewise
    assert N in [p.sequence for p in found]


@given(st.sets(st.integers(1, N), min_size=1))
def test_erasure_is_no_problem_where_an_entry_names_it(gone: set[int]) -> None:
    keeper = chained([erasure(*((i, i) for i in sorted(gone)))], KEEPER)
    report = checked(without(ROWS, *gone), keeper=keeper, outside=[END], inside=[END])
    assert not report.problems
    assert report.chains[0].erased == len(gone)
    assert not report.unfinished


@given(st.sets(st.integers(1, N), min_size=1), st.integers(1, N))
def test_erasure_that_no_entry_names_is_found(gone: set[int], unnamed: int) -> None:
    named = gone - {unnamed}
    keeper = chained([erasure(*((i, i) for i in sorted(named)))], KEEPER)
    report = checked(without(ROWS, *gone, unnamed), keeper=keeper)
    assert {p.sequence for p in report.problems} == {unnamed}


def test_an_entry_does_not_cover_rows_that_came_after_it_in_its_own_chain() -> None:
    entries = [entry(0), erasure((1, 3)), entry(2)]
    rows = chained(entries)
    for gone, problems in (({1}, set()), ({3}, {3}), ({1, 2}, {1})):
        store = Kept({GUARD: without(rows, *gone)}, {})
        found = verify(store, KEYS).problems  # type: ignore[arg-type]  # the reading half alone
        assert {p.sequence for p in found} == problems


def test_an_erasure_that_names_more_than_is_gone_is_unfinished() -> None:
    report = checked(without(ROWS, 2), keeper=chained([erasure((1, 3), (2, 2))], KEEPER))
    assert not report.problems
    assert report.unfinished == ((GUARD, 1, 1), (GUARD, 3, 3))


def test_an_erased_row_must_hold_nothing() -> None:
    rows = without(ROWS, 2)
    rows[1] = rows[1]._replace(payload=b"still here")
    report = checked(rows, keeper=chained([erasure((2, 2))], KEEPER))
    assert [p.sequence for p in report.problems] == [2]


@pytest.mark.parametrize(
    "outside",
    [
        signed(ROWS, 3, keys=OTHERS),
        Checkpoint(**{n: getattr(END, n) for n in Checkpoint.__slots__} | {"count": N - 1}),
        Checkpoint(**{n: getattr(END, n) for n in Checkpoint.__slots__} | {"signature": "00" * 64}),
        signed(chained([entry(0)], "replica-9"), chain="replica-9"),
    ],
    ids=["another key", "altered", "no signature", "a chain that is gone"],
)
def test_an_anchor_that_does_not_fit_is_a_problem(outside: Checkpoint) -> None:
    assert checked(ROWS, outside=[outside]).problems


def test_a_missing_checkpoint_is_a_problem() -> None:
    lines = [signed(ROWS[:5], 1).line(), signed(ROWS[:9], 3).line()]
    store = Kept({GUARD: ROWS}, {GUARD: lines})
    found = verify(store, KEYS).problems  # type: ignore[arg-type]  # the reading half alone
    assert "checkpoint 2 is missing" in str(found[0])


def test_a_last_checkpoint_that_only_an_anchor_has_is_missing() -> None:
    assert checked(ROWS, outside=[END]).problems == (
        Problem(
            chain=GUARD,
            sequence=None,
            what="checkpoint 3, which an anchor repeats, is missing.",
        ),
    )


def test_a_number_given_anew_does_not_hide_that_a_checkpoint_is_gone() -> None:
    again = signed(ROWS[:11], 3)
    found = checked(ROWS, outside=[END], inside=[again]).problems
    assert [p.what for p in found] == ["checkpoint 3 is not the one that an anchor repeats."]


def test_a_checkpoint_without_its_anchor_is_what_a_crash_leaves() -> None:
    assert not checked(ROWS, outside=[signed(ROWS[:9], 2)], inside=[END]).problems


def test_another_secret_fits_nothing() -> None:
    store = Kept({GUARD: ROWS}, {})
    assert verify(store, OTHERS).problems  # type: ignore[arg-type]  # the reading half alone


def written(path: Path, keys: JournalKeys, clock: Clock, entries: Sequence[Entry]) -> None:
    async def use() -> None:
        journal = sqlite_journal(
            path, keys, clock=clock, anchors=path.with_name("anchors.jsonl"), checkpoint_rows=10
        )
        for each in entries:
            await journal.append(each, durable=False)
        await journal.close()

    asyncio.run(use())


def test_a_real_file_verifies_and_an_altered_one_does_not(
    path: Path, keys: JournalKeys, clock: Clock
) -> None:
    written(path, keys, clock, [entry(i) for i in range(45)])
    store = SqliteStore(path)
    report = verify(store, keys, anchors=anchors(path.with_name("anchors.jsonl")))
    store.close()
    assert not report.problems
    assert report.chains[0].anchors == report.chains[0].checkpoints >= 1
    assert report.chains[0].unsigned == 0
    assert as_json(report)["whole"]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE guard_rows SET payload = 'text' WHERE sequence = 7")
    connection.close()
    store = SqliteStore(path)
    assert [p.sequence for p in verify(store, keys).problems] == [7]
    store.close()


def test_a_damaged_file_is_reported_not_raised(path: Path, keys: JournalKeys, clock: Clock) -> None:
    written(path, keys, clock, [entry(i, identity="x" * 500) for i in range(300)])
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(data)
    store = SqliteStore(path)
    assert verify(store, keys).problems
    store.close()


@settings(max_examples=15)
@given(st.sets(st.integers(0, 29)), st.integers(1, 7))
def test_a_journal_verifies_after_erasures(
    tmp_path_factory: pytest.TempPathFactory, gone: set[int], portion: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    written(path, KEYS, lambda: 1.0, [entry(i) for i in range(30)])
    store = SqliteStore(path)
    wanted = {entry(i).time_s for i in gone}
    done = erase(
        store, KEYS, lambda e: e.time_s in wanted, "asked", clock=lambda: 2.0, most_rows=portion
    )
    report = verify(store, KEYS, anchors=anchors(path.with_name("anchors.jsonl")))
    store.close()
    assert done.rows == len(gone)
    assert done.portions == -(-len(gone) // portion)
    assert not report.problems
    assert not report.unfinished
    assert report.chains[0].erased == len(gone)
