"""Issue, rotate, revoke, expire and list API keys."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from reticent.core import BadInput
from reticent.guard.identity.key_store import Database, KeyRecord, KeyTable
from reticent.guard.identity.key_text import KeyText, keyed_hash, new_key
from reticent.guard.pseudonyms import identity_pseudonym, token_pseudonym
from reticent.guard.secrets import derived
from reticent.guard.types import CLASS_GRANTS, EVERY_MODEL, Entry

DAY_S = 86_400.0
LONGEST_IDENTITY = 500
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_LIST_KEYS = "reticent keys list shows the keys."


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A key at the only moment when it can be seen.

    Attributes:
        key: the key in the clear.
        record: what is kept of it.
        entry: what the journal says of it.
    """

    key: KeyText
    record: KeyRecord
    entry: Entry


def pepper(secret: bytes) -> bytes:
    """Return the key under which API keys are hashed."""
    return derived(secret, "api-keys")


@final
class KeyChanges:
    """Changes keys: in the store, and with an entry for the journal in the same transaction.

    The entries wait in the store until a running guard (or the next one) has journalled them, so
    no change can be made without a trace, also where the one who makes it cannot reach the
    journal. The entries that the methods return are those, for showing; append them nowhere.

    Args:
        database: where the keys are.
        secret: the guard's.
        clock: gives seconds since 1970.
        draw: gives random bytes, as `secrets.token_bytes` does.
    """

    def __init__(
        self,
        database: Database,
        *,
        secret: bytes,
        clock: Callable[[], float],
        draw: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._secret = secret
        self._pepper = pepper(secret)
        self._clock = clock
        self._draw = draw

    def issue(
        self, *, tenant: str, identity: str, models: tuple[str, ...], lifetime_s: float | None
    ) -> Issued:
        """Make a key.

        Args:
            tenant: whose models it may see at all.
            identity: whom it stands for; several keys of one identity share its allowance.
            models: granted models; `EVERY_MODEL` grants all of the tenant's.
            lifetime_s: None for a key that does not expire.

        Raises: BadInput for a name that cannot be one, or no model.
        """
        _check(tenant, identity, models, lifetime_s)
        with self._database.writing() as execute:
            table, now_s = KeyTable(execute), self._clock()
            return self._new(
                table,
                "issue",
                tenant=tenant,
                identity=identity,
                models=tuple(dict.fromkeys(models)),
                now_s=now_s,
                lifetime_s=lifetime_s,
            )

    def rotate(self, key_id: str, *, grace_s: float) -> Issued:
        """Make a successor of a key, for the same caller, models and lifetime.

        Args:
            key_id: the key to replace; it works on for the grace, but not past its own expiry.
            grace_s: 0 or more.

        Raises: BadInput if there is no such key, or it has ended or a successor already.
        """
        if not 0 <= grace_s < float("inf"):
            raise BadInput(f"The grace is {grace_s} s; it must be 0 or more.")
        with self._database.writing() as execute:
            table, now_s = KeyTable(execute), self._clock()
            old = self._alive(table, key_id, now_s)
            if old.successor:
                raise BadInput(
                    f"Key {key_id} was rotated already, to {old.successor}.",
                    way_out=f"Rotate {old.successor}.",
                )
            issued = self._new(
                table,
                "rotate",
                tenant=old.tenant,
                identity=old.identity,
                models=old.models,
                now_s=now_s,
                lifetime_s=None if old.expires_s is None else old.expires_s - old.created_s,
                detail={"predecessor": key_id, "grace_s": grace_s},
            )
            ends_s = min(now_s + grace_s, float("inf") if old.expires_s is None else old.expires_s)
            table.end(replace(old, expires_s=ends_s, successor=issued.key.key_id))
            return issued

    def revoke(self, key_id: str) -> Entry:
        """End a key now and for ever.

        Raises: BadInput if there is no such key, or it was revoked before.
        """
        with self._database.writing() as execute:
            table, now_s = KeyTable(execute), self._clock()
            old = self._known(table, key_id)
            if old.revoked_s is not None:
                raise BadInput(f"Key {key_id} was revoked before.", way_out=_LIST_KEYS)
            table.end(replace(old, revoked_s=now_s))
            return table.note(self._entry("revoke", old, now_s))

    def expire(self, key_id: str, *, at_s: float) -> Entry:
        """Let a key end at a moment; it can be brought forward, never put off.

        Raises: BadInput if there is no such key, or it ends before that moment anyway.
        """
        if not 0 <= at_s < float("inf"):
            raise BadInput(f"The moment is {at_s}; it must be seconds since 1970.")
        with self._database.writing() as execute:
            table, now_s = KeyTable(execute), self._clock()
            old = self._alive(table, key_id, now_s)
            if old.expires_s is not None and at_s > old.expires_s:
                raise BadInput(
                    f"Key {key_id} expires before that; an expiry cannot be put off.",
                    way_out=f"Rotate it: reticent keys rotate FILE {key_id}.",
                )
            table.end(replace(old, expires_s=at_s))
            return table.note(self._entry("expire", old, now_s, expires_s=at_s))

    def list(self) -> tuple[KeyRecord, ...]:
        """Return all keys, also those that ended, oldest first."""
        with self._database.reading() as execute:
            return KeyTable(execute).all()

    def close(self) -> None:
        """Let go of the store."""
        self._database.close()

    def _new(
        self,
        table: KeyTable,
        action: str,
        *,
        tenant: str,
        identity: str,
        models: tuple[str, ...],
        now_s: float,
        lifetime_s: float | None,
        detail: Mapping[str, Any] | None = None,
    ) -> Issued:
        key = new_key(self._draw)
        record = KeyRecord(
            key_id=key.key_id,
            hash=keyed_hash(self._pepper, key.text),
            tenant=tenant,
            identity=identity,
            models=models,
            created_s=now_s,
            expires_s=None if lifetime_s is None else now_s + lifetime_s,
        )
        if table.get(key.key_id) is not None:  # once in 2^60 draws, or the draws repeat
            raise BadInput(
                f"The source of random numbers gave key {key.key_id} a second time.",
                way_out="Do not go on; have the machine's random number generator checked.",
            )
        table.add(record)
        more = {"models": list(models), "expires_s": record.expires_s, **(detail or {})}
        return Issued(
            key=key, record=record, entry=table.note(self._entry(action, record, now_s, **more))
        )

    def _known(self, table: KeyTable, key_id: str) -> KeyRecord:
        found = table.get(key_id)
        if found is None:
            # Whoever pastes a whole key here must not find it in a log.
            shown = json.dumps(key_id) if len(key_id) <= 12 else "of that id"
            raise BadInput(f"There is no key {shown}.", way_out=_LIST_KEYS)
        return found

    def _alive(self, table: KeyTable, key_id: str, now_s: float) -> KeyRecord:
        found = self._known(table, key_id)
        status = found.status(now_s)
        if status in ("revoked", "expired"):
            raise BadInput(f"Key {key_id} is {status}.", way_out="Issue a new one.")
        return found

    def _entry(self, action: str, record: KeyRecord, now_s: float, **detail: Any) -> Entry:
        return Entry(
            time_s=now_s,
            kind="key",
            tenant=record.tenant,
            identity=identity_pseudonym(self._secret, record.tenant, record.identity),
            token=token_pseudonym(self._secret, record.tenant, record.key_id),
            outcome=action,
            detail=detail,
        )


def _check(tenant: str, identity: str, models: tuple[str, ...], lifetime_s: float | None) -> None:
    if not _SLUG.fullmatch(tenant):
        raise BadInput(f"The tenant is {tenant!r}; it must be a name of letters, digits, . _ -.")
    if not is_name(identity):
        raise BadInput(
            "The identity must be one line of 1 to 500 printable characters, "
            "without spaces around it."
        )
    if not models:
        raise BadInput(
            "No model was named.", way_out='Name those it may ask, or "*" for all of the tenant\'s.'
        )
    for model in models:
        if model != EVERY_MODEL and model not in CLASS_GRANTS and not _SLUG.fullmatch(model):
            raise BadInput(
                f"{model!r} cannot be the name of a model.",
                way_out=f"All models of a class are granted by {', '.join(sorted(CLASS_GRANTS))}.",
            )
    if lifetime_s is not None and not 0 < lifetime_s < float("inf"):
        raise BadInput(f"The lifetime is {lifetime_s} s; it must be more than 0.")


def is_name(identity: object) -> bool:
    """Return whether this can name somebody: one printable line."""
    return (
        isinstance(identity, str)
        and 0 < len(identity) <= LONGEST_IDENTITY
        and identity.isprintable()  # leaves out lone surrogates and control characters
        and identity == identity.strip()
    )
