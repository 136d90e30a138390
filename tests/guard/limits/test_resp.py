import pytest
from hypothesis import given, strategies as st
from valkey.exceptions import NoScriptError, ResponseError

from reticent.guard.limits.resp import read_reply

REPLIES = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def said(reply):
    """Return an answer's bytes as a store writes them."""
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%b\r\n" % (len(reply), reply)
    return b"*%d\r\n" % len(reply) + b"".join(map(said, reply))


@given(st.lists(REPLIES, min_size=1, max_size=4), st.data())
def test_answers_are_read_however_they_are_cut(replies, data):
    told = b"".join(map(said, replies))
    cut = data.draw(st.integers(0, len(told) - 1))
    found, at = [], 0
    while (one := read_reply(told[:cut], at)) is not None:
        reply, at = one
        found.append(reply)
    assert found == replies[: len(found)]
    for reply in replies[len(found) :]:
        again, at = read_reply(told, at)
        assert again == reply
    assert at == len(told)
    assert read_reply(told, at) is None


def test_errors_are_exceptions_and_words_are_bytes():
    error, at = read_reply(b"-NOSCRIPT No matching script.\r\n+OK\r\n", 0)
    assert isinstance(error, NoScriptError)
    assert read_reply(b"-NOSCRIPT No matching script.\r\n+OK\r\n", at)[0] == b"OK"
    error, _ = read_reply(b"-READONLY You can't write.\r\n", 0)
    assert isinstance(error, ResponseError)
    assert "READONLY" in str(error)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"HTTP/1.1 400 no\r\n", "no answer"),
        (b"\r\n", "no answer"),
        (b"$1\r\nabc\r\n", "longer"),
        (b"$x\r\n", "invalid literal"),
        (b"*1\r\n" * 50 + b":1\r\n", "no answer"),
    ],
)
def test_what_is_no_answer_is_refused(told, why):
    with pytest.raises(ValueError, match=why):
        read_reply(told, 0)
