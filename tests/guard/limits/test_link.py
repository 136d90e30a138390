"""The connection to the shared store, before servers that do not behave."""

import asyncio

import pytest
from guard.unpaused import run

from reticent.guard.limits.link import Link, StoreAway

PATIENCE_S = 0.3


def told(answers, said):
    """Return what `said(link)` does before a server that gives one of `answers` to each piece."""

    async def serve(reader, writer):
        left = iter(answers)
        try:
            while piece := await reader.read(65_536):
                if b"GET" not in piece:  # what the client library says of itself
                    writer.write(b"+OK\r\n" * piece.count(b"SETINFO"))
                    continue
                answer = next(left, b"")
                if answer is None:
                    continue
                if not answer:
                    return
                writer.write(answer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def story():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = Link(f"valkey://127.0.0.1:{port}/0", timeout_s=PATIENCE_S, scripts=())
        try:
            await link.connect()
            return await said(link)
        finally:
            await link.drop()
            server.close()

    return run(story())


def test_answers_go_to_those_who_asked_in_their_order():
    async def said(link):
        first, second, third = (asyncio.ensure_future(link.ask("GET", k)) for k in "abc")
        await asyncio.sleep(0)
        second.cancel()  # its answer is nobody's, and surely not the third's
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_soon(link.post, b"GET\r\n", lambda answer: None)
        return await first, await third

    assert told([b"$1\r\n1\r\n:2\r\n$1\r", b"\n3\r\n+OK\r\n"], said) == (b"1", b"3")


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        (None, "did not answer in time"),
        (b"", "closed the connection"),
        (b"HTTP/1.1 400 no\r\n", "ValueError"),
        (b"-READONLY no\r\n", "READONLY"),
        (b":1\r\n:2\r\n", 1),
    ],
)
def test_a_store_that_misbehaves_is_away_and_stays_so(answer, first):
    async def said(link):
        asked = [await asyncio.gather(link.ask("GET", k), return_exceptions=True) for k in "ab"]
        return [one for (one,) in asked]

    found = told([answer, b":3\r\n"], said)
    assert found[0] == first if first == 1 else first in str(found[0])
    assert [type(one) for one in found[first == 1 :]] == [StoreAway] * (1 + (first != 1))


def test_without_a_connection_whoever_asks_is_told():
    async def said():
        link = Link("valkey://127.0.0.1:1/0", timeout_s=PATIENCE_S, scripts=())
        found = []
        link.post(b"PING\r\n", found.append)
        assert not found  # never within the call itself
        await asyncio.sleep(0)
        assert isinstance(found[0], StoreAway)
        with pytest.raises(StoreAway):
            await link.ask("PING")

    asyncio.run(said())
