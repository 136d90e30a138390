import asyncio

from reticent.detectors import Suspicion
from reticent.guard.metrics import Metrics
from reticent.guard.quiet import MOST_KINDS, Tally
from reticent.guard.types import Entry, JournalDown
from reticent.guard.watching import MOST_WAITING, Watching


class Kept:
    """A journal in memory; `down` while it cannot be written."""

    def __init__(self):
        self.entries = []
        self.down = ""

    async def append(self, entry, *, durable):
        if self.down:
            raise JournalDown(self.down)
        self.entries.append(entry)

    async def close(self):
        pass


class Repeats:
    """Suspects whoever asks the same row three times."""

    kind = "repeats"

    def __init__(self):
        self.seen = {}

    def see(self, event):
        for print_ in event.fingerprints:
            key = (event.identity, print_)
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] == 3:
                yield Suspicion(
                    detector="repeats",
                    identities=(event.identity,),
                    model=event.model,
                    evidence_nats=2.0,
                    why="The same row three times.",
                )


class Broken:
    kind = "broken"

    def see(self, event):
        raise ValueError("patient 4711")


def query(identity="a", print_=b"x" * 16):
    return Entry(
        time_s=1.0, kind="query", identity=identity, model="m", outcome="answered",
        fingerprints=(print_,),
    )  # fmt: skip


def watch(watching, entries):
    async def run():
        working = asyncio.create_task(watching.run())
        for entry in entries:
            watching.see(entry, [[1.0]])
        await asyncio.sleep(0.05)
        working.cancel()

    asyncio.run(run())


def test_what_a_detector_suspects_is_journalled_and_counted():
    journal, metrics = Kept(), Metrics()
    watching = Watching({"repeats": Repeats()}, journal, metrics)
    watch(watching, [query(), query("b"), query(), query(print_=b"y" * 16), query()])
    assert [(e.kind, e.identity, e.outcome) for e in journal.entries] == [
        ("suspicion", "a", "repeats")
    ]
    assert journal.entries[0].detail["identities"] == ["a"]
    exposed = metrics.exposition().decode()
    assert 'reticent_suspicions_total{detector="repeats",model="m"} 1.0' in exposed


def test_a_detector_that_fails_is_switched_off_and_said_so_once():
    journal = Kept()
    watching = Watching({"broken": Broken(), "repeats": Repeats()}, journal, Metrics())
    watch(watching, [query()] * 5)
    assert [e.outcome for e in journal.entries] == ["broken", "repeats"]
    assert "4711" not in str(journal.entries)


def test_a_journal_that_is_down_does_not_end_the_watch():
    journal = Kept()
    journal.down = "no space"
    watching = Watching({"repeats": Repeats()}, journal, Metrics())
    watch(watching, [query()] * 3)
    journal.down = ""
    watch(watching, [query("c")] * 3)
    assert [e.identity for e in journal.entries] == ["c"]


def test_more_events_than_fit_are_counted_as_missed_and_nobody_waits():
    watching = Watching({"repeats": Repeats()}, Kept(), Metrics())
    for _ in range(MOST_WAITING + 7):
        watching.see(query(), [])
    assert watching.missed == 7


def test_without_detectors_nothing_is_watched():
    assert not Watching({}, Kept(), Metrics()).on


def refuse(tally, identity="a", outcome="rate"):
    tally.refusal(
        tenant="t", identity=identity, token="k", network="n", model="m", outcome=outcome,
        status=429, rows=2,
    )  # fmt: skip


def test_equal_refusals_become_one_row_that_says_how_many():
    journal = Kept()
    tally = Tally(journal, wall=lambda: 5.0)
    for _ in range(1000):
        refuse(tally)
    refuse(tally, outcome="lifetime")
    asyncio.run(tally.write())
    asyncio.run(tally.write())
    told = [(e.outcome, e.detail["times"], e.rows) for e in journal.entries]
    assert told == [("rate", 1000, 2000), ("lifetime", 1, 2)]


def test_a_flood_of_different_refusals_has_a_bound_and_is_still_counted():
    journal = Kept()
    tally = Tally(journal, wall=lambda: 5.0)
    for i in range(MOST_KINDS + 11):
        refuse(tally, identity=str(i))
    asyncio.run(tally.write())
    assert len(journal.entries) == MOST_KINDS + 1
    assert journal.entries[-1].outcome == "others"
    assert sum(e.detail["times"] for e in journal.entries) == MOST_KINDS + 11
