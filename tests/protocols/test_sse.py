import pytest
from hypothesis import given, strategies as st

from reticent.protocols import BadReply
from reticent.protocols._sse import EventReader, event

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n"
    b"data: one\r\n\r\n"
    b"event: named\nid: 7\nretry: 3\ndata:two\ndata: lines\n\n"
    b"data: cut\r\ndata: lines\r\n\r\n"
    b"\n\n"
    b"data\r\r"
    b"datum: unknown\n: data: no\n\n"
    b"data:  a space stays\r\rdata: last\r\n\n"
    b"data: never ended\n"
)
EVENTS = [b"one", b"two\nlines", b"cut\nlines", b"", b" a space stays", b"last"]


def read(chunks, **settings):
    reader = EventReader(**settings)
    return [data for chunk in chunks for data in reader.feed(chunk)]


def test_events_are_read_as_the_standard_says():
    assert read([STREAM]) == EVENTS


def test_one_byte_at_a_time_is_the_same():
    assert read([STREAM[i : i + 1] for i in range(len(STREAM))]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=9).map(sorted))
def test_any_cut_is_the_same(places):
    chunks = [STREAM[a:b] for a, b in zip([0, *places], [*places, len(STREAM)], strict=True)]
    assert read(chunks) == EVENTS


@given(st.lists(st.binary(max_size=20).filter(lambda d: b"\n" not in d and b"\r" not in d)))
def test_what_is_written_is_read_again(data):
    assert read([b"".join(map(event, data))]) == data


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("line", [b"data: x\n", b": comment\n", b"x"])
def test_an_event_without_end_is_refused(size, line):
    endless = line * 100
    chunks = [endless[i : i + size] for i in range(0, len(endless), size)]
    with pytest.raises(BadReply, match="more than 90 bytes"):
        read(chunks, most_bytes=90)


def test_many_short_events_are_not_one_long_one():
    assert len(read([b"data: x\n\n" * 100], most_bytes=90)) == 100


def test_what_came_before_the_refusal_is_not_lost():
    reader = EventReader(most_bytes=90)
    found = reader.feed(b"data: one\n\ndata: " + b"x" * 100)
    assert next(found) == b"one"
    with pytest.raises(BadReply):
        next(found)
