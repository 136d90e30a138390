import asyncio
import gc
import socket
from contextlib import suppress

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, always, chunked, end, reply, rude, until

from reticent.guard.upstream import (
    HttpUpstream,
    Unsendable,
    UpstreamBad,
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamSlow,
)
from reticent.guard.upstream.connection import Connection
from reticent.guard.upstream.reply import ReplyReader
from reticent.protocols.base import WireRequest

LATE_S = 0.2  # only ever waited out, never compared with


async def hang(n, reader, writer):
    await asyncio.sleep(60)


def saying(*pieces, then="close"):
    """Answer with pieces, and then close, hang or reset."""

    async def answer(n, reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if then == "hang":
            await asyncio.sleep(60)
        if then == "reset":
            writer.transport.abort()

    return answer


def test_a_request_and_its_reply():
    async def main():
        async with rude(always(reply(b'{"y":2}', "X-Secret: s"))) as (server, upstream):
            request = WireRequest(
                method="POST", path="/v2/models/m/infer", body=b"{}", headers={"x-needed": "7"}
            )
            response = await upstream.send(request)
            assert (response.status, response.body) == (200, b'{"y":2}')
            assert (response.media_type, response.headers) == ("application/json", {})
            assert server.requests == [
                f"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                "User-Agent: reticent\r\nAccept-Encoding: identity\r\n"
                "Content-Type: application/json\r\nx-needed: 7\r\n"
                "Content-Length: 2\r\n\r\n{}".encode()
            ]

    run(main())


def test_a_get_has_no_body():
    async def main():
        async with rude(always(reply())) as (server, upstream):
            await upstream.send(WireRequest(method="GET", path="/v2/health/ready"))
            assert b"content" not in server.requests[0].lower()

    run(main())


def test_one_after_the_other_shares_a_connection():
    async def main():
        async with rude(always(reply())) as (server, upstream):
            for _ in range(10):
                await upstream.send(ASK)
            assert server.connections == 1

    run(main())


def test_connections_are_bounded_and_first_come_is_first_served():
    async def main():
        active = most = 0

        async def answer(n, reader, writer):
            nonlocal active, most
            active += 1
            most = max(most, active)
            await asyncio.sleep(0.01)
            active -= 1
            return reply()

        async with rude(answer, connections=3) as (server, upstream):
            order = []

            async def one(i):
                await upstream.send(ASK)
                order.append(i)

            await asyncio.gather(*(one(i) for i in range(30)))
            assert most == server.connections == 3
            assert all(abs(place - i) < 3 for place, i in enumerate(order))

    run(main())


def test_waiting_for_a_connection_counts_in_the_time():
    async def main():
        async with rude(hang, connections=1, timeout_s=LATE_S) as (_, upstream):
            ends = await asyncio.gather(
                *(upstream.send(ASK) for _ in range(5)), return_exceptions=True
            )
            assert isinstance(ends[0], UpstreamSlow)
            # Those who waited never asked, or had no time left when their turn came.
            assert all(isinstance(end, UpstreamBusy | UpstreamSlow) for end in ends[1:])
            assert any(isinstance(end, UpstreamBusy) for end in ends[1:])

    run(main())


def test_a_place_is_never_lost():
    async def main():
        behave = False

        async def answer(n, reader, writer):
            if behave:
                return reply()
            if n % 3 == 0:
                return b"nonsense\r\n\r\n"
            if n % 3 == 1:
                await asyncio.sleep(60)
            return None

        async with rude(answer, connections=2, timeout_s=LATE_S) as (_, upstream):
            tasks = [asyncio.create_task(upstream.send(ASK)) for _ in range(40)]
            await asyncio.sleep(0.05)
            for task in tasks[::3]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            behave = True
            again = await asyncio.gather(*(upstream.send(ASK) for _ in range(20)))
            assert [response.status for response in again] == [200] * 20

    run(main())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (hang, UpstreamSlow),
        (saying(b"HTTP/1.1 200 OK\r\n", then="hang"), UpstreamSlow),
        (saying(reply(b"{}", length=9), then="hang"), UpstreamSlow),
        (saying(*[b"x"] * 5, then="hang"), (UpstreamBad, UpstreamSlow)),
        (saying(reply(b"{}", length=9)), UpstreamDown),
        (saying(reply(b"{}", length=9), then="reset"), UpstreamDown),
        (saying(b"HTTP/1.1 200 OK\r\n"), UpstreamDown),
        (saying(then="close"), UpstreamDown),
        (saying(then="reset"), UpstreamDown),
        (saying(chunked(b"{}", end=b"")), UpstreamDown),
        (saying(b"HTTP/1.1 200 OK\r\n\r\n{}"), UpstreamBad),
        (always(reply(b"{}") + reply(b"{}")), UpstreamBad),
        (always(reply(b"", "Location: /", status="307 No")), UpstreamBad),
        (always(reply(b"x" * 2000)), UpstreamBad),
        (always(reply(b"{}", "A: " + "x" * 20_000)), UpstreamBad),
    ],
)
def test_a_server_that_misbehaves(answer, error):
    async def main():
        settings = {"timeout_s": LATE_S, "max_reply_bytes": 1000, "connections": 1}
        async with rude(answer, **settings) as (server, upstream):
            for asked in (1, 2):  # over a connection of its own each time, and the place is free
                with pytest.raises(error):
                    await upstream.send(ASK)
                assert server.connections == len(server.requests) == asked

    run(main())


def test_a_slow_drip_does_not_move_the_deadline():
    async def main():
        async def answer(n, reader, writer):
            for byte in reply(b"{}", *["A: b"] * 200):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)

        async with rude(answer, timeout_s=LATE_S) as (_, upstream):
            with pytest.raises(UpstreamSlow):
                await upstream.send(ASK)

    run(main())


def test_a_status_of_the_server_is_handed_on():
    async def main():
        async with rude(always(reply(b"why", status="503 Down"))) as (_, upstream):
            assert (await upstream.send(ASK)).status == 503

    run(main())


def test_bytes_that_come_later_end_the_connection():
    async def main():
        async def answer(n, reader, writer):
            if n == 1:
                writer.write(reply(b"1"))
                await asyncio.sleep(0.02)
                return reply(b"poison")
            return reply(b"2")

        async with rude(answer, idle_s=100.0) as (server, upstream):
            assert (await upstream.send(ASK)).body == b"1"
            await until(lambda: server.lost == 1)
            assert (await upstream.send(ASK)).body == b"2"
            assert server.connections == 2

    run(main())


def test_a_connection_closed_while_idle_is_replaced():
    async def main():
        async def answer(n, reader, writer):
            writer.write(reply())

        async with rude(answer) as (server, upstream):
            for _ in range(3):
                await upstream.send(ASK)
                await asyncio.sleep(0.02)
            assert server.connections == len(server.requests) == 3

    run(main())


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_kept_connection_that_is_lost_is_asked_once_more(how):
    async def main():
        async def answer(n, reader, writer):
            if n == 2:  # the second request over the first connection
                if how == "reset":
                    writer.transport.abort()
                return None
            return reply(b"%d" % n)

        async with rude(answer) as (server, upstream):
            assert (await upstream.send(ASK)).body == b"1"
            assert (await upstream.send(ASK)).body == b"3"
            assert server.requests[1] == server.requests[2]
            assert server.connections == 2

    run(main())


def test_it_is_asked_once_more_only():
    async def main():
        async def answer(n, reader, writer):
            return reply() if n == 1 else None

        async with rude(answer) as (server, upstream):
            await upstream.send(ASK)
            with pytest.raises(UpstreamDown):
                await upstream.send(ASK)
            assert len(server.requests) == 3

    run(main())


@pytest.mark.parametrize("said", [b"H", b"HTTP/1.1 200 OK\r\n\r\n", reply(b"{}", length=9)])
def test_it_is_not_asked_again_after_a_byte_of_the_reply(said):
    async def main():
        async def answer(n, reader, writer):
            if n == 1:
                return reply()
            writer.write(said)
            await writer.drain()
            return None

        async with rude(answer) as (server, upstream):
            await upstream.send(ASK)
            with pytest.raises((UpstreamDown, UpstreamBad)):
                await upstream.send(ASK)
            assert len(server.requests) == 2

    run(main())


def test_it_is_not_asked_again_where_that_is_turned_off():
    async def main():
        async def answer(n, reader, writer):
            return reply() if n == 1 else None

        async with rude(answer, retry_lost=False) as (server, upstream):
            await upstream.send(ASK)
            with pytest.raises(UpstreamDown):
                await upstream.send(ASK)
            assert len(server.requests) == 2

    run(main())


def test_idle_connections_go():
    async def main():
        async with rude(always(reply()), idle_s=0.05) as (server, upstream):
            await asyncio.gather(*(upstream.send(ASK) for _ in range(4)))
            await until(lambda: server.lost == server.connections)
            await upstream.send(ASK)

    run(main())


@pytest.mark.parametrize("said", [reply(), b"what is this?\r\n\r\n", b"", reply(length=9)])
@pytest.mark.parametrize("retry_lost", [True, False])
def test_connections_that_are_over_wait_for_no_collector(said, retry_lost):
    def living():
        # By type alone: isinstance asks every object for its class, and lazy modules answer that.
        return sum(type(each) in (Connection, ReplyReader) for each in gc.get_objects())

    async def streamed(upstream):
        async with upstream.stream(ASK) as stream:
            return [piece async for piece in stream.chunks()]

    async def main():
        async with rude(saying(said), retry_lost=retry_lost) as (server, upstream):
            for _ in range(3):
                with suppress(UpstreamError):
                    await upstream.send(ASK)
                with suppress(UpstreamError):
                    await streamed(upstream)
            await until(lambda: not living())
            assert server.connections >= 3

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_cancelling_ends_the_connection():
    async def main():
        arrived = asyncio.Event()
        gone = asyncio.Event()

        async def answer(n, reader, writer):
            arrived.set()
            await reader.read()
            gone.set()

        async with rude(answer) as (_, upstream):
            task = asyncio.create_task(upstream.send(ASK))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()

    run(main())


def test_nobody_listens():
    async def main():
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            origin = f"http://127.0.0.1:{sock.getsockname()[1]}"
            upstream = HttpUpstream(origin, connections=1, timeout_s=LATE_S)
            for _ in range(3):
                with pytest.raises(UpstreamDown):
                    await upstream.send(ASK)
            await upstream.close()

    run(main())


def test_closing_fails_what_is_under_way_and_what_waits():
    async def main():
        async with rude(hang, connections=1) as (server, upstream):
            tasks = [asyncio.create_task(upstream.send(ASK)) for _ in range(3)]
            await until(lambda: server.requests)
            await upstream.close()
            for task in tasks:
                with pytest.raises(UpstreamDown):
                    await task

    run(main())


@pytest.mark.parametrize(
    "request_",
    [
        WireRequest(method="POST", path="/a b"),
        WireRequest(method="POST", path="/a\r\nX: y"),
        WireRequest(method="POST", path="http://elsewhere/"),
        WireRequest(method="POST", path="/ä"),
        WireRequest(method="POST", path="/a#b"),
        WireRequest(method="DELETE", path="/a"),
        WireRequest(method="POST /b HTTP/1.1\r\n", path="/a"),
        WireRequest(method="GET", path="/a", body=b"x"),
        WireRequest(method="POST", path="/a", media_type="text/plain\r\nX: y"),
        WireRequest(method="POST", path="/a", headers={"x": "y\r\nz: w"}),
        WireRequest(method="POST", path="/a", headers={"x": "y\nz"}),
        WireRequest(method="POST", path="/a", headers={"x\r\ny": "z"}),
        WireRequest(method="POST", path="/a", headers={"x": ""}),
        WireRequest(method="POST", path="/a", headers={"Content-Length": "0"}),
        WireRequest(method="POST", path="/a", headers={"transfer-encoding": "chunked"}),
        WireRequest(method="POST", path="/a", headers={"host": "elsewhere"}),
    ],
)
def test_what_cannot_be_sent_safely_is_not_sent(request_):
    async def main():
        async with rude(always(reply())) as (server, upstream):
            with pytest.raises(Unsendable):
                await upstream.send(request_)
            assert server.connections == 0

    run(main())


def test_fixed_headers_go_along_and_stay_out_of_sight():
    async def main():
        fixed = {"Authorization": "Bearer sesame"}
        async with rude(always(reply()), fixed_headers=fixed) as (server, upstream):
            await upstream.send(ASK)
            assert b"\r\nAuthorization: Bearer sesame\r\n" in server.requests[0]
            assert "sesame" not in repr(upstream) + repr(upstream._writer)

    run(main())


def test_an_early_answer_ends_the_connection():
    async def main():
        accepted = []

        async def connected(reader, writer):
            accepted.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(b"{}", status="413 Much"))

        listening = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1024)
        upstream = HttpUpstream(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        request = WireRequest(method="POST", path="/", body=b"x" * 20_000_000)
        for _ in range(2):
            assert (await upstream.send(request)).status == 413
        assert len(accepted) == 2
        await upstream.close()
        listening.close()
        await end(accepted)

    run(main())
