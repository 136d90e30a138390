"""The one door to the server: bounded in requests and time, to one address, without redirects."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import urllib3

from reticent.core import BadInput, ReticentError
from reticent.probe.permission import Place

MOST_REPLY_BYTES = 4 << 20
LIMITED = (429, 503)
REFUSED = (401, 403)


class Spent(ReticentError):
    """The requests or the time that were allowed are used up."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Exchange:
    """One request and its reply.

    Attributes:
        method: in capitals.
        path: of the request.
        sent: what the body was, in words.
        keyed: whether the key was sent along.
        status: 0 if no reply came.
        headers: of the reply, names in lower case.
        body: of the reply, at most `MOST_REPLY_BYTES`.
        seconds: from the request to the reply's last byte.
    """

    method: str
    path: str
    sent: str
    keyed: bool
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def is_refused(self) -> bool:
        """Return whether who asked was not let in."""
        return self.status in REFUSED

    @property
    def is_limited(self) -> bool:
        """Return whether a limit spoke: 429, or 503 with a time to come back."""
        return self.status == 429 or (self.status == 503 and "retry-after" in self.headers)

    @property
    def retry_after_s(self) -> float:
        """Return how long the server asks to wait; 1 where it does not say."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdigit() else 1.0


@final
@dataclass(slots=True, eq=False, kw_only=True)
class Client:
    """Asks one server.

    Attributes:
        place: where it is.
        key: bearer token; "" for none.
        most_requests: how many may be sent.
        most_s: how long the whole may take.
        wait_s: how long, in all, a limit may make us wait.
        timeout_s: longest wait for one reply.
        clock: monotonic seconds.
        sleep: waits.
        log: every exchange, in order.
    """

    place: Place
    key: str = field(default="", repr=False)
    most_requests: int
    most_s: float
    wait_s: float = 0.0
    timeout_s: float = 10.0
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    log: list[Exchange] = field(default_factory=list)
    _pool: Any = field(init=False, repr=False)
    _started: float = field(init=False)
    _waited: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._started = self.clock()
        address = self.place.addresses[0]
        if self.place.scheme == "https":
            self._pool = urllib3.HTTPSConnectionPool(
                address,
                self.place.port,
                maxsize=1,
                server_hostname=self.place.host,
                assert_hostname=self.place.host,
                cert_reqs="CERT_REQUIRED",
            )
        else:
            self._pool = urllib3.HTTPConnectionPool(address, self.place.port, maxsize=1)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        sent: str = "",
        keyed: bool = True,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
    ) -> Exchange:
        """Return what the server says; status 0 if it hangs up or takes too long.

        Args:
            method: GET, POST, OPTIONS.
            path: on the server.
            body: of the request.
            sent: what the body is, for the evidence.
            keyed: send the key along, if there is one.
            media_type: of the body.
            headers: further ones.
            patient: wait and ask again when a limit says so, as long as `wait_s` lasts.

        Raises: Spent when the requests or the time are used up.
        """
        while True:
            exchange = self._once(method, path, body, sent, keyed, media_type, headers or {})
            wait_s = exchange.retry_after_s
            if not (patient and exchange.is_limited and self._waited + wait_s <= self.wait_s):
                return exchange
            self._waited += wait_s
            self.sleep(wait_s)

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _read(self, response: Any, until: float) -> bytes:
        """Return a reply's body, as far as it comes in time and is not too long."""
        parts, size = [], 0
        while size < MOST_REPLY_BYTES and self.clock() < until:
            part = response.read1(min(1 << 16, MOST_REPLY_BYTES - size), decode_content=False)
            if not part:
                break
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes,
        sent: str,
        keyed: bool,
        media_type: str,
        headers: Mapping[str, str],
    ) -> Exchange:
        if len(self.log) >= self.most_requests:
            raise Spent(
                f"All {self.most_requests} requests are used up.",
                way_out="Allow more with --most-requests.",
            )
        if self.clock() - self._started > self.most_s:
            raise Spent(
                f"The {self.most_s:g} seconds are over.", way_out="Allow more with --most-s."
            )
        keyed = keyed and bool(self.key)
        sending = {
            "host": self.place.url.partition("://")[2],
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "reticent-probe",
            **headers,
        }
        if body:
            sending["content-type"] = media_type
        if keyed:
            sending["authorization"] = f"Bearer {self.key}"
        started = self.clock()
        status, received, said = 0, dict[str, str](), b""
        try:
            response = self._pool.request(
                method,
                path,
                body=body or None,
                headers=sending,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(self.timeout_s),
            )
            try:
                said = self._read(response, started + self.timeout_s)
            finally:
                response.close()  # urllib3 keeps a connection whose reply was read to its end
            status = response.status
            received = {name.lower(): value for name, value in response.headers.items()}
        except urllib3.exceptions.SSLError as error:
            raise BadInput(
                f"{self.place.url} has a certificate that cannot be trusted ({error}).",
                way_out="Give the server one that this machine trusts, for exactly this host.",
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if not self.log:
                raise BadInput(
                    f"{self.place.url} cannot be reached ({type(error).__name__}).",
                    way_out="Start the server, or correct the URL.",
                ) from error
        if keyed:  # a server may echo it, and replies are evidence
            said = said.replace(self.key.encode(), b"(the key)")
            received = {name: v.replace(self.key, "(the key)") for name, v in received.items()}
        exchange = Exchange(
            method=method,
            path=path,
            sent=sent,
            keyed=keyed,
            status=status,
            headers=received,
            body=said,
            seconds=self.clock() - started,
        )
        self.log.append(exchange)
        return exchange
