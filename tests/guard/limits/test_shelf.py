"""Texts stay until their time, written in order, many to a commit."""

import asyncio
import sqlite3

import pytest

from reticent.guard.limits.shelf import Shelf


def run(story, path=None):
    async def told():
        shelf = Shelf(path)
        try:
            return await story(shelf)
        finally:
            await shelf.close()

    return asyncio.run(told())


def test_the_last_text_holds_also_for_who_reads_at_once(tmp_path):
    async def story(shelf):
        writes = [asyncio.ensure_future(shelf.put([("a", 9.0, str(i))])) for i in range(100)]
        await asyncio.sleep(0)
        assert await shelf.get(["a", "b"]) == {"a": "99"}
        await asyncio.gather(*writes)

    run(story, tmp_path / "shelf")
    assert run(lambda shelf: shelf.get(["a"]), tmp_path / "shelf") == {"a": "99"}


def test_chunks_cover_all_in_order():
    async def story(shelf):
        keys = [f"k{i:04}" for i in range(1234)]
        await shelf.put([(key, 9.0, "") for key in reversed(keys)])
        seen, after = [], ""
        while chunk := await shelf.chunk(after):
            seen += chunk
            after = max(chunk)
        assert seen == keys
        await shelf.drop(keys[1:])
        assert [*await shelf.chunk("")] == keys[:1]

    run(story)


def test_what_is_past_goes():
    async def story(shelf):
        await shelf.put([("a", 9.0, ""), ("b", 10.0, ""), ("c", float("inf"), "")])
        await shelf.forget_before(10.0)
        assert [*await shelf.chunk("")] == ["b", "c"]

    run(story)


def test_who_writes_hears_of_a_fault_and_the_next_write_works():
    async def story(shelf):
        with pytest.raises(sqlite3.Error):
            await shelf.put([("a", None, "no time")])
        await shelf.put([("a", 1.0, "good")])
        assert await shelf.get(["a"]) == {"a": "good"}

    run(story)


def test_only_its_owner_may_read_the_files(tmp_path):
    async def story(shelf):
        await shelf.put([("a", 9.0, "")])
        return {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}

    assert run(story, tmp_path / "shelf") == {0o600}
