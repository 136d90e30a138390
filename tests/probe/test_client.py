import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from guard.live import free_port, serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from reticent.core import BadInput
from reticent.probe.client import MOST_REPLY_BYTES, Client, Spent
from reticent.probe.permission import Place, allowed_place

from .tiny import echo, halves, inference, said


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with serving(echo()) as url:
        yield allowed_place(url, allowed=None)


def client(place: Place, **more: object) -> Client:
    settings = {"most_requests": 10, "most_s": 60.0, "key": "secret-key"} | more
    return Client(place=place, **settings)  # type: ignore[arg-type]  # as each test sets them


def test_the_key_is_sent_only_where_it_is_wanted(place: Place) -> None:
    asking = client(place)
    with_key = asking.send("GET", "/say")
    without = asking.send("GET", "/say", keyed=False)
    asking.close()
    assert said(with_key.body)["headers"]["authorization"] == "Bearer (the key)"
    assert "authorization" not in said(without.body)["headers"]
    assert (with_key.keyed, without.keyed) == (True, False)
    assert "secret-key" not in repr(asking)


def test_redirects_are_not_followed(place: Place) -> None:
    asking = client(place)
    assert asking.send("GET", "/elsewhere").status == 307
    asking.close()
    assert [e.path for e in asking.log] == ["/elsewhere"]


def test_a_long_reply_is_cut_and_the_next_one_still_comes(place: Place) -> None:
    asking = client(place)
    assert len(asking.send("GET", "/much").body) == MOST_REPLY_BYTES
    assert asking.send("GET", "/say").status == 200
    asking.close()


def test_requests_and_seconds_are_bounded(place: Place) -> None:
    asking = client(place, most_requests=2)
    asking.send("GET", "/say")
    asking.send("GET", "/say")
    with pytest.raises(Spent, match="All 2 requests"):
        asking.send("GET", "/say")
    asking.close()
    now = [0.0]
    late = client(place, clock=lambda: now[0])
    late.send("GET", "/say")
    now[0] = 60.5
    with pytest.raises(Spent, match="60 seconds"):
        late.send("GET", "/say")
    late.close()
    assert len(late.log) == 1


def test_a_reply_that_drips_for_ever_is_cut_in_time() -> None:
    ticks = count()

    async def drip(request: Request) -> Response:
        async def drops() -> AsyncIterator[bytes]:
            while not await request.is_disconnected():
                yield b"drop"
                await asyncio.sleep(0.001)

        return StreamingResponse(drops())

    with serving(Starlette(routes=[Route("/", drip)])) as url:
        here = allowed_place(url, allowed=None)
        asking = client(here, clock=lambda: float(next(ticks)), timeout_s=8.0)
        exchange = asking.send("GET", "/")
        asking.close()
    assert exchange.body.startswith(b"drop")
    assert len(exchange.body) < 1 << 16


def test_one_connection_is_enough_for_whole_replies(place: Place) -> None:
    asking = client(place)
    for _ in range(5):
        asking.send("POST", "/say", b"{}")
    assert asking._pool.num_connections == 1
    asking.close()


def certificate(host: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), secret


@pytest.mark.parametrize(
    ("host", "trusted", "good"),
    [("model.test", True, True), ("model.test", False, False), ("other.test", True, False)],
)
def test_https_goes_to_the_checked_address_and_checks_the_name(
    host: str, trusted: bool, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, secret = certificate("model.test")
    (tmp_path / "server.pem").write_bytes(secret + public)
    (tmp_path / "trusted.pem").write_bytes(public if trusted else certificate("x")[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = HTTPServer(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    here = allowed_place(
        f"https://{host}:{server.server_port}", allowed=None, resolve=lambda h, p: ["127.0.0.1"]
    )
    asking = client(here)
    try:
        if good:
            assert asking.send("GET", "/").status == 404
        else:
            with pytest.raises(BadInput, match="certificate"):
                asking.send("GET", "/")
    finally:
        asking.close()
        server.shutdown()
        server.server_close()
        thread.join(10)


class Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(("wait_s", "slept"), [(0.0, []), (7.0, [3.0, 3.0])])
def test_it_waits_as_a_limit_asks_but_no_longer_than_it_may(
    wait_s: float, slept: list[float]
) -> None:
    naps: list[float] = []
    with serving(inference(halves, limit=0)) as url:
        asking = client(allowed_place(url, allowed=None), wait_s=wait_s, sleep=naps.append)
        exchange = asking.send("POST", "/v2/models/tiny/infer", b"{}")
        asking.close()
    assert exchange.is_limited
    assert naps == slept
    assert len(asking.log) == 1 + len(slept)


def test_a_server_that_is_not_there_is_bad_input() -> None:
    asking = client(allowed_place(f"http://127.0.0.1:{free_port()}", allowed=None))
    with pytest.raises(BadInput, match="cannot be reached"):
        asking.send("GET", "/")
    asking.close()
