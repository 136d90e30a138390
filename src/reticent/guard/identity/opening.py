"""Everything about identity, opened as a configuration declares it."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from reticent.config.guard import Guard, Jwt
from reticent.core import BadInput
from reticent.guard.identity.chain import Identity
from reticent.guard.identity.jwks import (
    ALGORITHMS,
    INTERVALS_KEPT,
    KeptKeys,
    KeyFile,
    KeyUrl,
    Source,
    Unreadable,
)
from reticent.guard.identity.jwt import Tokens
from reticent.guard.identity.key_changes import KeyChanges
from reticent.guard.identity.key_sqlite import FILE, SqliteKeys
from reticent.guard.identity.key_store import Database
from reticent.guard.identity.keys import POLL_S, KeyRing
from reticent.guard.identity.proxy import TrustedProxy
from reticent.guard.loopback import is_loopback
from reticent.guard.secrets import is_weak


def open_identity(
    guard: Guard, base: Path, state: Path, *, secret: bytes, clock: Callable[[], float]
) -> Identity:
    """Return who tells callers apart; reads keys once, and blocks while it does.

    A token provider that cannot be reached is no error: its tokens are refused until it is.

    Args:
        guard: the [guard] table.
        base: the folder that relative paths start from.
        state: the folder with the keys of a single node.
        secret: the guard's.
        clock: gives seconds since 1970.

    Raises: BadInput for a store, a key file or a table that cannot be used, or a weak secret.
    """
    provider = None if guard.jwt is None else _provider(guard.jwt, base, clock)
    keys = KeyRing(open_keys(guard, state, secret=secret), secret=secret, clock=clock)
    return Identity(
        keys=keys,
        tokens=Tokens(guard.jwt, provider) if guard.jwt and provider else None,
        provider=provider,
        proxy=None if guard.proxy is None else TrustedProxy(guard.proxy),
    )


def check_tokens(declared: Jwt, base: Path) -> None:
    """Raise BadInput for a [guard.jwt] table that cannot be used; connects to nothing."""
    source, _ = _declared(declared, base)
    if isinstance(source, KeyFile):
        _provider(declared, base, time.time)


def open_key_changes(
    guard: Guard, state: Path, *, secret: bytes, clock: Callable[[], float]
) -> KeyChanges:
    """Return who changes keys, for the command line.

    Raises: BadInput, as `open_identity`.
    """
    return KeyChanges(
        open_keys(guard, state, secret=secret),
        secret=secret,
        clock=clock,
        draw=secrets.token_bytes,
    )


def open_keys(guard: Guard, state: Path, *, secret: bytes) -> Database:
    """Return the store of keys: beside the journal if that is PostgreSQL, else a file.

    Raises: BadInput if it cannot be used, or the secret is weak.
    """
    if is_weak(secret):
        raise BadInput(
            "The guard's secret can be guessed.", way_out="Make one with: openssl rand -hex 32"
        )
    if guard.journal == "sqlite":
        return SqliteKeys(state / FILE)
    try:
        from reticent.guard.identity.key_postgres import PostgresKeys
    except ImportError as error:
        raise BadInput(
            f"guard.journal is PostgreSQL, which needs {error.name or 'psycopg'}.",
            way_out="pip install 'reticent[guard-replicas]'",
        ) from error
    return PostgresKeys(guard.journal)


def _declared(declared: Jwt, base: Path) -> tuple[Source, float]:
    unknown = [name for name in declared.algorithms if name not in ALGORITHMS]
    if unknown:
        raise BadInput(
            f"guard.jwt.algorithms holds {unknown[0]!r}; only public-key signatures are taken.",
            way_out=f"Choose from {', '.join(ALGORITHMS)}.",
        )
    return _source(declared, base)


def _provider(declared: Jwt, base: Path, clock: Callable[[], float]) -> KeptKeys:
    source, refresh_s = _declared(declared, base)
    keys = KeptKeys(
        source,
        algorithms=frozenset(declared.algorithms),
        refresh_s=refresh_s,
        kept_s=INTERVALS_KEPT * declared.refresh_s,
        clock=clock,
    )
    try:
        keys.refresh()
    except Unreadable as error:
        if isinstance(source, KeyFile):
            raise BadInput(
                f"guard.jwt.jwks cannot be used ({error}).", way_out="Correct the path or the file."
            ) from error
    return keys


def _source(declared: Jwt, base: Path) -> tuple[Source, float]:
    text = declared.jwks
    if "://" not in text:
        return KeyFile(base / text), POLL_S
    parts = urlsplit(text)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    ):
        raise BadInput(
            f"guard.jwt.jwks is {text!r}; keys that came unprotected could be anybody's.",
            way_out="Use https; http is taken on the loopback interface only.",
        )
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise BadInput(
            "guard.jwt.jwks must be a URL without user, password and fragment.",
            way_out='It looks like "https://login.example.org/keys".',
        )
    return KeyUrl(text, clock=time.monotonic), declared.refresh_s
