"""A real server on loopback that misbehaves as a test tells it to."""

import asyncio
from contextlib import asynccontextmanager

from reticent.guard.upstream import HttpUpstream
from reticent.protocols.base import WireRequest

ASK = WireRequest(method="POST", path="/v2/models/m/infer", body=b'{"x":1}')


def reply(body=b"{}", *headers, status="200 OK", length=None):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks, end=b"0\r\n\r\n"):
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + end


class Rude:
    """Counts what came in; `requests` holds each request's bytes, `lost` the connections gone."""

    def __init__(self):
        self.port = 0
        self.connections = 0
        self.requests = []
        self.lost = 0

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"


async def one_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def rude(answer, *, ssl=None, client_ssl=None, **settings):
    """Serve; `answer(n, reader, writer)` is called for the n-th request, over whatever connection.

    It returns the bytes to write, or None when it has seen to that itself and the connection is
    to be closed. Yields (server, client).
    """
    server = Rude()
    tasks, writers = set(), []

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        writers.append(writer)
        server.connections += 1
        try:
            while True:
                server.requests.append(await one_request(reader))
                said = await answer(len(server.requests), reader, writer)
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            server.lost += 1
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=ssl)
    server.port = listening.sockets[0].getsockname()[1]
    origin = f"https://localhost:{server.port}" if ssl else server.origin
    upstream = HttpUpstream(origin, ssl=client_ssl, **{"timeout_s": 5.0, **settings})
    try:
        yield server, upstream
    finally:
        await upstream.close()
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await end(writers)


async def end(writers):
    """Close sockets now: the event loop ends before it would."""
    for writer in writers:
        writer.transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)


def always(said):
    async def answer(n, reader, writer):
        return said

    return answer


async def until(condition):
    """Wait until something that the other side must do has happened."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")
