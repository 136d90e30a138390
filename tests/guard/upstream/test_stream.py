import asyncio

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, always, chunked, reply, rude, until
from hypothesis import given, settings, strategies as st

from reticent.guard.upstream import UpstreamBad, UpstreamDown, UpstreamSlow

LATE_S = 0.2  # only ever waited out, never compared with


async def whole(upstream):
    async with upstream.stream(ASK) as held:
        return held.status, held.media_type, b"".join([piece async for piece in held.chunks()])


def test_a_stream_and_another_over_the_same_connection():
    async def main():
        async with rude(always(chunked(b"data: 1\n\n", b"data: 2\n\n"))) as (server, upstream):
            for _ in range(3):
                assert await whole(upstream) == (
                    200,
                    "text/event-stream",
                    b"data: 1\n\ndata: 2\n\n",
                )
            assert server.connections == 1

    run(main())


def test_a_piece_is_there_before_the_next_is_sent():
    async def main():
        seen = asyncio.Event()

        async def answer(n, reader, writer):
            writer.write(chunked(b"one", end=b""))
            await seen.wait()
            return b"3\r\ntwo\r\n0\r\n\r\n"

        async with rude(answer) as (_, upstream), upstream.stream(ASK) as held:
            pieces = held.chunks()
            assert await anext(pieces) == b"one"
            seen.set()
            assert await anext(pieces) == b"two"
            with pytest.raises(StopAsyncIteration):
                await anext(pieces)

    run(main())


def test_leaving_early_ends_the_connection():
    async def main():
        gone = asyncio.Event()

        async def answer(n, reader, writer):
            writer.write(chunked(b"one", end=b""))
            await reader.read()
            gone.set()

        async with rude(answer, connections=1) as (server, upstream):
            for asked in (1, 2):
                async with upstream.stream(ASK) as held:
                    assert await anext(held.chunks()) == b"one"
                await gone.wait()
                gone.clear()
                assert server.connections == asked

    run(main())


def saying(*pieces, then):
    async def answer(n, reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if then == "hang":
            await asyncio.sleep(60)

    return answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (saying(then="hang"), UpstreamSlow),
        (saying(chunked(b"one", end=b""), then="hang"), UpstreamSlow),
        (saying(chunked(b"one", end=b""), then="close"), UpstreamDown),
        (saying(chunked(b"one", end=b""), b"x\r\n", then="hang"), UpstreamBad),
        (saying(chunked(b"x" * 600, end=b""), b"258\r\n" + b"x" * 600, then="hang"), UpstreamBad),
        (saying(reply(b"", "Location: /", status="302 F"), then="hang"), UpstreamBad),
        (saying(reply(b"{}", "Content-Encoding: gzip"), then="hang"), UpstreamBad),
        (always(chunked(b"one") + b"x"), UpstreamBad),
    ],
)
def test_a_server_that_misbehaves(answer, error):
    async def main():
        limits = {"timeout_s": LATE_S, "max_reply_bytes": 1000, "connections": 1}
        async with rude(answer, **limits) as (server, upstream):
            for asked in (1, 2):
                with pytest.raises(error):
                    await whole(upstream)
                assert server.connections == asked

    run(main())


def test_a_stream_that_never_ends_is_ended():
    async def main():
        async def answer(n, reader, writer):
            writer.write(chunked(end=b""))
            while True:
                writer.write(b"1\r\nx\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with rude(answer, timeout_s=19.0, stream_timeout_s=LATE_S) as (_, upstream):
            with pytest.raises(UpstreamSlow):
                await whole(upstream)

    run(main())


def test_a_reader_who_is_slow_holds_the_server_back():
    async def main():
        wanted = 30_000_000
        sent = 0

        async def answer(n, reader, writer):
            nonlocal sent
            writer.write(chunked(end=b""))
            while sent < wanted:
                writer.write(b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000))
                await writer.drain()
                sent += 100_000
            return b"0\r\n\r\n"

        limits = {"max_reply_bytes": 10**8}
        async with rude(answer, **limits) as (_, upstream), upstream.stream(ASK) as held:
            stuck = -1
            while stuck != sent:
                stuck = sent
                await asyncio.sleep(0.2)
            assert sent < wanted
            total = 0
            async for piece in held.chunks():
                total += len(piece)
            assert total == wanted

    run(main())


@settings(max_examples=40, deadline=None)
@given(
    bodies=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8),
    places=st.lists(st.integers(0, 2000), max_size=8),
)
def test_however_it_is_cut_the_body_is_the_same(bodies, places):
    said = chunked(*bodies)
    ends = [*sorted({p % len(said) for p in places}), len(said)]

    async def answer(n, reader, writer):
        start = 0
        for end in ends:
            writer.write(said[start:end])
            await writer.drain()
            await asyncio.sleep(0)
            start = end
        return b""

    async def main():
        async with rude(answer) as (_, upstream):
            assert (await whole(upstream))[2] == b"".join(bodies)
            assert (await upstream.send(ASK)).body == b"".join(bodies)

    run(main())


def test_a_kept_connection_that_is_lost_is_asked_once_more():
    async def main():
        async def answer(n, reader, writer):
            return None if n == 2 else chunked(b"one")

        async with rude(answer) as (server, upstream):
            for _ in range(2):
                assert (await whole(upstream))[2] == b"one"
            await until(lambda: len(server.requests) == 3)

    run(main())
