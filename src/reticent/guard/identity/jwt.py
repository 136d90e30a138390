"""Callers with signed tokens (JWT) of an OpenID Connect provider.

Follows RFC 7519 and the advice of RFC 8725: only declared signature algorithms, a key only for
its own algorithm, no key from the token itself, no extension that we do not know, issuer and
audience always, one serialisation.
"""

import base64
import binascii
import hashlib
import json
import logging
import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, final

from joserfc.jws import JWSRegistry

from reticent.config.guard import Jwt
from reticent.guard.identity.jwks import ALGORITHMS, KeptKeys, PublicKeys
from reticent.guard.identity.key_changes import is_name
from reticent.guard.types import CLASS_GRANTS, EVERY_MODEL, Caller

_LOG = logging.getLogger(__name__)

LONGEST = 8192
MOST_KEPT = 10_000
MOST_MODELS = 1000
DEFAULT_TENANT = "default"
_BASE64 = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
#: Header parameters that change nothing, or that are read here. All others are refused: "crit"
#: and "b64" change what is signed; "jwk", "jku", "x5c" and "x5u" bring a key of the sender's.
_HEADER = frozenset(("alg", "kid", "typ", "cty", "x5t", "x5t#S256"))
_TYPES = ("jwt", "at+jwt", "application/at+jwt", "application/jwt")


class _Refused(Exception):
    """A token that proves nothing; says why, without quoting it."""


@final
class Tokens:
    """Verifies tokens; one that was verified is remembered until it expires.

    Args:
        declared: issuer, audience, claims and leeway.
        keys: the provider's public keys. A verdict lasts only as long as the reading of keys that
            it was made with: a key that the provider drops ends its tokens.
    """

    def __init__(self, declared: Jwt, keys: KeptKeys) -> None:
        self._declared = declared
        self._algorithms = frozenset(declared.algorithms)
        self._keys = keys
        self._kept: OrderedDict[bytes, tuple[float, float, PublicKeys, Caller]] = OrderedDict()

    def identify(self, text: str, now_s: float) -> Caller | None:
        """Return whom a token names; None if it proves nothing, or nothing now."""
        if len(text) > LONGEST or not text.isascii():
            return None
        keys = self._keys.current(now_s)
        if keys is None:
            return None
        # A dictionary of digests tells a measuring caller nothing: only a token whose digest is
        # already known could be told, and its sender holds that token.
        digest = hashlib.sha256(text.encode("ascii")).digest()
        kept = self._kept.get(digest)
        if kept is not None:
            from_s, until_s, made_with, caller = kept
            if made_with is keys and from_s <= now_s < until_s:
                self._kept.move_to_end(digest)
                return caller
            del self._kept[digest]
        try:
            from_s, until_s, caller = self._verified(text, keys, now_s)
        except _Refused as refusal:
            _LOG.debug("A token was refused: %s.", refusal)
            return None
        self._kept[digest] = (from_s, until_s, keys, caller)
        self._forget_rested(now_s)
        return caller

    def _forget_rested(self, now_s: float) -> None:
        """Drop what has rested longest, as long as it has expired or there is too much."""
        while self._kept:
            longest_rested = next(iter(self._kept))
            if len(self._kept) <= MOST_KEPT and now_s < self._kept[longest_rested][1]:
                break
            del self._kept[longest_rested]

    def _verified(self, text: str, keys: PublicKeys, now_s: float) -> tuple[float, float, Caller]:
        parts = text.split(".")
        if len(parts) != 3:
            raise _Refused("it has not three parts")
        header, claims = _object(parts[0]), _object(parts[1])
        signature = _bytes(parts[2])
        algorithm = self._algorithm(header)
        from_s, until_s = self._times(claims, now_s)  # cheap, so before the signature
        self._issued_for_us(claims)
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise _Refused("its key id is no text")
        candidates = keys.find(kid, algorithm)
        if not candidates:
            self._keys.want_newer()
            raise _Refused("its key is not known")
        model = JWSRegistry.algorithms[ALGORITHMS[algorithm][0]]
        signed = f"{parts[0]}.{parts[1]}".encode("ascii")
        if not any(model.verify(signed, signature, key) for key in candidates):
            raise _Refused("its signature is wrong")
        return from_s, until_s, self._caller(claims, text)

    def _algorithm(self, header: Mapping[str, Any]) -> str:
        if not _HEADER.issuperset(header):
            raise _Refused("its header has parameters that are not accepted")
        typ = header.get("typ", "JWT")
        if not isinstance(typ, str) or typ.lower() not in _TYPES:
            raise _Refused("it is another type of token")
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise _Refused("its algorithm is not accepted")
        return algorithm

    def _times(self, claims: Mapping[str, Any], now_s: float) -> tuple[float, float]:
        leeway_s = self._declared.leeway_s
        if "exp" not in claims:
            raise _Refused("it does not expire")
        until_s = _moment(claims["exp"]) + leeway_s
        from_s = max((_moment(claims[k]) for k in ("nbf", "iat") if k in claims), default=0.0)
        if not from_s - leeway_s <= now_s < until_s:
            raise _Refused("it is expired or not yet valid")
        return from_s - leeway_s, until_s

    def _issued_for_us(self, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != self._declared.issuer:
            raise _Refused("its issuer is another")
        audience = claims.get("aud")
        if isinstance(audience, str):
            audience = [audience]
        if not isinstance(audience, list) or self._declared.audience not in audience:
            raise _Refused("its audience is another")
        if "cnf" in claims:  # RFC 7800: only who holds another key may use it; we cannot check
            raise _Refused("it is bound to a key of its sender")

    def _caller(self, claims: Mapping[str, Any], text: str) -> Caller:
        declared = self._declared
        identity = claims.get(declared.identity_claim)
        if not isinstance(identity, str) or not is_name(identity):
            raise _Refused("it names nobody")
        tenant = DEFAULT_TENANT
        if declared.tenant_claim is not None:
            tenant = claims.get(declared.tenant_claim, "")
            if not isinstance(tenant, str) or not _SLUG.fullmatch(tenant):
                raise _Refused("it names no tenant")
        name = claims.get("jti")
        if not isinstance(name, str) or not is_name(name) or len(name) > 128:
            name = hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
        return Caller(
            tenant=tenant,
            identity=identity,
            token=f"jwt/{name}",
            models=_models(claims.get(declared.models_claim)),
        )


def _models(claim: Any) -> frozenset[str]:
    """Return the models in a claim: a list, or names with spaces between as in OAuth's scope."""
    names = claim.split(" ") if isinstance(claim, str) else claim
    if not isinstance(names, list) or len(names) > MOST_MODELS:
        return frozenset()
    return _granted(
        tuple(
            n
            for n in names
            if isinstance(n, str) and (n == EVERY_MODEL or n in CLASS_GRANTS or _SLUG.fullmatch(n))
        )
    )


@lru_cache(maxsize=256)
def _granted(models: tuple[str, ...]) -> frozenset[str]:
    """Return these models, once for all tokens that grant them: each token is kept while it lasts.

    It would be the largest part of what is kept.
    """
    return frozenset(models)


def _moment(claim: Any) -> float:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise _Refused("a time in it is no number")
    try:
        moment_s = float(claim)
    except OverflowError:
        moment_s = math.inf
    if not math.isfinite(moment_s):
        raise _Refused("a time in it is not finite")
    return moment_s


def _bytes(part: str) -> bytes:
    """Return what base64url stands for; there is one way only to write it."""
    if not _BASE64.fullmatch(part):
        raise _Refused("it is not base64url")
    try:
        found = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise _Refused("it is not base64url") from error
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != part:
        raise _Refused("it is not base64url")
    return found


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(
            _bytes(part).decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise _Refused("it is not JSON") from error
    if not isinstance(found, dict):
        raise _Refused("it is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("it names something twice")
    return found


def _constant(name: str) -> float:
    raise _Refused(f"{name} is no JSON")
