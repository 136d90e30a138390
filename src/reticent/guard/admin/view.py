"""What the dashboard shows, gathered from the running parts; no HTML here."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

from reticent.guard.admin.evidence import Evidence, evidence_for, read_record
from reticent.guard.assemble import Parts
from reticent.guard.gates import Gate
from reticent.guard.identity.key_store import KeyRecord, KeyTable
from reticent.guard.identity.opening import open_keys
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store
from reticent.guard.journal.verify import Verified, verify
from reticent.guard.pseudonyms import identity_pseudonym
from reticent.guard.types import Caller

MOST_CALLERS = 200
VERIFY_EVERY_S = 600.0
#: What operators call the guard's reasons.
REASONS = {
    "rate": "rate",
    "concurrent": "too many at once",
    "lifetime": "lifetime budget",
    "rolling": "rolling budget",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """An endpoint: where it is, what its policy does, what an audit says of it."""

    tenant: str
    model: str
    owner: str
    sensitivity: str
    protocol: str
    path: str
    policy: str
    steps: tuple[str, ...]
    digest: str
    shown: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRow:
    """An identity and one of the models that it may ask or has asked."""

    name: str
    pseudonym: str
    tenant: str
    model: str
    keys: str
    answered: int
    rows: int
    refused: int
    reason: str
    last: str
    lifetime: str
    rate: str
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What the last check of the journal found."""

    state: str
    summary: str
    problems: tuple[str, ...] = ()
    checked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything on the page."""

    now: str
    since: str
    troubles: list[str]
    models: list[ModelRow]
    callers: list[CallerRow]
    refusals: list[tuple[str, str, int]]
    integrity: Integrity


@final
@dataclass(slots=True, eq=False)
class Gathering:
    """Gathers the view; what takes long is done beside the loop and kept for a while."""

    parts: Parts
    wall: Callable[[], float]
    _checked_s: float = field(default=float("-inf"), init=False)
    _integrity: Integrity = field(
        default=Integrity(state="unknown", summary="Not checked yet."), init=False
    )
    _checking: asyncio.Task[None] | None = field(default=None, init=False)

    async def view(self, troubles: list[str]) -> View:
        """Return what there is to see now."""
        parts, now_s = self.parts, self.wall()
        gates = sorted(parts.pipeline.all_gates, key=lambda g: (g.endpoint.tenant, g.model))
        file = parts.file
        record = await asyncio.to_thread(
            read_record, file.base / file.guard.record if file.guard.record else None
        )
        keys = await asyncio.to_thread(self._keys)
        refusals = sorted(parts.pipeline.activity.refusals.items(), key=lambda item: -item[1])
        self._check_sometimes(now_s)
        return View(
            now=stamp(now_s),
            since=stamp(parts.started_s),
            troubles=troubles,
            models=[
                _model_row(
                    g,
                    evidence_for(
                        g.digest, record, now_s=now_s, expires_days=file.guard.audit_expires_days
                    ),
                )
                for g in gates
            ],
            callers=await self._callers(gates, keys, now_s),
            refusals=[(model or "none", reason, count) for (model, reason), count in refusals],
            integrity=self._integrity,
        )

    def _keys(self) -> list[KeyRecord]:
        parts = self.parts
        database = open_keys(parts.file.guard, parts.file.state, secret=parts.secret)
        try:
            with database.reading() as execute:
                return list(KeyTable(execute).all())
        finally:
            database.close()

    async def _callers(
        self, gates: Sequence[Gate], keys: Sequence[KeyRecord], now_s: float
    ) -> list[CallerRow]:
        """Return a row for every identity with a key, and for every one that has asked."""
        parts = self.parts
        names: dict[tuple[str, str], str] = {}
        living: dict[tuple[str, str], int] = {}
        granted: dict[tuple[str, str], set[str]] = {}
        for key in keys:
            who = (key.tenant, identity_pseudonym(parts.secret, key.tenant, key.identity))
            names[who] = key.identity
            if key.status(now_s) in ("active", "rotated"):
                living[who] = living.get(who, 0) + 1
                granted.setdefault(who, set()).update(
                    g.model
                    for g in gates
                    if g.endpoint.tenant == key.tenant
                    and key.caller().may_ask(g.model, g.endpoint.sensitivity)
                )
        active = dict(parts.pipeline.activity.latest(MOST_CALLERS))
        places = list(active)
        places += [
            (who[0], who[1], model)
            for who, models in granted.items()
            for model in sorted(models)
            if (who[0], who[1], model) not in active
        ]
        by_model = {(g.endpoint.tenant, g.model): g for g in gates}
        rows = []
        for tenant, pseudonym, model in places[:MOST_CALLERS]:
            counts = active.get((tenant, pseudonym, model))
            name = names.get((tenant, pseudonym), "")
            gate = by_model.get((tenant, model))
            lifetime, rate, share = "", "", None
            if gate is not None and name:
                lifetime, rate, share = await self._spent(gate, tenant, name)
            rows.append(
                CallerRow(
                    name=name or "(token or certificate)",
                    pseudonym=pseudonym,
                    tenant=tenant,
                    model=model or "none",
                    keys=_count(living.get((tenant, pseudonym), 0), "living key"),
                    answered=counts.answered if counts else 0,
                    rows=counts.rows if counts else 0,
                    refused=counts.refused if counts else 0,
                    reason=REASONS.get(counts.reason, counts.reason) if counts else "",
                    last=stamp(counts.last_s) if counts else "never",
                    lifetime=lifetime,
                    rate=rate,
                    share=share,
                )
            )
        return rows

    async def _spent(self, gate: Gate, tenant: str, name: str) -> tuple[str, str, float | None]:
        """Return (lifetime rows, rate, share of the lifetime budget) of an identity, in words."""
        caller = Caller(tenant=tenant, identity=name, token="", models=frozenset())
        scope = gate.scopes(caller, "")[0]
        rate = (
            "no limit"
            if scope.rows_per_minute is None
            else f"{scope.rows_per_minute:g} a minute, {scope.burst_rows} at once"
        )
        try:
            spent = await self.parts.limits.spent(scope.key)
        except Exception:  # the store is away: said at the top of the page
            return "unknown", rate, None
        used = int(spent.get("lifetime_rows", 0))
        if scope.lifetime_rows is None:
            return "no budget", rate, None
        return f"{used:,} of {scope.lifetime_rows:,}", rate, min(1.0, used / scope.lifetime_rows)

    def _check_sometimes(self, now_s: float) -> None:
        if self._checking is None and now_s - self._checked_s > VERIFY_EVERY_S:
            self._checked_s = now_s
            self._checking = asyncio.create_task(self._check(now_s))

    async def _check(self, now_s: float) -> None:
        try:
            found = await asyncio.to_thread(self._verified)
            self._integrity = _integrity(found, stamp(now_s))
        except Exception as error:  # shown instead of a verdict
            self._integrity = Integrity(
                state="unknown", summary=f"The check did not end ({type(error).__name__})."
            )
        finally:
            self._checking = None

    def _verified(self) -> Verified:
        parts = self.parts
        store = journal_store(parts.file.guard, parts.file.state)
        try:
            return verify(store, journal_keys(parts.secret))
        finally:
            store.close()


def _integrity(found: Verified, checked: str) -> Integrity:
    rows = sum(chain.rows for chain in found.chains)
    signed = sum(chain.checkpoints for chain in found.chains)
    erased = sum(chain.erased for chain in found.chains)
    told = f"{rows:,} rows in {len(found.chains)} chains, {signed:,} signed checkpoints"
    told += f", {erased:,} rows erased on record" if erased else ""
    if not found.problems:
        return Integrity(state="whole", summary=f"{told}. Nothing was altered.", checked=checked)
    problems = tuple(str(problem) for problem in found.problems[:20])
    count = len(found.problems) + found.more_problems
    return Integrity(
        state="altered", summary=f"{told}; {count} problems.", problems=problems, checked=checked
    )


def _model_row(gate: Gate, evidence: Evidence) -> ModelRow:
    channels = sorted((c.name or "").lower().replace("_", " ") for c in gate.channels)
    return ModelRow(
        tenant=gate.endpoint.tenant,
        model=gate.model,
        owner=gate.endpoint.owner,
        sensitivity=gate.endpoint.sensitivity,
        protocol=gate.endpoint.protocol,
        path=gate.path,
        policy=gate.policy_name,
        steps=tuple(_step(step) for step in gate.policy.to_list()),
        digest=gate.digest,
        shown=", ".join(channels) or "nothing",
        evidence=evidence,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _step(step: dict[str, object]) -> str:
    settings = ", ".join(f"{k} {v}" for k, v in step.items() if k != "kind" and v not in ([], 0))
    return f"{step['kind']} {settings}".strip()


def stamp(time_s: float) -> str:
    """Return a time as people read it, in UTC.

    >>> stamp(0)
    '1970-01-01 00:00:00Z'
    """
    return dt.datetime.fromtimestamp(time_s, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
