"""Check a whole journal, row by row, whatever its size; every problem is named with its place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import orjson

from reticent.core import BadRecord
from reticent.guard.journal.chain import (
    Head,
    Ranges,
    Row,
    link_of,
    start_of,
    uncovered,
    wrong_with,
)
from reticent.guard.journal.checkpoint import Checkpoint, checkpoint_of
from reticent.guard.journal.keys import JournalKeys
from reticent.guard.journal.store import Store, StoreAway

MOST_PROBLEMS = 1_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written.

    Attributes:
        chain: where.
        sequence: the row's; None if it is about no single row.
        what: one sentence.
    """

    chain: str
    sequence: int | None
    what: str

    def __str__(self) -> str:
        row = "" if self.sequence is None else f", row {self.sequence}"
        return f"chain {self.chain}{row}: {self.what}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What one chain holds.

    Attributes:
        chain: its name.
        rows: how many.
        erased: rows whose text was thrown away, all named by an erasure entry.
        checkpoints: signed ones in the journal that fit.
        anchors: the same, from outside.
        unsigned: rows after the last checkpoint; cutting these off would not be noticed.
        link: the last row's, in hex.
    """

    chain: str
    rows: int
    erased: int
    checkpoints: int
    anchors: int
    unsigned: int
    link: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `verify` found.

    Attributes:
        chains: one report a chain.
        problems: at most MOST_PROBLEMS; empty if all is as it was written.
        more_problems: how many were found beyond these.
        unfinished: erasures that name rows which still have their text, (chain, first, last).
        public_key: that of the checkpoints, in hex.
    """

    chains: tuple[ChainReport, ...]
    problems: tuple[Problem, ...]
    more_problems: int = 0
    unfinished: tuple[tuple[str, int, int], ...] = ()
    public_key: str = ""


@final
@dataclass(slots=True)
class _Found:
    problems: list[Problem] = field(default_factory=list)
    more: int = 0

    def say(self, chain: str, sequence: int | None, what: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(chain=chain, sequence=sequence, what=what))
        else:
            self.more += 1


@final
@dataclass(slots=True)
class _Seen:
    """One chain's own result, and what must be held against the other chains' in the end."""

    head: Head
    count: int = 0
    erased: Ranges = field(default_factory=Ranges)
    #: chain -> [first, last] that erasure entries of this chain name, with the entry's sequence.
    named: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)


def verify(store: Store, keys: JournalKeys, *, anchors: Iterable[Checkpoint] = ()) -> Verified:
    """Return what is in a journal and what is wrong with it.

    A guard may be writing meanwhile: what comes after the start is then partly looked at. It adds
    a checkpoint to the anchors only when the journal holds it, and nothing takes one out again:
    erasing does not, and a crash in between costs the anchor. So an anchor whose checkpoint the
    journal lacks is a problem, as long as anchors are read before the journal.

    Args:
        store: need not be open for writing.
        keys: those that the journal was written with.
        anchors: checkpoints from outside of the journal, of any chain.

    Raises: BadInput if there is no journal; StoreAway if it cannot be reached.
    """
    found = _Found()
    outside: dict[str, list[Checkpoint]] = {}
    for anchor in anchors:
        outside.setdefault(anchor.chain, []).append(anchor)
    chains = store.chains()
    seen: dict[str, _Seen] = {}
    reports = []
    for chain in chains:
        signed, last = _signed(store, chain, keys, found)  # first: rows may come meanwhile
        known = [c for c in outside.get(chain, ()) if _ours(c, keys, found, "an anchor")]
        _compare(chain, signed, last, known, found)
        seen[chain] = _walked(store, chain, keys, found, [*signed, *known])
        unsigned = seen[chain].head.length - max((c.count for c in (*signed, *known)), default=0)
        reports.append(
            ChainReport(
                chain=chain,
                rows=seen[chain].count,
                erased=sum(last - first + 1 for first, last in seen[chain].erased.pairs),
                checkpoints=len(signed),
                anchors=len(known),
                unsigned=max(0, unsigned),
                link=seen[chain].head.link.hex(),
            )
        )
    for chain in sorted(outside.keys() - set(chains)):
        if any(_ours(c, keys, found, "an anchor") and c.count for c in outside[chain]):
            found.say(chain, None, "anchors tell of this chain, and the journal has none of it.")
    _check_erasures(seen, found)
    return Verified(
        chains=tuple(reports),
        problems=tuple(found.problems),
        more_problems=found.more,
        unfinished=tuple(_unfinished(seen)),
        public_key=keys.public_key,
    )


def named_by(payload: bytes) -> Mapping[str, Sequence[tuple[int, int]]]:
    """Return chain -> (first, last) pairs that an erasure entry names; empty for other entries."""
    if b'"erasure"' not in payload:  # most rows: spared the parsing
        return {}
    try:
        body = orjson.loads(payload)
        if body["kind"] != "erasure":
            return {}
        return {
            str(chain): [(int(first), int(last)) for first, last in pairs]
            for chain, pairs in body["detail"]["rows"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _signed(
    store: Store, chain: str, keys: JournalKeys, found: _Found
) -> tuple[list[Checkpoint], int]:
    """Return the checkpoints in the journal that fit, and the number of the last that is there."""
    signed: list[Checkpoint] = []
    expected, before = 1, 0
    for line in store.checkpoints(chain):
        try:
            known = checkpoint_of(line)
        except BadRecord as error:
            found.say(chain, None, f"checkpoint {expected} cannot be read: {error.what}")
            expected += 1
            continue
        if known.number != expected:
            found.say(chain, None, f"checkpoint {expected} is missing.")
        expected = known.number + 1
        if known.chain != chain:
            found.say(chain, None, f"checkpoint {known.number} is chain {known.chain!r}'s.")
            continue
        if known.count < before:
            found.say(
                chain, known.count, f"checkpoint {known.number} counts fewer rows than before."
            )
        before = known.count
        if _ours(known, keys, found, f"checkpoint {known.number}"):
            signed.append(known)
    return signed, expected - 1


def _compare(
    chain: str, signed: Sequence[Checkpoint], last: int, known: Sequence[Checkpoint], found: _Found
) -> None:
    """Hold anchors against the journal's checkpoints; gaps before the last were said already."""
    kept = {each.number: each for each in signed}
    for number, anchor in sorted({each.number: each for each in known}.items()):
        if number > last:
            found.say(chain, None, f"checkpoint {number}, which an anchor repeats, is missing.")
        elif kept.get(number, anchor) != anchor:
            found.say(chain, None, f"checkpoint {number} is not the one that an anchor repeats.")


def _ours(checkpoint: Checkpoint, keys: JournalKeys, found: _Found, name: str) -> bool:
    if checkpoint.signed_by(keys.public_key):
        return True
    what = f"{name} is not signed with this journal's key."
    found.say(checkpoint.chain, checkpoint.count, what)
    return False


def _walked(
    store: Store, chain: str, keys: JournalKeys, found: _Found, signed: Sequence[Checkpoint]
) -> _Seen:
    seen = _Seen(start_of(keys.chain, chain))
    promised: dict[int, set[str]] = {}
    for known in signed:
        promised.setdefault(known.count, set()).add(known.link)
    _check_promise(chain, seen.head, promised, found)
    for row in _readable(store, chain, found):
        previous = seen.head
        if row.sequence != previous.length + 1:
            first, last = previous.length + 1, row.sequence - 1
            gap = f"row {first} is" if first == last else f"rows {first} to {last} are"
            found.say(chain, first, f"{gap} missing.")
            # Without the row before, this one's link cannot be checked: the gap is the problem.
        elif link_of(keys.chain, previous.link, row.sequence, row.commitment) != row.link:
            found.say(chain, row.sequence, "it does not hang on the row before.")
        if wrong := wrong_with(row):
            found.say(chain, row.sequence, f"{wrong}.")
        seen.count += 1
        seen.head = Head(row.sequence, row.link)
        if row.erased:
            seen.erased.add(row.sequence)
        else:
            for other, pairs in named_by(row.payload).items():
                named = seen.named.setdefault(other, [])
                named.extend((first, last, row.sequence) for first, last in pairs)
        _check_promise(chain, seen.head, promised, found)
    for count in sorted(count for count in promised if count > seen.head.length):
        found.say(
            chain,
            seen.head.length + 1,
            f"a signed checkpoint counts {count} rows; the journal ends after row "
            f"{seen.head.length}.",
        )
    return seen


def _readable(store: Store, chain: str, found: _Found) -> Iterator[Row]:
    at = 0
    try:
        for row in store.rows(chain):
            at = row.sequence
            yield row
    except StoreAway as error:
        found.say(chain, at + 1, f"the rest cannot be read ({error}).")


def _check_promise(chain: str, head: Head, promised: Mapping[int, set[str]], found: _Found) -> None:
    if any(link != head.link.hex() for link in promised.get(head.length, ())):
        found.say(chain, head.length, "it is not the row that a signed checkpoint tells of.")


def _check_erasures(seen: Mapping[str, _Seen], found: _Found) -> None:
    for chain, one in seen.items():
        covers = [
            (first, min(last, at - 1) if teller == chain else last)
            for teller, other in seen.items()
            for first, last, at in other.named.get(chain, ())
        ]
        for first, last in uncovered(one.erased.pairs, covers):
            rows = "its text was" if first == last else f"the texts of rows {first} to {last} were"
            found.say(chain, first, f"{rows} thrown away, and no later entry says why.")


def _unfinished(seen: Mapping[str, _Seen]) -> Iterator[tuple[str, int, int]]:
    """Yield what erasure entries name and what still has its text."""
    for chain, one in seen.items():
        named = sorted(
            (first, min(last, one.head.length))
            for other in seen.values()
            for first, last, _ in other.named.get(chain, ())
        )
        merged: list[list[int]] = []
        for first, last in named:
            if merged and first <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], last)
            else:
                merged.append([first, last])
        for first, last in uncovered(merged, one.erased.pairs):
            yield chain, first, last


def as_json(report: Verified) -> dict[str, Any]:
    """Return a report as plain JSON values."""
    return {
        "whole": not report.problems,
        "chains": [
            {name: getattr(chain, name) for name in ChainReport.__dataclass_fields__}
            for chain in report.chains
        ],
        "problems": [
            {"chain": p.chain, "sequence": p.sequence, "what": p.what} for p in report.problems
        ],
        "more_problems": report.more_problems,
        "unfinished": [list(rows) for rows in report.unfinished],
        "public_key": report.public_key,
    }
