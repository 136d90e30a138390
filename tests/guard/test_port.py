"""How long callers may take, and how the port stops."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest
from guard.unpaused import run

from reticent.guard.pipeline import Reply
from reticent.guard.port import CallersPort

ASK = b"POST / HTTP/1.1\r\nHost: guard\r\nContent-Length: 2\r\n\r\n{}"
HUGE = b"x" * 8_000_000


class Answering:
    """Stands where the pipeline does: answers when it is let."""

    gates = SimpleNamespace(body_bytes=100)

    def __init__(self, body=b"{}"):
        self.body = body
        self.asked = 0
        self.may = asyncio.Event()

    async def handle(self, method, path, query, headers, address, body, seat=None):
        self.asked += 1
        await self.may.wait()
        return Reply(200, self.body)


@asynccontextmanager
async def opened(pipeline, **waits):
    """Yield a port, and a caller's connection to it."""
    port = CallersPort(pipeline, head_timeout_s=lambda: 60.0, **waits)
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    await port.open(sock)
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    try:
        yield port, reader, writer
    finally:
        await port.close(drain_s=0)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        sock.close()


def test_what_was_asked_is_answered_before_the_port_stops():
    async def main():
        pipeline = Answering()
        async with opened(pipeline) as (port, reader, writer):
            writer.write(ASK)
            while not pipeline.asked:
                await asyncio.sleep(0.01)
            closing = asyncio.create_task(port.close(drain_s=10))
            await asyncio.sleep(0.05)
            assert not closing.done()
            pipeline.may.set()
            said = await asyncio.wait_for(reader.read(), 5)
            await closing
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            assert said.endswith(b"\r\n\r\n{}")
            assert not port.connections

    run(main())


def test_nobody_is_waited_for_longer_than_was_said():
    async def main():
        pipeline = Answering()  # which never answers
        async with opened(pipeline) as (port, reader, writer):
            writer.write(ASK)
            while not pipeline.asked:
                await asyncio.sleep(0.01)
            await asyncio.wait_for(port.close(drain_s=0.05), 5)
            assert await asyncio.wait_for(reader.read(), 5) == b""

    run(main())


def test_an_idle_connection_ends_when_the_port_stops():
    async def main():
        async with opened(Answering()) as (port, reader, _):
            await asyncio.sleep(0.05)
            await asyncio.wait_for(port.close(drain_s=10), 5)
            assert await asyncio.wait_for(reader.read(), 5) == b""

    run(main())


@pytest.mark.parametrize(("body", "idle_s", "taking_s"), [(b"{}", 0.1, 60.0), (HUGE, 60.0, 0.1)])
def test_a_caller_who_asks_no_more_or_takes_nothing_is_let_go(body, idle_s, taking_s):
    async def main():
        pipeline = Answering(body)
        pipeline.may.set()
        async with opened(pipeline, idle_timeout_s=idle_s, taking_timeout_s=taking_s) as (
            port,
            reader,
            writer,
        ):
            writer.write(ASK)
            while not pipeline.asked or port.connections:
                await asyncio.sleep(0.01)  # nothing of a huge reply is taken
            try:
                said = await asyncio.wait_for(reader.read(), 5)
            except ConnectionResetError:
                said = b""
            assert said.endswith(b"{}") if body == b"{}" else len(said) < len(HUGE)
            await port.close(drain_s=1)

    run(main())


def test_callers_who_ask_faster_than_they_are_answered_wait():
    async def main():
        pipeline = Answering()
        async with opened(pipeline) as (port, reader, writer):
            writer.write(ASK * 40_000)  # more than all buffers between the two hold
            while not port.connections:
                await asyncio.sleep(0.01)
            (connection,) = port.connections
            while connection._transport.is_reading():
                await asyncio.sleep(0.01)
            assert pipeline.asked == 1
            pipeline.may.set()
            said = await asyncio.wait_for(reader.readuntil(b"{}"), 5)
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            await port.close(drain_s=0.01)

    run(main())
