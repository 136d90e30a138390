"""A token provider: keys, tokens of any shape, and a JWKS server on the loopback interface."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from reticent.config.guard import Jwt
from reticent.guard.identity.jwks import KeptKeys, Source
from reticent.guard.identity.jwt import Tokens

Key = RSAKey | ECKey | OKPKey
NOW_S = 1_000_000.0
ISSUER = "https://login.example.org"
AUDIENCE = "models"
JOSE_NAMES = {"EdDSA": "Ed25519"}


@cache
def rsa(name: str = "r1", bits: int = 2048) -> RSAKey:
    raw = generate_private_key(public_exponent=65537, key_size=bits)
    return RSAKey(raw, raw, {"kid": name})


@cache
def ec(name: str = "e1", curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": name})


@cache
def ed(name: str = "o1", curve: str = "Ed25519") -> OKPKey:
    return OKPKey.generate_key(curve, {"kid": name})


def public(*keys: Key, **more: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) | {"kid": key.kid} | more for key in keys]}


def claims(**other: Any) -> dict[str, Any]:
    usual = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW_S - 10, "exp": NOW_S + 600,
        "models": ["credit"],
    }  # fmt: skip
    return {k: v for k, v in (usual | other).items() if v is not ...}


def part(data: Any) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(
    key: Key, algorithm: str, *, header: Mapping[str, Any] | None = None, **other: Any
) -> str:
    """Return a token; `header` and claims replace the usual ones, `...` leaves one out."""
    usual = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
    return signed_raw(
        key,
        algorithm,
        part({k: v for k, v in usual.items() if v is not ...}),
        part(claims(**other)),
    )


def signed_raw(key: Key, algorithm: str, header: str, body: str) -> str:
    model = JWSRegistry.algorithms[JOSE_NAMES.get(algorithm, algorithm)]
    return f"{header}.{body}.{part(model.sign(f'{header}.{body}'.encode(), key))}"


def symmetric(secret: bytes, header: Mapping[str, Any], **other: Any) -> str:
    """Return a token with an HMAC-SHA-256 where a signature should be."""
    body = f"{part(dict(header))}.{part(claims(**other))}"
    return f"{body}.{part(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


class Given:
    """Gives what it is told, and counts."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self.keys = keys
        self.reads = 0

    def read(self) -> bytes:
        self.reads += 1
        return json.dumps(self.keys).encode()


def declared(**other: Any) -> Jwt:
    return Jwt(**({"issuer": ISSUER, "audience": AUDIENCE, "jwks": "keys.json"} | other))


def tokens(source: Source, clock: Any, **other: Any) -> tuple[Tokens, KeptKeys]:
    """Return a verifier that has read its keys once."""
    jwt = declared(**other)
    kept = KeptKeys(
        source,
        algorithms=frozenset(jwt.algorithms),
        refresh_s=jwt.refresh_s,
        kept_s=12 * jwt.refresh_s,
        clock=clock,
    )
    kept.refresh()
    return Tokens(jwt, kept), kept


class Provider:
    """What a JWKS server answers, and how often it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b'{"keys": []}'
        self.asked = 0
        self.url = ""

    def show(self, *keys: Key) -> None:
        self.body = json.dumps(public(*keys)).encode()


@contextmanager
def serving() -> Iterator[Provider]:
    provider = Provider()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            self.send_response(provider.status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(provider.body)))
            self.end_headers()
            self.wfile.write(provider.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    provider.url = f"http://127.0.0.1:{server.server_port}/keys"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
