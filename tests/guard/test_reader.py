"""Requests from bytes: however they are cut, the same ones; what is none is said once."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from reticent.guard.heads import MOST_HEAD_BYTES
from reticent.guard.reader import MOST_LEFT_BYTES, RequestReader

POST = b"POST /a?b=1 HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nhost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"
OLD = b"POST /o HTTP/1.0\r\nContent-Length: 0\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: g\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"


def said(reader):
    return [
        request
        and (
            request.method,
            request.url,
            request.raw,
            b"".join(request.parts),
            request.complete,
            request.keep,
        )
        for request in reader.requests
    ]


def reading(*pieces):
    reader = RequestReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


@given(
    st.lists(st.sampled_from([POST, CHUNKED, GET]), min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_it_matters_not_where_bytes_are_cut(wanted, cuts):
    data = b"".join(wanted)
    whole = reading(data)
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in pairwise(ends)]
    cut = reading(*pieces)
    assert said(cut) == said(whole)
    assert len(said(whole)) == len(wanted)
    assert all(complete for *_, complete, _ in said(whole))
    assert cut.between
    assert (cut.current, cut.fault, cut.overrun) == (None, False, False)


def test_it_tells_where_it_stands():
    reader = RequestReader()
    assert reader.between
    reader.feed(POST[:10])
    assert (reader.between, reader.began, reader.in_head, reader.headed) == (
        False,
        True,
        True,
        False,
    )
    reader.feed(POST[10:20])
    assert (reader.began, reader.in_head, reader.headed) == (False, True, False)
    reader.feed(POST[20:-2])
    assert (reader.in_head, reader.headed, reader.between) == (False, True, False)
    assert reader.current is reader.requests[0]
    reader.feed(POST[-2:] + GET[:5])  # the next begins at once
    assert (reader.current, reader.between) == (None, False)
    assert (reader.began, reader.in_head, reader.headed) == (True, True, False)


@pytest.mark.parametrize(
    ("pieces", "one"),
    [
        ((POST,), True),
        ((POST[:9], POST[9:]), False),  # a head that a cut went through is not worth it
        ((GET + POST,), False),
        ((POST + GET[:3],), False),
        ((GET, POST), True),
    ],
)
def test_only_a_request_that_came_alone_and_whole_is_remembered(pieces, one):
    assert reading(*pieces).requests[-1].came == (POST if one else b"")


def test_a_request_of_http_1_0_is_the_last():
    assert not reading(OLD).requests[0].keep
    assert reading(POST).requests[0].keep


@pytest.mark.parametrize(
    "pieces",
    [
        (b"nonsense\r\n\r\n",),
        (POST, b"\0\0"),
        (b"GET / HTTP/1.1\r\nHost: g\r\nA: ", *[b"x" * 1000] * (MOST_HEAD_BYTES // 1000 + 1)),
        (CHUNKED[:-2], *[b"A: " + b"x" * 1000 + b"\r\n"] * (MOST_HEAD_BYTES // 1000 + 1)),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",),
    ],
)
def test_what_is_no_request_is_said_once_behind_what_was(pieces):
    reader = reading(*pieces)
    assert reader.fault
    assert [request is None for request in reader.requests].count(True) == 1
    assert reader.requests[-1] is None


def test_behind_another_protocol_nothing_is_read():
    reader = reading(UPGRADE)
    assert reader.requests[0].upgrade
    reader.feed(POST)
    assert len(reader.requests) == 1
    assert (reader.began, reader.headed, reader.between) == (False, False, False)
    reader.feed(b"x" * MOST_LEFT_BYTES)
    assert reader.overrun


def test_a_body_that_nobody_wants_is_counted_and_not_kept():
    reader = reading(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 9000000\r\n\r\nabc")
    request = reader.requests[0]
    assert request.held_bytes == 3
    request.left_bytes = 0
    reader.feed(b"x" * MOST_LEFT_BYTES)
    assert (request.held_bytes, reader.overrun) == (3, False)
    reader.feed(b"x")
    assert reader.overrun
