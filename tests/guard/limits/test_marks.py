"""What a replica saw is found again, in memory or on disk, for as long as it matters."""

import asyncio

from reticent.guard.limits.gcra import BUCKETS
from reticent.guard.limits.marks import Mark, Marks, Self

HOUR_US = 3_600_000_000


def test_marks_are_found_before_and_after_they_are_written(tmp_path):
    path = tmp_path / "marks"

    async def story():
        now_s = 0.0
        marks = Marks(path, clock=lambda: now_s)
        life, day = Mark(5, 7, {}), Mark(6, 0, {HOUR_US // BUCKETS: 3})
        marks.note("life", Mark(1, 6, {}))
        marks.note("life", life)
        assert await marks.find("life") == life
        await marks.flush()
        marks.note("day", day)
        await marks.close()

        marks = Marks(path, clock=lambda: now_s)
        assert (await marks.find("life"), await marks.find("day")) == (life, day)
        assert [chunk async for chunk in marks.chunks()] == [{"day": day, "life": life}]
        now_s = 2 * 3600.0
        marks.note("other", life)
        await marks.flush()
        assert (await marks.find("life"), await marks.find("day")) == (life, None)
        await marks.close()

    asyncio.run(story())


def test_a_replica_keeps_its_name(tmp_path):
    async def story(name, write=None):
        marks = Marks(tmp_path / "marks", clock=lambda: 0.0)
        own = await marks.read_self(name)
        if write:
            await marks.write_self(write)
        assert [chunk async for chunk in marks.chunks()] == []
        await marks.close()
        return own

    kept = Self("one", "epoch", ("one", "two"))
    assert asyncio.run(story("one", kept)) == Self("one", "", ())
    assert asyncio.run(story("another")) == kept
