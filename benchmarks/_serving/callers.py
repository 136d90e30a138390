"""Callers of every sort: good ones, newcomers, strangers, and those who must be refused.

Each request is one of `KINDS`, drawn by weight. Addresses come by a trusted proxy's header, new
identities by tokens signed here, so that what a guard keeps of a caller is made and given up all
the time. Every answer is checked against the statuses that its kind may get, and counted.
"""

import asyncio
import base64
import itertools
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

ISSUER, AUDIENCE = "https://login.example.org", "soak"
CANCER, STRICT = "/v2/models/cancer/infer", "/v2/models/strict/infer"
CHAT = "/v1/chat/completions"
BATCH_ROWS, MOST_ROWS, MOST_BODY_BYTES = 40, 64, 65_536
REQUESTS_PER_CONNECTION = 200
STEADY_ADDRESSES, STEADY_SUBJECTS = 200, 40
TOKEN_LASTS_S = 120.0

#: kind -> (weight, statuses that it may get). What is over a limit is answered now and then, and a
#: key is refused from some moment after its revocation on. A status of 0: the caller hung up.
KINDS: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "row": (500, (200,)),
    "batch": (50, (200,)),
    "short-lived key": (30, (200, 401)),
    "token": (60, (200,)),
    "new identity": (40, (200,)),
    "new address": (90, (200,)),
    "chat": (15, (200,)),
    "streamed chat": (15, (200,)),
    "no key": (35, (401,)),
    "bad key": (35, (401,)),
    "bad token": (10, (401,)),
    "over the limit": (50, (200, 429)),
    "bad JSON": (20, (400,)),
    "too long": (10, (413,)),
    "too many rows": (10, (413,)),
    "outside the range": (20, (422,)),
    "nothing there": (15, (404,)),
    "hangs up": (10, (0,)),
}


@dataclass(kw_only=True)
class Credentials:
    """What callers show; the operator changes `short_lived` while they ask."""

    key: str
    short_lived: str
    signer: Ed25519PrivateKey

    def token(self, subject: str) -> str:
        """Return a token for somebody, valid for two minutes."""
        now_s = time.time()
        header = {"alg": "EdDSA", "typ": "JWT", "kid": "soak"}
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now_s,
            "exp": now_s + TOKEN_LASTS_S,
            "models": ["cancer", "writer"],
        }
        signed = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(claims).encode())}"
        return f"{signed}.{_part(self.signer.sign(signed.encode()))}"

    def jwks(self) -> str:
        """Return the public key as a JSON Web Key Set."""
        x = _part(self.signer.public_key().public_bytes_raw())
        return json.dumps(
            {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "soak", "alg": "EdDSA", "x": x}]}
        )


@dataclass(kw_only=True)
class Callers:
    """Asks at a fixed rate from some connections at once, and counts.

    Attributes:
        port: the guard's.
        credentials: what is shown.
        rows: inputs to ask about, one a row.
        rng: draws kinds, rows and addresses.
        statuses: (kind, status) -> answers.
        rows_answered: rows in answers with status 200.
        late: requests that were not sent within a second of their time.
    """

    port: int
    credentials: Credentials
    rows: NDArray[np.float64]
    rng: np.random.Generator
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    rows_answered: int = 0
    late: int = 0
    _fresh: "itertools.count[int]" = field(default_factory=itertools.count)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def ask(self, *, rate: float, seconds: float, connections: int) -> None:
        """Send `rate` requests a second for so long.

        Raises: RuntimeError for an answer that its kind may not get.
        """
        names = list(KINDS)
        weights = np.array([weight for weight, _ in KINDS.values()], dtype=float)
        due = itertools.count()
        start_s, most = time.monotonic(), int(rate * seconds)
        drawn = self.rng.choice(len(names), size=most, p=weights / weights.sum())

        async def one_connection() -> None:
            link: _Link | None = None
            for number in due:
                if number >= most:
                    break
                wait_s = start_s + number / rate - time.monotonic()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                elif wait_s < -1:
                    self.late += 1
                if link is None or link.asked >= REQUESTS_PER_CONNECTION:
                    link = await _Link.to(self.port, instead_of=link)
                if not await self._one(names[drawn[number]], link):
                    link = await _Link.to(self.port, instead_of=link)
            if link is not None:
                link.writer.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one_connection())

    async def _one(self, kind: str, link: "_Link") -> bool:
        """Ask one question; returns whether the connection can be used on."""
        request, rows = self._request(kind)
        link.asked += 1
        if kind == "hangs up":
            link.writer.write(request[: len(request) // 2])
            await link.writer.drain()
            self.statuses[kind, 0] += 1
            return False
        link.writer.write(request)
        status, last = await link.reply()
        self.statuses[kind, status] += 1
        if status not in KINDS[kind][1]:
            raise RuntimeError(f"{kind}: answered with {status}")
        if status == 200:
            self.rows_answered += rows
        return not last

    def _request(self, kind: str) -> tuple[bytes, int]:
        """Return a request's bytes, and the rows in it."""
        path, rows, body = CANCER, 1, b""
        shown = {"X-API-Key": self.credentials.key}
        if kind == "batch":
            rows = BATCH_ROWS
        elif kind == "too many rows":
            rows = MOST_ROWS + 1
        elif kind in ("chat", "streamed chat"):
            path, body = CHAT, self._chat(stream=kind == "streamed chat")
        elif kind == "over the limit":
            path = STRICT
        elif kind == "nothing there":
            path = "/v2/models/elsewhere/infer"
        elif kind == "bad JSON":
            body = b'{"inputs": [{"name": "x", "shape": [1, 30], "data": [1, 2'
        elif kind == "too long":
            body = b" " * (MOST_BODY_BYTES + 1)
        if kind == "no key":
            shown = {}
        elif kind == "bad key":
            last = "b" if self.credentials.key[-1] == "a" else "a"
            shown = {"X-API-Key": f"{self.credentials.key[:-1]}{last}"}
        elif kind == "short-lived key":
            shown = {"Authorization": f"Bearer {self.credentials.short_lived}"}
        elif kind in ("token", "new identity", "bad token"):
            shown = {"Authorization": f"Bearer {self._token(kind)}"}
        asked = self.rows[self.rng.integers(len(self.rows), size=rows)]
        if kind == "outside the range":
            asked = -1 - asked
        head = [f"POST {path} HTTP/1.1", "Host: soak", "Content-Type: application/json"]
        head += [f"{name}: {value}" for name, value in shown.items()]
        head.append(f"X-Forwarded-For: {self._address(kind)}")
        body = body or _question(asked)
        head.append(f"Content-Length: {len(body)}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body, rows

    def _address(self, kind: str) -> str:
        """Return an address, of a range never seen before where the kind asks for one."""
        if kind in ("new address", "no key", "bad key"):
            number = next(self._fresh) + 1
            return f"10.{number >> 8 & 255}.{number & 255}.{1 + (number >> 16)}"
        return f"192.0.{self.rng.integers(STEADY_ADDRESSES)}.7"

    def _token(self, kind: str) -> str:
        if kind == "new identity":
            return self.credentials.token(f"newcomer-{next(self._fresh)}")
        if kind == "bad token":
            token = self.credentials.token("nobody")
            return f"{token[:-8]}{token[-8:][::-1].swapcase()}"
        subject = f"subject-{self.rng.integers(STEADY_SUBJECTS)}"
        until_s, token = self._tokens.get(subject, (0.0, ""))
        if time.monotonic() >= until_s:  # half of its life is left then
            token = self.credentials.token(subject)
            self._tokens[subject] = (time.monotonic() + TOKEN_LASTS_S / 2, token)
        return token

    def _chat(self, *, stream: bool) -> bytes:
        text = f"what of {self.rng.integers(1000)} and the rest of it"
        asked = {"model": "writer", "messages": [{"role": "user", "content": text}]}
        return json.dumps({**asked, "max_tokens": 12, "stream": stream}).encode()


@dataclass
class _Link:
    """One connection to the guard."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: int = 0

    @classmethod
    async def to(cls, port: int, *, instead_of: "_Link | None") -> "_Link":
        if instead_of is not None:
            instead_of.writer.close()
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def reply(self) -> tuple[int, bool]:
        """Read one reply; returns its status, and whether the connection ends with it."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            while size := int((await self.reader.readline()).strip(), 16):
                await self.reader.readexactly(size + 2)
            await self.reader.readline()
        else:
            length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            await self.reader.readexactly(int(length))
        return int(head.split(b" ", 2)[1]), b"connection: close" in head


def _question(rows: NDArray[np.float64]) -> bytes:
    tensor = {
        "name": "x",
        "shape": list(rows.shape),
        "datatype": "FP64",
        "data": rows.ravel().tolist(),
    }
    return json.dumps({"inputs": [tensor]}).encode()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_status(statuses: Mapping[tuple[str, int], int], kinds: Sequence[str]) -> Counter[int]:
    """Return how often each status came to these kinds."""
    found: Counter[int] = Counter()
    for (kind, status), times in statuses.items():
        if kind in kinds:
            found[status] += times
    return found
