import pytest
from guard.upstream.rude import chunked, reply
from hypothesis import given, strategies as st

from reticent.guard.upstream.errors import UpstreamBad
from reticent.guard.upstream.reply import ReplyReader

BODY = b'{"outputs": [0.25, 0.75]}'
GOOD = {
    "length": reply(BODY),
    "chunks": chunked(BODY[:3], BODY[3:4], BODY[4:]),
    "no body": reply(b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "server error": reply(BODY, status="500 Oh"),
    "interim": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    + reply(BODY),
    "trailers": chunked(BODY, end=b"0\r\nContent-Type: text/evil\r\nT: t\r\n\r\n"),
    "extension": chunked(BODY).replace(b"\r\n{", b";a=b\r\n{"),
    "kept header": reply(BODY, "Inference-Header-Content-Length: 9"),
    "dropped header": reply(BODY, "X-Timing: 12.5", "Set-Cookie: a=b"),
    "identity": reply(BODY, "Content-Encoding: identity"),
    "parameters": reply(BODY).replace(b"application/json", b"Application/JSON; charset=utf-8"),
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BAD = {
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two different lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "empty length": HEAD + b"Content-Length: \r\n\r\n",
    "huge length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "no framing": HEAD + b"\r\n{}",
    "two encodings": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "odd encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "two codings": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded": HEAD + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "folded length": HEAD + b"Content-Length:\r\n 2\r\n\r\n{}",
    "space before colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "bare line feed": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\r\n\r\n{}",
    "bare return": HEAD + b"A: b\rC: d\r\nContent-Length: 2\r\n\r\n{}",
    "nul": HEAD + b"A: \x00\r\nContent-Length: 2\r\n\r\n{}",
    "bad chunk size": chunked(b"{}").replace(b"2\r\n", b"0x2\r\n"),
    "chunk line feed": chunked(b"{}").replace(b"2\r\n{}", b"2\n{}"),
    "surplus": reply(b"{}") + b"x",
    "surplus line": reply(b"{}") + b"\r\n",
    "two replies": reply(b"{}") + reply(b"{}"),
    "two chunked replies": chunked(b"{}") + chunked(b"{}"),
    "redirect": reply(b"", "Location: http://169.254.169.254/", status="302 Found"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nxyz",
    "upgrade without": b"HTTP/1.1 101 Switching\r\n\r\n",
    "interim body": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n" + reply(b"{}"),
    "low status": reply(b"{}", status="099 Low"),
    "high status": reply(b"{}", status="600 High"),
    "four digits": reply(b"{}", status="2000 High"),
    "no content with content": b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n{}",
    "http 2": reply(b"{}").replace(b"HTTP/1.1", b"HTTP/2.0"),
    "http 0.9": b"<html>hello</html>\r\n\r\n",
    "gzip": reply(b"{}", "Content-Encoding: gzip"),
    "brotli in a list": reply(b"{}", "Content-Encoding: identity, br"),
    "two content types": reply(b"{}", "Content-Type: text/html"),
    "two kept headers": reply(b"{}", *["Inference-Header-Content-Length: 1"] * 2),
    "long body": reply(b"x" * 1001),
    "long chunks": chunked(b"x" * 600, b"x" * 401),
    "long head": reply(b"{}", "A: " + "x" * 2000),
    "many interim": b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + reply(b"{}"),
    "framing": chunked(b"x" * 10).replace(b"a\r\n", b"a;" + b"e" * 3000 + b"\r\n"),
    "length in a trailer": chunked(BODY, end=b"0\r\nContent-Length: 7\r\n\r\n"),
    "trailer flood": chunked(b"x", end=b"0\r\n" + b"T: t\r\n" * 500 + b"\r\n"),
}


def reader():
    return ReplyReader(
        max_header_bytes=1000, max_reply_bytes=1000, keep=("inference-header-content-length",)
    )


def read(pieces):
    """Return what a reader makes of pieces: everything that a caller could see."""
    one = reader()
    try:
        for piece in pieces:
            one.feed(piece)
    except UpstreamBad:
        return "bad"
    return (one.status, one.media_type, one.headers, one.take(), one.complete, one.reusable)


def cut(data, places):
    ends = [*sorted({p % (len(data) + 1) for p in places}), len(data)]
    starts = [0, *ends[:-1]]
    return [data[a:b] for a, b in zip(starts, ends, strict=True) if a < b]


@pytest.mark.parametrize("name", GOOD)
def test_reads_a_good_reply(name):
    status, media_type, headers, body, complete, reusable = read([GOOD[name]])
    assert status == {"no content": 204, "server error": 500}.get(name, 200)
    assert body == (b"" if name in ("no body", "no content") else BODY)
    assert media_type in ("application/json", "text/event-stream", "")
    assert (media_type == "") == (name == "no content")
    kept = {"inference-header-content-length": "9"}
    assert headers == (kept if name == "kept header" else {})
    assert complete
    assert reusable


@pytest.mark.parametrize("name", BAD)
def test_refuses_a_bad_reply(name):
    assert read([BAD[name]]) == "bad"


@given(name=st.sampled_from(sorted(GOOD)), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_where_a_good_reply_is_cut_does_not_matter(name, places):
    assert read(cut(GOOD[name], places)) == read([GOOD[name]])


@given(name=st.sampled_from(sorted(BAD)), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_where_a_bad_reply_is_cut_does_not_save_it(name, places):
    assert read(cut(BAD[name], places)) == "bad"


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_byte_by_byte(name):
    data = {**GOOD, **BAD}[name]
    assert read([data[i : i + 1] for i in range(len(data))]) == read([data])


@given(name=st.sampled_from(sorted(GOOD)), short=st.integers(1, 10_000))
def test_a_cut_off_reply_is_never_complete(name, short):
    data = GOOD[name]
    one = reader()
    one.feed(data[: len(data) - 1 - short % len(data)])
    assert not one.complete


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_wait(data):
    seen = read([data])
    assert seen == "bad" or not seen[4]


@pytest.mark.parametrize(
    "head",
    [
        reply(b"{}", "Connection: close"),
        reply(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"),
        reply(b"{}", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_a_connection_that_ends_is_not_used_again(head):
    *_, complete, reusable = read([head])
    assert complete
    assert not reusable


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("surplus", [b"\r\n", b"x", reply(b"{}")])
def test_nothing_is_read_after_a_reply(name, surplus):
    assert read([GOOD[name], surplus]) == "bad"


def test_one_reader_reads_one_reply_after_the_other():
    one = reader()
    for _ in range(2):
        for data in GOOD.values():
            one.start()
            one.feed(data)
            assert (one.complete, one.reusable) == (True, True)
            assert read([data])[:4] == (one.status, one.media_type, one.headers, one.take())


def test_no_word_of_the_server_is_in_an_error():
    for data in BAD.values():
        one = reader()
        with pytest.raises(UpstreamBad) as raised:
            one.feed(data.replace(b"{}", b"sesame").replace(b"OK", b"sesame"))
        assert "sesame" not in str(raised.value)
        assert raised.value.__context__ is None or raised.value.__suppress_context__
