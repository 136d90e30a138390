"""HTTP/1.1 spoken by hand over a socket, so that a test can say what no client would."""

import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class RawReply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def told(self) -> bytes:
        """Return all words in it."""
        return repr(self.headers).encode() + self.body


class Line:
    """One connection; every wait is bounded."""

    def __init__(self, origin, *, patience_s=10.0):
        parts = urlsplit(origin)
        self._patience_s = patience_s
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout=patience_s)
        self._held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """Send; return whether the other side still took it."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def end(self):
        """Say that nothing more will come, and go on listening."""
        self.sock.shutdown(socket.SHUT_WR)

    def reply(self):
        """Return the next final reply; None if the connection ends before it is whole."""
        until_s = time.monotonic() + self._patience_s
        while True:
            found = _parsed(self._held)
            if found is not None:
                reply, self._held = found
                if reply.status >= 200:
                    return reply
                continue
            if not self._more(until_s):
                return None

    def closed(self):
        """Return whether the other side ends the connection in time, and says nothing more."""
        until_s = time.monotonic() + self._patience_s
        while self._more(until_s):
            if self._held:
                return False
        return time.monotonic() < until_s

    def quiet(self, for_s=0.05):
        """Return whether nothing more has come after a while."""
        self._more(time.monotonic() + for_s)
        return not self._held

    def _more(self, until_s):
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return False
        self.sock.settimeout(left_s)
        try:
            data = self.sock.recv(65536)
        except OSError:  # too late, or reset
            return False
        self._held += data
        return bool(data)


def _parsed(data):
    head, gap, rest = data.partition(b"\r\n\r\n")
    if not gap:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ")
    assert version == "HTTP/1.1", first
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, "a header came twice"
        headers[name.lower()] = value.strip()
    if int(status) < 200:
        return RawReply(int(status), headers), rest
    if "transfer-encoding" in headers:
        body = b""
        while True:
            size, gap, rest = rest.partition(b"\r\n")
            if not gap:
                return None
            length = int(size, 16)
            if len(rest) < length + 2:
                return None
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return RawReply(int(status), headers, body), rest
    length = int(headers["content-length"])
    if len(rest) < length:
        return None
    return RawReply(int(status), headers, rest[:length]), rest[length:]


def written(target, body=b"", *, method="POST", headers=(), version="HTTP/1.1", length=True):
    """Return a request's bytes; `headers` are lines."""
    lines = [f"{method} {target} {version}".encode("latin-1"), b"Host: guard"]
    lines += [line if isinstance(line, bytes) else line.encode("latin-1") for line in headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
