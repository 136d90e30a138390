"""The nouns that the parts of the guard share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, final

EVERY_MODEL = "*"
#: Grants of all models of a sensitivity class: "@public", "@internal", "@sensitive".
CLASS_GRANTS = frozenset(("@public", "@internal", "@sensitive"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who has proved who they are.

    Attributes:
        tenant: whose models they may see at all.
        identity: a stable name; several tokens can belong to one.
        token: id (never the secret) of the key, token or certificate that was shown.
        models: the models granted; `EVERY_MODEL` grants all of the tenant's, one of `CLASS_GRANTS`
            all of the tenant's in that sensitivity class.
    """

    tenant: str
    identity: str
    token: str
    models: frozenset[str]

    def may_ask(self, model: str, sensitivity: str = "") -> bool:
        """Return whether this caller was granted a model, by name, by class or with all."""
        models = self.models
        return model in models or EVERY_MODEL in models or f"@{sensitivity}" in models


Proof = Callable[[float], Caller | None]
"""Tells whom a credential stands for at a time, in seconds since 1970; None for nobody."""


class Authenticator(Protocol):
    """Finds out who is asking; quick, and without any input or output of its own."""

    def identify(self, headers: Mapping[str, str], address: str, now_s: float) -> Caller | None:
        """Return the caller, or None if the request proves nothing.

        Args:
            headers: names in lower case; a header that came twice is not in it.
            address: IP address of the connection itself.
            now_s: seconds since 1970.
        """
        ...

    def proof_in(self, headers: Mapping[str, str], address: str) -> Proof:
        """Return what a request shows; it may be asked again for as long as these are the same.

        `identify` is this, asked once: a key may end, or be revoked, at any time.
        """
        ...

    def address_of(self, headers: Mapping[str, str], address: str) -> str:
        """Return the address to count rows by: the connection's, or what a trusted proxy says."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One thing whose rows are counted: an identity, a token or an address range, for one model.

    Attributes:
        key: names it in the store; holds pseudonyms only.
        rows_per_minute: sustained rate; None for no limit.
        burst_rows: rows at once after a rest.
        concurrent: requests in flight; None for no limit.
        lifetime_rows: rows ever; None for no limit.
        rolling: (rows, seconds) windows.
    """

    key: str
    rows_per_minute: float | None = None
    burst_rows: int = 1
    concurrent: int | None = None
    lifetime_rows: int | None = None
    rolling: tuple[tuple[int, float], ...] = ()


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
# Nor by keyword alone: a class called by keywords has a dictionary made of them first.
@dataclass(slots=True)
class Admission:
    """What the limits say to a request, all scopes or none.

    Attributes:
        granted: whether its rows were booked.
        retry_after_s: when to come again if not; inf for a budget that does not come back.
        scope: key of the scope that refused; "" if granted. For the journal, not for callers.
        reason: "" if granted, else "rate", "concurrent", "lifetime", "rolling", "too many rows"
            (never possible with this burst) or "store away".
        ticket: what `Limits.release` needs.
    """

    granted: bool
    retry_after_s: float = 0.0
    scope: str = ""
    reason: str = ""
    ticket: Any = None


class Limits(Protocol):
    """Counts rows and decides; correct to the row however many ask at once.

    Rows are booked before the model is asked and never given back, also if it then fails: whoever
    can make a model fail must not get free questions.
    """

    @property
    def down(self) -> str:
        """Return why a shared store cannot be asked now; "" while all is well."""
        ...

    async def admit(self, scopes: Sequence[Scope], rows: int, *, sensitive: bool) -> Admission:
        """Book `rows` in every scope, or in none.

        Args:
            scopes: all that must have room.
            rows: how many, 1 or more.
            sensitive: shut while a shared store is away; others get a bounded local allowance.
        """
        ...

    def admit_at_once(self, scopes: Sequence[Scope], rows: int) -> Admission | None:
        """Do what `admit` does if nobody has to be asked; None, and nothing booked, if so."""
        ...

    def release(self, admission: Admission) -> None:
        """Say that a request is over; only concurrency comes back."""
        ...

    async def spent(self, key: str) -> Mapping[str, float]:
        """Return what is booked for a scope: {"lifetime_rows", "rate_rows", "concurrent", ...}."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing that happened, as the journal keeps it.

    Attributes:
        time_s: seconds since 1970.
        kind: "query", "refusal", "key", "policy", "erasure", "start", "stop", "suspicion" ...
        tenant, identity, token, network, model: who and what, pseudonyms for people; "" for none.
        rows: rows asked.
        outcome: "answered" or the reason of a refusal.
        status: HTTP status that was sent; 0 for none.
        policy: digest of the policy in force.
        fingerprints: one keyed hash (16 bytes) a row of inputs.
        detail: anything else, plain JSON values.
    """

    time_s: float
    kind: str
    tenant: str = ""
    identity: str = ""
    token: str = ""
    network: str = ""
    model: str = ""
    rows: int = 0
    outcome: str = ""
    status: int = 0
    policy: str = ""
    fingerprints: tuple[bytes, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


@final
class Frame:
    """What entries have in common that differ in time and fingerprints alone.

    Args:
        entry: one of them; its own time and fingerprints do not count. It never changes.

    Attributes:
        entry: that one.
        around: what a journal writes around the two; its own to set.
    """

    __slots__ = ("around", "entry")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.around: tuple[bytes, bytes] | None = None


class Framed(NamedTuple):
    """An entry by its frame: many are made, and few differ in more than this."""

    frame: Frame
    time_s: float
    fingerprints: tuple[bytes, ...]

    def whole(self) -> Entry:
        """Return the entry."""
        return replace(self.frame.entry, time_s=self.time_s, fingerprints=self.fingerprints)


class Journal(Protocol):
    """Append-only, chained; the guard's memory for investigators."""

    @property
    def down(self) -> str:
        """Return why nothing can be kept now; "" while all is well."""
        ...

    async def append(self, entry: Entry | Framed, *, durable: bool) -> None:
        """Keep an entry; with `durable`, return only when it is on disk.

        Raises: JournalDown when it cannot be kept; the guard then answers nobody.
        """
        ...

    def take(self, entry: Entry | Framed) -> bool:
        """Do what `append` does for an entry that is not durable; False if there is no room now.

        Raises: JournalDown, likewise.
        """
        ...

    async def close(self) -> None:
        """Write all that is waiting, sign a checkpoint, and stop."""
        ...


class JournalDown(Exception):
    """The journal cannot be written; nothing may be answered."""
