"""The public keys of a token provider: read, kept, read again, and dropped."""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, final

import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

_LOG = logging.getLogger(__name__)

#: The least time between two fetches, whatever tokens come: an unknown key id asks for one.
LEAST_S = 10.0
#: For how many refresh intervals the last keys are good while the provider cannot be reached.
INTERVALS_KEPT = 12
LONGEST_BYTES = 262_144
PATIENCE_S = 5.0
_MOST_KEYS = 100

#: Algorithm of a token -> its name at joserfc, the kind of key, and the curve ("" for RSA).
ALGORITHMS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        **{name: (name, "RSA", "") for name in ("RS256", "RS384", "RS512")},
        **{name: (name, "RSA", "") for name in ("PS256", "PS384", "PS512")},
        "ES256": ("ES256", "EC", "P-256"),
        "ES384": ("ES384", "EC", "P-384"),
        "ES512": ("ES512", "EC", "P-521"),
        "EdDSA": ("Ed25519", "OKP", "Ed25519"),  # the name before RFC 9864
        "Ed25519": ("Ed25519", "OKP", "Ed25519"),
    }
)
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 8192

Key = RSAKey | ECKey | OKPKey


class Unreadable(Exception):
    """The keys could not be had this time."""


@dataclass(frozen=True, slots=True, eq=False)
class PublicKeys:
    """The usable keys of one reading.

    Attributes:
        source: what they were made from, to see whether a later reading differs.
        by_kid: key id -> keys of this id; those without one are under "".
    """

    source: bytes
    by_kid: Mapping[str, tuple[tuple[Key, frozenset[str]], ...]]

    def find(self, kid: str | None, algorithm: str) -> tuple[Key, ...]:
        """Return the keys that could have signed.

        A token without a key id is taken only where a single key fits its algorithm.
        """
        if kid is not None:
            return tuple(key for key, fits in self.by_kid.get(kid, ()) if algorithm in fits)
        every = [k for keys in self.by_kid.values() for k, fits in keys if algorithm in fits]
        return tuple(every) if len(every) == 1 else ()


class Source(Protocol):
    """Where keys are read; blocks."""

    def read(self) -> bytes:
        """Return a JWK set.

        Raises: Unreadable.
        """
        ...


@final
class KeyFile:
    """A file with a JWK set."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"{self._path}: {error.strerror}") from error


@final
class KeyUrl:
    """A URL with a JWK set; no redirects, and patience for `PATIENCE_S` in all.

    Args:
        url: https, or http on the loopback interface.
        clock: gives seconds that only go forward.
    """

    def __init__(self, url: str, *, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._pool = urllib3.PoolManager(
            num_pools=1, retries=False, timeout=urllib3.Timeout(total=PATIENCE_S)
        )

    def read(self) -> bytes:
        ends_s = self._clock() + PATIENCE_S
        try:
            reply = self._pool.request(
                "GET",
                self._url,
                redirect=False,
                preload_content=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )
            try:
                if reply.status != 200:
                    raise Unreadable(f"{self._url}: status {reply.status}")
                held = b""
                while chunk := reply.read1(65_536, decode_content=False):
                    held += chunk
                    if len(held) > LONGEST_BYTES or self._clock() > ends_s:
                        raise Unreadable(f"{self._url}: too long, or too slow")
            finally:
                reply.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreadable(f"{self._url}: {type(error).__name__}") from error
        return held


@final
class KeptKeys:
    """The last keys that were read, and when to read again.

    Args:
        source: where they are.
        algorithms: those that may be used.
        refresh_s: how often to read when all is well.
        kept_s: how long keys are good after they were last read.
        clock: gives seconds since 1970.
    """

    def __init__(
        self,
        source: Source,
        *,
        algorithms: frozenset[str],
        refresh_s: float,
        kept_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._algorithms = algorithms
        self._refresh_s = refresh_s
        self._kept_s = kept_s
        self._clock = clock
        self._keys: PublicKeys | None = None
        self._read_s = self._tried_s = float("-inf")
        self._wanted = False

    def current(self, now_s: float) -> PublicKeys | None:
        """Return the keys; None if none were read for too long."""
        return self._keys if now_s - self._read_s <= self._kept_s else None

    def want_newer(self) -> None:
        """Say that a token named a key that is not here: read again soon."""
        self._wanted = True

    def is_due(self) -> bool:
        """Return whether it is time to read."""
        since_s = abs(self._clock() - self._tried_s)  # abs: a clock that was set back
        if self._wanted or self._read_s != self._tried_s:
            return since_s >= min(LEAST_S, self._refresh_s)
        return since_s >= self._refresh_s

    def refresh(self) -> None:
        """Read the keys; blocks.

        Raises: Unreadable; the last keys then stay until they are too old.
        """
        self._tried_s = tried_s = self._clock()
        self._wanted = False
        text = self._source.read()
        if self._keys is None or self._keys.source != text:
            self._keys = parse(text, self._algorithms)
        self._read_s = tried_s


def parse(text: bytes, algorithms: frozenset[str]) -> PublicKeys:
    """Return the usable keys of a JWK set (RFC 7517); others are passed over.

    Usable are public signature keys for an accepted algorithm: no symmetric ones, none with their
    private half, no RSA below 2,048 bits.

    Raises: Unreadable if it is no JWK set.
    """
    try:
        found = json.loads(text) if len(text) <= LONGEST_BYTES else None
        listed = found["keys"] if isinstance(found, dict) else None
    except (ValueError, KeyError, RecursionError):
        listed = None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise Unreadable("what was read is no JWK set")
    by_kid: dict[str, tuple[tuple[Key, frozenset[str]], ...]] = {}
    for jwk in listed:
        usable = _usable(jwk, algorithms)
        if usable is not None:
            kid = jwk.get("kid", "")
            by_kid[kid] = (*by_kid.get(kid, ()), usable)
    if len(by_kid) < len(listed):
        _LOG.info("Of %d keys of the token provider, %d ids are usable.", len(listed), len(by_kid))
    return PublicKeys(text, by_kid)


def _usable(jwk: Any, algorithms: frozenset[str]) -> tuple[Key, frozenset[str]] | None:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid", ""), str):
        return None
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _PUBLIC:
        return None
    names = _PUBLIC[kty]
    if not all(isinstance(jwk.get(name), str) for name in names):
        return None
    if _PRIVATE & jwk.keys():
        _LOG.warning("A key of the token provider shows its private half; it is not used.")
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return None
    fits = frozenset(
        name
        for name in algorithms
        if ALGORITHMS[name][1:] == (kty, jwk.get("crv", ""))
        and jwk.get("alg", name) in (name, ALGORITHMS[name][0])
    )
    if not fits or (kty == "RSA" and not _is_strong(jwk["n"])):
        return None
    try:
        key = import_key({"kty": kty, **{name: jwk[name] for name in names}})
    except (JoseError, ValueError, TypeError):  # not on its curve, not base64, ...
        return None
    return (key, fits) if isinstance(key, RSAKey | ECKey | OKPKey) else None


def _is_strong(modulus: str) -> bool:
    """Return whether a modulus in base64url has an accepted length."""
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)))
    except ValueError:
        return False
    return _LEAST_RSA_BITS <= number.bit_length() <= _MOST_RSA_BITS
