"""Who may look at the dashboard: operators who know the password, for a while."""

import base64
import hmac
from collections import deque
from typing import final

from reticent.guard.secrets import derived

COOKIE = "reticent_operator"
LASTS_S = 8 * 3600
MOST_TRIES = 10
WITHIN_S = 60.0


def operator_password(secret: bytes) -> str:
    """Return the operators' password: 100 bits that follow from the guard's secret.

    Nothing is stored, and all replicas have the same. A new secret makes a new password.
    """
    letters = base64.b32encode(derived(secret, "operator password"))[:20].decode().lower()
    return "-".join(letters[i : i + 5] for i in range(0, 20, 5))


def metrics_token(secret: bytes) -> str:
    """Return what a collector must show to read the metrics over a network: 160 bits in hex."""
    return derived(secret, "metrics token").hex()[:40]


@final
class Sessions:
    """Checks passwords, slowly if tried too often, and signs cookies.

    A cookie is an expiry time and its HMAC: nothing is kept here, so a restart ends no session.
    """

    def __init__(self, secret: bytes) -> None:
        self._password = operator_password(secret)
        self._key = derived(secret, "operator sessions")
        self._tries: deque[float] = deque()

    def opens(self, password: str, now_s: float) -> bool:
        """Return whether a password is right; after ten wrong ones in a minute, none is."""
        while self._tries and abs(now_s - self._tries[0]) > WITHIN_S:  # a clock may be set back
            self._tries.popleft()
        if len(self._tries) >= MOST_TRIES:
            return False
        given = password.strip().encode("utf-8", "surrogatepass")
        right = hmac.compare_digest(given, self._password.encode())
        if not right:
            self._tries.append(now_s)
        return right

    def issue(self, now_s: float) -> str:
        """Return a cookie's value."""
        expires = str(int(now_s) + LASTS_S)
        return f"{expires}.{self._sign(expires)}"

    def holds(self, cookie: str | None, now_s: float) -> bool:
        """Return whether a cookie is one of ours and has not expired."""
        expires, _, signature = (cookie or "").partition(".")
        if not (expires.isascii() and expires.isdigit() and signature.isascii()):
            return False
        return hmac.compare_digest(signature, self._sign(expires)) and now_s < int(expires)

    def _sign(self, expires: str) -> str:
        return hmac.digest(self._key, expires.encode("ascii"), "sha256").hex()
