"""Load: many connections at once through wrk or, where it is missing, an asyncio client.

Every request goes over a kept connection and is one of a few that were written beforehand, so the
load costs little. An answer with a status other than 200 fails the run: a proxy that refuses is
quick.
"""

import asyncio
import itertools
import json
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What to ask of whom."""

    port: int
    path: str
    bodies: Sequence[bytes]
    headers: Mapping[str, str]

    def written(self) -> list[bytes]:
        """Return the requests as bytes."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}"
        return [b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(b), b) for b in self.bodies]


def throughput(ask: Ask, *, connections: int, seconds: float, core: int) -> tuple[int, float]:
    """Return (requests answered, seconds)."""
    if shutil.which("wrk"):
        return _wrk(ask, connections, seconds, core)
    return uvloop.run(_asyncio(ask, connections, seconds))


def latencies_s(ask: Ask, *, requests: int) -> list[float]:
    """Return how long each of so many requests took, one at a time over one connection."""
    found = []
    with socket.create_connection(("127.0.0.1", ask.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in itertools.islice(itertools.cycle(ask.written()), requests):
            start = time.perf_counter()
            sock.sendall(request)
            said = sock.recv(65536)
            while not _whole(said):
                said += sock.recv(65536)
            found.append(time.perf_counter() - start)
            _check(said)
    return found


def p50_s(ask: Ask, *, requests: int) -> float:
    """Return the median of `latencies_s`, the first tenth left out."""
    return statistics.median(latencies_s(ask, requests=requests)[requests // 10 :])


def _whole(said: bytes) -> bool:
    end = said.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = said[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:  # chunks, as LiteLLM may send
        return said.endswith(b"0\r\n\r\n")
    return len(said) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


def _check(said: bytes) -> None:
    if not said.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not an answer: {said[:300]!r}")


def _wrk(ask: Ask, connections: int, seconds: float, core: int) -> tuple[int, float]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        bodies = ",".join(json.dumps(body.decode("ascii")) for body in ask.bodies)
        headers = "".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n"
            for name, value in ask.headers.items()
        )
        script.write_text(
            f'wrk.method = "POST"\n{headers}local bodies = {{{bodies}}}\nlocal asks, i = {{}}, 0\n'
            "function init(args)\n"
            "  for n, body in ipairs(bodies) do asks[n] = wrk.format(nil, nil, nil, body) end\n"
            "end\n"
            "function request() i = i % #asks + 1; return asks[i] end\n"
            "function done(summary)\n"
            "  local e = summary.errors\n"
            '  io.write(string.format("figures %d %d %d\\n", summary.requests, summary.duration,\n'
            "    e.connect + e.read + e.write + e.status + e.timeout))\n"
            "end\n"
        )
        url = f"http://127.0.0.1:{ask.port}{ask.path}"
        words = [
            "taskset",
            "-c",
            str(core),
            "wrk",
            "--timeout",
            "30s",
            "-t1",
            f"-c{connections}",
            f"-d{seconds:.0f}s",
        ]
        ran = subprocess.run(
            [*words, "-s", str(script), url], check=True, capture_output=True, text=True
        )
    line = next(line for line in ran.stdout.splitlines() if line.startswith("figures "))
    requests, duration_us, errors = (int(word) for word in line.split()[1:])
    if errors:
        raise RuntimeError(f"{errors} of {requests} requests were not answered with 200")
    return requests, duration_us / 1e6


class _Client(asyncio.Protocol):
    def __init__(self, asks: "itertools.cycle[bytes]", counted: list[int]) -> None:
        self.asks = asks
        self.counted = counted
        self.said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(next(self.asks))

    def data_received(self, data: bytes) -> None:
        self.said += data
        if _whole(self.said):
            _check(self.said)
            self.said = b""
            self.counted[0] += 1
            self.transport.write(next(self.asks))


async def _asyncio(ask: Ask, connections: int, seconds: float) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    asks, counted = itertools.cycle(ask.written()), [0]
    start = time.perf_counter()
    clients = [
        await loop.create_connection(lambda: _Client(asks, counted), "127.0.0.1", ask.port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    done, taken_s = counted[0], time.perf_counter() - start
    for transport, _ in clients:
        transport.abort()
    return done, taken_s
