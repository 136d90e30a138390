import asyncio
import gzip
import zlib

import pytest
from hypothesis import given, strategies as st

from reticent.guard.arrival import Disconnected, media_type, read_body, read_headers
from reticent.guard.refusals import Refused

_PACKED = gzip.compress(b"{}", mtime=0)  # with a time in it, no two workers collect equal tests


def arriving(*parts, more=False):
    messages = [
        {"type": "http.request", "body": p, "more_body": more or i < len(parts) - 1}
        for i, p in enumerate(parts)
    ]

    async def receive():
        if not messages:
            await asyncio.sleep(3600)
        return messages.pop(0)

    return receive


def read(receive, headers=None, longest=1000, timeout_s=5.0):
    return asyncio.run(read_body(receive, headers or {}, longest=longest, timeout_s=timeout_s))


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=10))
def test_a_body_in_pieces_is_the_same_body(parts):
    assert read(arriving(*parts)) == b"".join(parts)


def test_a_body_may_not_be_too_long_declared_or_not():
    with pytest.raises(Refused) as declared:
        read(arriving(b"x"), {"content-length": "1001"})
    with pytest.raises(Refused) as in_one:
        read(arriving(b"x" * 1001))
    with pytest.raises(Refused) as in_pieces:
        read(arriving(*[b"x" * 100] * 11))
    assert {e.value.status for e in (declared, in_one, in_pieces)} == {413}
    assert len(read(arriving(b"x" * 1000))) == 1000


def test_a_body_that_never_ends_is_given_up():
    with pytest.raises(Refused) as nothing:
        read(arriving(), timeout_s=0.02)
    with pytest.raises(Refused) as half:
        read(arriving(b"{", more=True), timeout_s=0.02)
    assert nothing.value.status == half.value.status == 408


def test_a_caller_who_goes_is_nobody_to_answer():
    async def gone():
        return {"type": "http.disconnect"}

    with pytest.raises(Disconnected):
        read(gone)


@given(st.binary(max_size=1000))
def test_gzip_is_undone(body):
    assert read(arriving(gzip.compress(body)), {"content-encoding": "GZIP"}) == body


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"0" * 1_000_000, mtime=0), "gzip", 413),  # a bomb
        (_PACKED[:-3], "gzip", 400),  # cut off
        (_PACKED + b"more", "gzip", 400),  # something behind it
        (_PACKED * 2, "gzip", 400),  # two in one: servers differ over what it holds
        (b"nonsense", "gzip", 400),
        (zlib.compress(b"{}"), "deflate", 415),
        (b"{}", "gzip, gzip", 415),
        (b"{}", "br", 415),
    ],
)
def test_a_body_in_a_bad_encoding_is_refused(body, encoding, status):
    with pytest.raises(Refused) as refused:
        read(arriving(body), {"content-encoding": encoding})
    assert refused.value.status == status


def test_a_header_that_came_twice_is_in_doubt_and_left_out():
    headers = read_headers([(b"x-api-key", b"a"), (b"accept", b"*/*"), (b"x-api-key", b"b")])
    assert headers == {"accept": "*/*"}


@pytest.mark.parametrize("name", [b"content-type", b"content-encoding", b"host"])
def test_a_header_that_decides_the_meaning_may_come_once(name):
    with pytest.raises(Refused):
        read_headers([(name, b"a"), (name, b"a")])


def test_media_type_of_nothing_is_nothing():
    assert media_type({}) == ""
