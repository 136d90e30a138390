"""Requests, and replies, over one connection: what was read before changes nothing."""

import asyncio
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from reticent.guard.pipeline import Reply
from reticent.guard.port import CallersPort
from reticent.guard.upstream.errors import UpstreamBad
from reticent.guard.upstream.reply import ReplyReader

HEADS = (
    b"POST /a HTTP/1.1\r\nHost: g\r\nContent-Length: %b\r\nX-Api-Key: k\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: g\r\ncontent-length:%b  \r\n\r\n",
    b"POST /b?q=1 HTTP/1.1\r\nContent-Length: %b\r\nHost: g\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: g\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Length: %b\r\n\r\n",
)
requests = st.lists(st.tuples(st.sampled_from(HEADS), st.binary(max_size=12)), max_size=6)


class Seeing:
    """Stands where the pipeline does: says what it was asked."""

    gates = SimpleNamespace(body_bytes=100)

    def __init__(self):
        self.seen = []

    async def handle(self, method, path, query, headers, address, body, seat=None):
        assert isinstance(body, bytes)
        kept = {name: value for name, value in headers.items() if name != "content-length"}
        self.seen.append((method, path, query, kept, body))
        return Reply(200, b"{}")


async def seen(pieces, *, fresh):
    pipeline = Seeing()
    port = CallersPort(pipeline, head_timeout_s=lambda: 60.0)
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    await port.open(sock)
    statuses, streams = [], []
    for piece in pieces:
        if fresh or not streams:
            streams.append(await asyncio.open_connection(*sock.getsockname()))
        reader, writer = streams[-1]
        writer.write(piece)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        statuses.append(head.split(b" ", 2)[1])
        if b"connection: close" in head:
            break
        await asyncio.wait_for(reader.readexactly(2), 5)
    for _, writer in streams:
        writer.close()
    await port.close(drain_s=0)
    sock.close()
    return pipeline.seen, statuses


@settings(max_examples=30, deadline=None)
@given(requests)
def test_a_request_is_the_same_over_a_kept_connection_and_over_a_new_one(asked):
    pieces = [head % str(len(body)).encode() + body for head, body in asked]
    kept = asyncio.run(seen(pieces, fresh=False))
    assert kept == asyncio.run(seen(pieces, fresh=True))
    assert len(kept[0]) == len(asked)


@pytest.mark.parametrize("digits", [b"+2", b"0x2", b"2,2", b"-2", b"2 2", b"\xb2", b"9" * 30])
def test_a_length_that_is_none_is_refused_after_good_ones(digits):
    good = HEADS[0] % b"2" + b"{}"
    asked, statuses = asyncio.run(seen([good, good, HEADS[0] % digits + b"{}"], fresh=False))
    assert len(asked) == 2
    assert statuses == [b"200", b"200", b"400"]


REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=6), st.data())
def test_replies_over_a_kept_connection_are_read_however_they_are_cut(bodies, data):
    reader = ReplyReader(max_header_bytes=1000, max_reply_bytes=1000)
    for body in bodies:
        reader.start()
        whole = REPLY % (len(body), body)
        cut = data.draw(st.sampled_from([len(whole), 1, len(whole) - 1, 30]))
        reader.feed(whole[:cut])
        if cut < len(whole):
            reader.feed(whole[cut:])
        assert reader.complete
        assert reader.reusable
        assert (reader.status, reader.media_type) == (200, "application/json")
        assert reader.take() == body


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}more",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
        + b" " * 2000,
        b"HTTP/1.1 302 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: +2\r\n\r\n{}",
    ],
)
def test_a_bad_reply_is_refused_after_good_ones(said):
    reader = ReplyReader(max_header_bytes=1000, max_reply_bytes=1000)
    for _ in range(3):
        reader.start()
        reader.feed(REPLY % (2, b"{}"))
    reader.start()
    with pytest.raises(UpstreamBad):
        reader.feed(said)
