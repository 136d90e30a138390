"""What no honest client sends. The guard refuses it in its own words, and goes on serving others.

After every abuse the same law holds: no status of 500 or more, no word of the model server's, no
question at the model server that was not answered to a caller, and a good request is answered.
"""

import gzip
import hashlib
import json
import resource
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from guard.live import guarding, oip_app, serving
from guard.raw import Line, written

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret

CANARY = "upstream-secret-word"
SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
PATH = "/v2/models/cancer/infer"
MOST_BODY_BYTES = 200_000
CONFIG = """
[[policy]]
name = "one-digit"
defences = [{{kind = "round", digits = 1}}]
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
max_body_bytes = {most_body_bytes}
head_timeout_s = 1.0
body_timeout_s = 1.0
[[guard.endpoint]]
model = "cancer"
owner = "Oncology research"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1]
row_shape = [2]
sensitivity = "public"
outputs = {{predict = "label", predict_proba = "scores"}}
limits.identity = {{rows_per_minute = 1e6, burst_rows = 1000000}}
"""
ROW = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.5, 2.5]}
GOOD = json.dumps({"inputs": [ROW]}).encode()
TYPE = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
H2C = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"]
NO_UPGRADE = {"error": "Only HTTP/1.1 is spoken here: ask without Upgrade."}


class Model:
    """Answers 0.75, which the policy rounds to 0.8."""

    def predict_proba(self, x):
        return np.tile([0.25, 0.75], (len(x), 1))

    def predict(self, x):
        return np.ones(len(x), dtype=int)


@dataclass
class Guarded:
    """A guard, a key for it, and all that its model server was asked."""

    callers: str
    key: str
    asked: list = field(default_factory=list)
    answered: int = 0
    unsaid: int = 0

    @property
    def auth(self):
        return f"Authorization: Bearer {self.key}"

    def good(self, body=GOOD, *, headers=(), target=PATH, **other):
        return written(target, body, headers=[self.auth, TYPE, *headers], **other)

    def seen(self, reply):
        """Note a reply, and hold it to what holds for all of them."""
        if reply is None:
            return None
        assert reply.status < 500, reply
        assert CANARY.encode() not in reply.told
        if reply.status == 200:
            self.answered += 1
            outputs = {o["name"]: o["data"] for o in json.loads(reply.body)["outputs"]}
            assert outputs["predict_proba"][:2] == [0.2, 0.8]
        return reply.status

    def status(self, data, *, then_end=False):
        """Send bytes over a connection of their own; return the status of the only reply."""
        with Line(self.callers) as line:
            line.send(data)
            if then_end:
                line.end()
            status = self.seen(line.reply())
            assert line.quiet(0.01), "there were two replies to one request"
        return status

    def holds(self):
        """Check that the guard still serves, and what reached the model server until now."""
        with Line(self.callers) as line:
            line.send(self.good())
            assert self.seen(line.reply()) == 200
        surplus = len(self.asked) - self.answered
        assert 0 <= surplus <= self.unsaid, "the model was asked behind a caller's back"
        for request in self.asked:
            assert request["path"] == PATH
            assert set(request["headers"]) == {
                "host",
                "user-agent",
                "accept-encoding",
                "content-type",
                "content-length",
            }
            assert json.loads(request["body"])["inputs"][0]["datatype"] == "FP64"


def watched(app, asked):
    """Keep what an application is asked."""

    async def see(scope, receive, send):
        body = b""

        async def heard():
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                names = [name.decode() for name, _ in scope["headers"]]
                asked.append({"path": scope["path"], "headers": names, "body": body})
            return message

        await app(scope, heard, send)

    return see


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    asked = []
    with serving(watched(oip_app(Model(), words=CANARY), asked)) as upstream:
        path = tmp_path_factory.mktemp("abuse") / "reticent.toml"
        path.write_text(CONFIG.format(upstream=upstream, most_body_bytes=MOST_BODY_BYTES))
        file = load_guard(path)
        secret = read_secret(file, SECRET)
        changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
        issued = changes.issue(
            tenant="default", identity="app", models=("cancer",), lifetime_s=None
        )
        changes.close()
        with guarding(file, SECRET) as (_parts, callers, _admin):
            yield Guarded(callers, issued.key.text, asked)


@pytest.fixture
def guard(running):
    running.asked.clear()
    running.answered = running.unsaid = 0
    yield running
    running.holds()


# What a request says of its own length: two readers must never disagree about where it ends.

HIDDEN = b"POST /v2/models/cancer/infer HTTP/1.1\r\nHost: guard\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        [f"Content-Length: {len(GOOD)}", f"Content-Length: {len(GOOD)}"],
        [f"Content-Length: {len(GOOD)}, {len(GOOD)}"],
        [f"Content-Length: {len(GOOD)}", CHUNKED],
        [CHUNKED, f"Content-Length: {len(GOOD)}"],
        [f"Content-Length: +{len(GOOD)}"],
        [f"Content-Length: -{len(GOOD)}"],
        [f"Content-Length: {len(GOOD):#x}"],
        ["Content-Length: 1_00"],
        ["Content-Length: 1e2"],
        ["Content-Length: \xb2"],
        [f"Content-Length: {10**30}"],
        ["Content-Length: "],
        [f"Content-Length : {len(GOOD)}"],
        [f"Content-Length\t: {len(GOOD)}"],
        [f" Content-Length: {len(GOOD)}"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: chunked, chunked"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: \x0bchunked"],
        ['Transfer-Encoding: "chunked"'],
        [CHUNKED, CHUNKED],
        [CHUNKED, "Transfer-Encoding: identity"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\r\n chunked"],
        [f"X: y\r{CHUNKED}"],
        [f"X: y\n{CHUNKED}", f"Content-Length: {len(GOOD)}"],
    ],
)
def test_a_request_whose_end_can_be_read_in_two_ways_is_refused(guard, lines):
    for body in (GOOD, b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), b"0\r\n\r\n" + HIDDEN):
        with Line(guard.callers) as line:
            line.send(guard.good(body, headers=lines, length=False))
            line.end()
            assert guard.seen(line.reply()) in (400, 413, None), lines
            assert line.closed(), "nothing that follows may be read as a request"


@pytest.mark.parametrize(
    "body",
    [
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b" 5\r\nabcde\r\n0\r\n\r\n",
        b"5 \r\nabcde\r\n0\r\n\r\n",
        b"5_0\r\nabcde\r\n0\r\n\r\n",
        b"\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabc",
        b"5\r\nabcdeX0\r\n\r\n",
        b"5\nabcde\n0\n\n",
        b"5\r\nabcde\n0\r\n\r\n",
        b"2\r\nabcde\r\n0\r\n\r\n",
        b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
        b"5;a=\x00\r\nabcde\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused(guard, body):
    with Line(guard.callers) as line:
        line.send(guard.good(body, headers=[CHUNKED], length=False))
        line.end()
        assert guard.seen(line.reply()) in (400, 413, None)
        assert line.closed()


def test_chunks_are_read_as_one_body(guard):
    pieces = [GOOD[i : i + 7] for i in range(0, len(GOOD), 7)]
    body = b"".join(b"%X\r\n%b\r\n" % (len(p), p) for p in pieces)
    with Line(guard.callers) as line:
        for _ in range(2):
            line.send(guard.good(body + b"0\r\n\r\n", headers=[CHUNKED], length=False))
            assert guard.seen(line.reply()) == 200
        # A trailer counts for nothing, above all not for who is asking.
        trailer = f"0\r\n{guard.auth}\r\n\r\n".encode()
        line.send(written(PATH, body + trailer, headers=[TYPE, CHUNKED], length=False))
        assert guard.seen(line.reply()) == 401


def test_garbage_behind_a_good_request_is_no_request(guard):
    for garbage in (b"\x00" * 64, b"GARBAGE\r\n\r\n", b"}" * 70_000, b"POST / HTTP/1.1 x\r\n\r\n"):
        with Line(guard.callers) as line:
            line.send(guard.good() + garbage)
            first = guard.seen(line.reply())
            assert first in (200, 400, None)
            if first == 200:
                assert guard.seen(line.reply()) in (400, None)
            else:
                guard.unsaid += 1  # it may have been asked before the garbage came
            assert line.closed()


def test_requests_in_a_row_are_answered_in_their_order(guard):
    ask = [guard.good(json.dumps({"id": f"n{i}", "inputs": [ROW]}).encode()) for i in range(50)]
    with Line(guard.callers) as line:
        line.send(b"".join(ask))
        for i in range(50):
            reply = line.reply()
            assert guard.seen(reply) == 200
            assert json.loads(reply.body)["id"] == f"n{i}"
    with Line(guard.callers) as line:  # a long body, and a part of the next head right behind it
        padded = GOOD[:-1] + b" " * 60_000 + b"}"
        line.send(guard.good(padded) + guard.good()[:40])
        assert guard.seen(line.reply()) == 200
        line.send(guard.good()[40:])
        assert guard.seen(line.reply()) == 200


# Heads.


@pytest.mark.parametrize(
    "line",
    [
        "X: a\rb",
        "X: a\nY: b",
        "X: a\x00b",
        "X: a\x07b",
        "X: a\x7fb",
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X\x00: a",
        "X Y: a",
        "X(: a",
        ": a",
        "no colon",
        "\xff: a",
    ],
)
def test_a_header_that_is_none_is_refused(guard, line):
    assert guard.status(guard.good(headers=[line]), then_end=True) in (400, None)


@pytest.mark.parametrize(
    "start",
    [
        b"POST\t/v2/models/cancer/infer\tHTTP/1.1",
        b"POST /v2/models/cancer/infer HTTP/9.9",
        b"POST /v2/models/cancer/infer HTTP/1.1 HTTP/1.1",
        b"POST /v2/models/cancer/infer",
        b"POST /v2/models/cancer /infer HTTP/1.1",
        b"P\xd6ST /v2/models/cancer/infer HTTP/1.1",
        b"post /v2/models/cancer/infer HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"",
        b"\x00",
        b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb",
    ],
)
def test_a_first_line_that_is_none_is_refused(guard, start):
    rest = guard.good().partition(b"\r\n")[2]
    assert guard.status(start + b"\r\n" + rest, then_end=True) in (400, None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_answered_whatever_a_header_says(guard, method):
    override = [f"{name}: POST" for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method")]
    with Line(guard.callers) as line:
        line.send(guard.good(method=method, headers=override))
        if method == "HEAD":
            assert line.sock.recv(100).startswith(b"HTTP/1.1 404")
            return
        reply = line.reply()
        assert guard.seen(reply) == 404
        assert guard.key.encode() not in reply.told  # TRACE echoes nothing
    assert guard.status(guard.good(headers=["X-HTTP-Method-Override: GET"])) == 200


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("*", {400, 404}),
        ("http://elsewhere.example" + PATH, {200, 400, 404}),
        ("http://127.0.0.1:1/", {400, 404}),
        ("https://guard:99999" + PATH, {400, 404}),
        ("http://", {400}),
        ("guard:443", {400, 404}),
        ("ftp://guard" + PATH, {200, 400, 404}),
        ("//elsewhere" + PATH, {400, 404}),
        ("/", {404}),
        ("", {400, None}),
        ("v2/models/cancer/infer", {400, 404}),
        (PATH + "/", {404}),
        (PATH + "?", {200}),
        (PATH + "?x", {400}),
        (PATH + "#x", {200, 400, 404}),
        (PATH + ";x=1", {404}),
        (PATH + "%3Fx", {404}),
        (PATH + "%00", {404}),
        (PATH + "%0d%0aX:y", {404}),
        (PATH + "%20", {404}),
        (PATH + "%", {404}),
        (PATH + "%zz", {404}),
        ("/v2/models/%63ancer/infer", {200, 404}),
        ("/v2/models/cancer%2Finfer", {200, 404}),
        ("/v2/models/%2563ancer/infer", {404}),
        ("/v2/models/cancer%252Finfer", {404}),
        ("/v2/models/other/../cancer/infer", {404}),
        ("/v2/models/%2e%2e/models/cancer/infer", {404}),
        ("/v2/models/%c0%ae%c0%ae/models/cancer/infer", {404}),
        ("/v2/models/cancer/infer/..", {404}),
        ("/v2/./models/cancer/infer", {404}),
        ("/v2//models/cancer/infer", {404}),
        ("/v2\\models\\cancer\\infer", {400, 404}),
        ("/V2/models/cancer/infer", {404}),
        ("/v2/models/Cancer/infer", {404}),
        ("/v2/models/%EF%BD%83ancer/infer", {404}),  # a full-width c
        ("/v2/models/c%D0%B0ncer/infer", {404}),  # a Cyrillic a
        ("/v2/models/%C1%A3ancer/infer", {404}),  # an overlong c
        ("/v2/models/\xef\xbd\x83ancer/infer", {400, 404}),
        ("/v2/models/cancer", {404}),
        ("/metrics", {404}),
        ("/readyz", {404}),
        ("/dashboard", {404}),
        ("/" + "a" * 30_000, {400, 404}),
        ("/" + "../" * 5_000 + "etc/passwd", {400, 404}),
    ],
)
def test_a_target_is_the_models_path_or_nothing(guard, target, statuses):
    assert guard.status(guard.good(target=target), then_end=not target) in statuses


@pytest.mark.parametrize(
    "name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix"]
)
def test_no_header_leads_elsewhere(guard, name):
    assert guard.status(guard.good(target="/v2", headers=[f"{name}: {PATH}"])) == 404
    assert guard.status(guard.good(headers=[f"{name}: /v2"])) == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["Connection: Authorization, Content-Type, Content-Length, Host"],
        ["Connection: keep-alive, X-Secret", "X-Secret: a"],
        ["TE: trailers", "Trailer: X", "Keep-Alive: timeout=9999999999"],
        ["Proxy-Connection: close", "Proxy-Authorization: Basic eDp4"],
        ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: ::1"],
        ["X-Client-Subject: root", "X-Client-Verify: SUCCESS"],
        ["Cookie: " + "a=b; " * 500],
        ["Range: bytes=0-1", "If-None-Match: *", "If-Match: x"],
        ["Accept: text/html;q=1", "Accept-Encoding: gzip, br", "Accept-Charset: utf-16"],
        ["Prefer: respond-async", "X-Accel-Redirect: /", "X-Sendfile: /etc/passwd"],
    ],
)
def test_headers_between_two_hops_change_nothing(guard, lines):
    assert guard.status(guard.good(headers=lines)) == 200


def test_who_asks_is_said_once_or_not_at_all(guard):
    for lines in (
        [guard.auth, guard.auth],
        ["Authorization: Bearer", guard.auth],
        [guard.auth, "X-API-Key: rk_other"],
        [f"Authorization: Bearer {guard.key}x"],
        [f"Authorization: Bearer {guard.key[:-1]}"],
        [f"Authorization: Bearer {guard.key.upper()}"],
        [f"Authorization: Bearer  {guard.key}"],
        [f"Authorization: Bearer {guard.key},{guard.key}"],
        [f"Authorization: Basic {guard.key}"],
        [f"Authorization: {guard.key}"],
        [f"Cookie: authorization=Bearer {guard.key}"],
        ["Authorization: Bearer " + "a.b.c" * 1000],
        ["Authorization: Bearer \xff\xfe"],
    ):
        assert guard.status(written(PATH, GOOD, headers=[TYPE, *lines])) == 401, lines
    assert guard.status(guard.good(target=f"{PATH}?api_key={guard.key}")) == 400


def test_a_head_that_goes_on_is_cut_short(guard):
    for lines in (["X: " + "a" * 40_000], [f"X{i}: a" for i in range(8_000)], ["a" * 40_000]):
        assert guard.status(guard.good(headers=lines), then_end=True) in (400, 431, None)
    with Line(guard.callers) as line:
        line.send(b"POST / HTTP/1.1\r\n")
        sent = 0
        while line.send(b"X: " + b"a" * 10_000 + b"\r\n") and sent < 20_000_000:
            sent += 10_000
            time.sleep(0.001)
        assert sent < 20_000_000


# Bodies.


def test_a_body_that_is_too_long_is_refused_unread(guard):
    huge = guard.good(b"", headers=[f"Content-Length: {10**11}"], length=False)
    assert guard.status(huge) == 413
    assert guard.status(guard.good(b"x" * (MOST_BODY_BYTES + 1))) == 413
    assert guard.status(guard.good(GOOD + b" " * (MOST_BODY_BYTES - len(GOOD)))) == 200


@pytest.mark.parametrize("known", [True, False])
def test_a_body_without_end_is_cut_off(guard, known):
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    with Line(guard.callers) as line:
        if known:
            line.send(guard.good(b"", headers=[CHUNKED], length=False))
        else:  # refused by its head: its body is nobody's any more
            line.send(written(PATH, b"", headers=[TYPE, CHUNKED], length=False))
        until_s = time.monotonic() + 20
        while line.send(chunk):
            assert time.monotonic() < until_s, "it is read for ever"
        assert guard.seen(line.reply()) in (413 if known else 401, None)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("framing", [b"0\r\nX: ", b"1;x="])
def test_what_stands_around_a_body_is_bounded_too(guard, known, framing):
    headers = [guard.auth, TYPE, CHUNKED] if known else [TYPE, CHUNKED]
    with Line(guard.callers) as line:
        line.send(written(PATH, framing, headers=headers, length=False))
        sent = 0
        while line.send(b"a" * 10_000) and sent < 30_000_000:
            sent += 10_000
            time.sleep(0.0005)
        assert sent < 30_000_000
        assert guard.seen(line.reply()) in (400 if known else 401, None)


def test_bodies_of_tiny_chunks_are_read(guard):
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD + b" " * 90_000) + b"0\r\n\r\n"
    assert guard.status(guard.good(body, headers=[CHUNKED], length=False)) == 200


def packed(plain):
    return gzip.compress(plain, 9, mtime=0)  # no time: workers collect equal tests


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", packed(GOOD), 200),
        ("GZip", packed(GOOD), 200),
        ("identity", GOOD, 200),
        ("gzip", packed(b" " * 50_000_000), 413),
        ("gzip", packed(GOOD[:-1] + b" " * MOST_BODY_BYTES + b"}"), 413),
        ("gzip", packed(packed(GOOD)), 400),
        ("gzip, gzip", packed(packed(GOOD)), 415),
        ("gzip", packed(GOOD) + packed(b""), 400),
        ("gzip", packed(GOOD)[:-1], 400),
        ("gzip", packed(GOOD) + b"x", 400),
        ("gzip", GOOD, 400),
        ("gzip", b"", 400),
        ("deflate", GOOD, 415),
        ("br", GOOD, 415),
        ("zstd", GOOD, 415),
        ("x-gzip", packed(GOOD), 415),
        ("aes128gcm", GOOD, 415),
    ],
)
def test_packed_bodies_unpack_to_no_more_than_plain_ones(guard, encoding, body, status):
    assert guard.status(guard.good(body, headers=[f"Content-Encoding: {encoding}"])) == status


def test_an_encoding_or_type_said_twice_is_refused(guard):
    twice = ["Content-Encoding: gzip", "Content-Encoding: identity"]
    assert guard.status(guard.good(packed(GOOD), headers=twice)) == 400
    assert guard.status(guard.good(headers=["Content-Type: text/plain"])) == 400
    assert guard.status(guard.good(headers=["Host: other"])) == 400


def replaced(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


BODIES = {
    "nothing": b"",
    "nested lists": b"[" * 90_000 + b"]" * 90_000,
    "nested objects": b'{"inputs":' * 15_000 + b"1" + b"}" * 15_000,
    "nested data": replaced(b"[1.5, 2.5]", b"[" * 5_000 + b"1.5, 2.5" + b"]" * 5_000),
    "unclosed": GOOD[:-1],
    "two values": GOOD + GOOD,
    "a comment": GOOD[:-1] + b"/* */}",
    "a comma": GOOD[:-1] + b",}",
    "single quotes": GOOD.replace(b'"', b"'"),
    "a key twice": b'{"inputs":[],"inputs":' + json.dumps([ROW]).encode() + b"}",
    "a key twice, deep": replaced(b'"shape": [1, 2]', b'"shape": [1, 1], "shape": [1, 2]'),
    "a key twice, escaped": replaced(b'"shape": [1, 2]', b'"sh\\u0061pe":[1,1], "shape": [1,2]'),
    "a key twice, unused": replaced(b'"shape": [1, 2]', b'"p":{"a":1,"a":2},"shape": [1, 2]'),
    "NaN": replaced(b"1.5", b"NaN"),
    "Infinity": replaced(b"1.5", b"Infinity"),
    "-Infinity": replaced(b"1.5", b"-Infinity"),
    "too large": replaced(b"1.5", b"1e400"),
    "many digits": replaced(b"1.5", b"1" * 100_000),
    "text for a number": replaced(b"1.5", b'"1.5"'),
    "true for a number": replaced(b"1.5", b"true"),
    "null for a number": replaced(b"1.5", b"null"),
    "hexadecimal": replaced(b"1.5", b"0x1"),
    "leading zero": replaced(b"1.5", b"01.5"),
    "a plus": replaced(b"1.5", b"+1.5"),
    "negative shape": replaced(b"[1, 2]", b"[-1, -2]"),
    "huge shape": replaced(b"[1, 2]", b"[4294967297, 4294967298]"),
    "huger shape": replaced(b"[1, 2]", b"[1000000000000000000000000000000, 2]"),
    "no rows": replaced(b"[1, 2]", b"[0, 2]").replace(b"[1.5, 2.5]", b"[]"),
    "truth in a shape": replaced(b"[1, 2]", b"[true, 2]"),
    "overlong UTF-8": replaced(b'"x"', b'"\xc1\xb8"'),
    "a raw surrogate": replaced(b'"x"', b'"\xed\xa0\x80"'),
    "a lone surrogate": replaced(b'"x"', b'"\\ud800"'),
    "a NUL": replaced(b'"x"', b'"\x00"'),
    "an escaped NUL": replaced(b'"x"', b'"\\u0000"'),
    "a key that looks alike": replaced(b'"inputs"', '"\uff49nputs"'.encode()),  # full width
    "a key in Cyrillic": replaced(b'"shape"', '"sh\u0430pe"'.encode()),
    "a key with a joiner": replaced(b'"data"', '"data\u200d"'.encode()),
    "a key in capitals": replaced(b'"data"', b'"DATA"'),
    "a datatype that looks alike": replaced(b"FP64", "\uff26\uff3064".encode()),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "Latin-1": replaced(b'"x"', b'"\xe9"'),
    "a prototype": GOOD[:-1] + b',"__proto__":{"admin":true}}',
    "an id with line ends": GOOD[:-1] + b',"id":"a\\r\\nX: y"}',
    "an id of markup": GOOD[:-1] + b',"id":"<script>"}',
    "an unknown key": GOOD[:-1] + b',"parameters":{"explain":true}}',
    "binary": bytes(range(256)) * 100,
    "a form": b"inputs=1&inputs=2",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a pickle": b"\x80\x04\x95cposix\nsystem\n.",
}


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_is_no_question_is_refused(guard, what):
    assert guard.status(guard.good(BODIES[what])) in (400, 413, 422)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json+x", "multipart/form-data; boundary=x", "*/*", ""]
)
def test_another_type_is_refused(guard, kind):
    headers = [guard.auth, f"Content-Type: {kind}"]
    assert guard.status(written(PATH, GOOD, headers=headers)) in (400, 415)


# Old and new versions of HTTP.


def test_http_1_0_is_answered_once(guard):
    with Line(guard.callers) as line:
        line.send(guard.good(version="HTTP/1.0", headers=["Connection: keep-alive"]))
        assert guard.seen(line.reply()) == 200
        assert line.closed()
    chunked = guard.good(b"0\r\n\r\n", version="HTTP/1.0", headers=[CHUNKED], length=False)
    assert guard.status(chunked) == 400
    assert guard.status(b"GET /\r\n\r\n", then_end=True) in (400, None)


def test_nobody_is_let_into_another_protocol(guard):
    websocket = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    for lines in (websocket, H2C, ["Connection: Upgrade", "Upgrade: TLS/1.0"]):
        for method in ("GET", "POST"):
            with Line(guard.callers) as line:
                line.send(guard.good(method=method, headers=lines))
                reply = line.reply()
                assert guard.seen(reply) == 400
                assert json.loads(reply.body) == NO_UPGRADE
                assert reply.headers["connection"] == "close"
                assert line.closed()
    # Nobody asks to leave this connection: the header means nothing.
    assert guard.status(guard.good(headers=["Upgrade: h2c"])) == 200
    with Line(guard.callers) as line:
        line.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        assert guard.seen(line.reply()) in (400, None)
        assert line.closed()
    assert guard.status(guard.good(method="CONNECT", target="127.0.0.1:22")) in (400, 404)


def test_what_follows_a_wish_for_another_protocol_is_no_request(guard):
    asked = guard.good(headers=H2C)
    for first, second in (
        (asked + guard.good(), b""),
        (asked, guard.good()),
        (asked[: -len(GOOD)], GOOD + guard.good()),
        (guard.good(b"", headers=[*H2C, CHUNKED], length=False), b"0\r\n\r\n" + guard.good()),
    ):
        with Line(guard.callers) as line:
            line.send(first)
            assert guard.seen(line.reply()) == 400
            line.send(second)
            assert line.closed()
    with Line(guard.callers) as line:  # a body under way meets no reset, which may cost the reply
        line.send(asked[: -len(GOOD)])
        for part in (GOOD[:9], GOOD[9:20], GOOD[20:]):
            time.sleep(0.05)
            assert line.send(part)
        assert guard.seen(line.reply()) == 400
        assert line.closed()
    with Line(guard.callers) as line:  # what came before is answered
        line.send(guard.good() + asked + guard.good())
        assert guard.seen(line.reply()) == 200
        assert guard.seen(line.reply()) == 400
        assert line.closed()
    guard.holds()


@pytest.mark.parametrize("data", [b"x", bytes(500_000)], ids=["slowly", "much"])
def test_who_goes_on_after_a_wish_for_another_protocol_is_cut_off(guard, data):
    with Line(guard.callers) as line:
        line.send(guard.good(headers=H2C)[: -len(GOOD)])
        assert guard.seen(line.reply()) == 400
        assert trickled(line, data) < 15


def test_a_body_is_asked_for_only_where_it_is_read(guard):
    expects = ["Expect: 100-continue"]
    with Line(guard.callers) as line:
        line.send(guard.good(headers=expects)[: -len(GOOD)])
        assert line.sock.recv(1000).startswith(b"HTTP/1.1 100")
        line.send(GOOD)
        assert guard.seen(line.reply()) == 200
    with Line(guard.callers) as line:  # who is nobody is not asked for a body
        line.send(written(PATH, GOOD, headers=[TYPE, *expects])[: -len(GOOD)])
        assert line.sock.recv(1000).startswith(b"HTTP/1.1 401")
    assert guard.status(guard.good(headers=["Expect: 200-ok"])) in (200, 400, 417)


# Callers who take their time.


def trickled(line, data, *, every_s=0.1, most_s=15.0):
    """Send a byte now and then until the other side has had enough; return after how long."""
    start_s = time.monotonic()
    while time.monotonic() - start_s < most_s:
        if not line.send(data):
            break
        time.sleep(every_s)
    return time.monotonic() - start_s


def all_at_once(many, work):
    """Run `work(i)` in threads; return what they return."""
    found = [None] * many

    def run(i):
        found[i] = work(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.parametrize("start", [b"", b"P", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nX: "])
def test_slow_heads_are_cut_off(guard, start):
    def slowly(_):
        with Line(guard.callers) as line:
            line.send(start)
            return trickled(line, b"A" if start else b"\r\n")

    assert all(taken_s < 10 for taken_s in all_at_once(8, slowly))


def test_slow_bodies_are_cut_off(guard):
    def slowly(i):
        known = i % 2 == 0
        with Line(guard.callers) as line:
            if known:
                line.send(guard.good(b"", headers=["Content-Length: 1000"], length=False))
            else:
                line.send(written(PATH, b"", headers=["Content-Length: 1000"], length=False))
            taken_s = trickled(line, b"[")
            reply = line.reply()
            assert guard.seen(reply) in (408 if known else 401, None)
            return taken_s

    assert all(taken_s < 10 for taken_s in all_at_once(8, slowly))


def test_half_a_request_is_none(guard):
    whole = guard.good()
    for cut in (10, len(whole) - len(GOOD), len(whole) - 1):
        with Line(guard.callers) as line:
            line.send(whole[:cut])
            line.end()
            assert guard.seen(line.reply()) in (400, None)
        with Line(guard.callers) as line:  # and one who just hangs up
            line.send(whole[:cut])


def test_a_caller_who_has_said_everything_may_say_so(guard):
    with Line(guard.callers) as line:
        line.send(guard.good())
        line.end()
        assert guard.seen(line.reply()) == 200
        assert line.closed()


def test_a_thousand_idle_connections_keep_nobody_out(guard):
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    idle = []
    try:
        idle = [Line(guard.callers) for _ in range(1000)]
        for _ in range(20):
            assert guard.status(guard.good()) == 200
        assert all(line.closed() for line in idle)  # and they do not stay
    finally:
        for line in idle:
            line.sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
