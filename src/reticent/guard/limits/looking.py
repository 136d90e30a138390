"""What operators do to limits from beside the guards: see what was spent, give a replica up.

Nothing here joins the shared store: who looks is no replica, and must not be missed as one later.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reticent.config import GuardFile
from reticent.config.guard import DAY_S
from reticent.core import BadInput
from reticent.guard.limits.gcra import US_PER_S
from reticent.guard.limits.opening import LIMITS_FILE, has_store, space_of
from reticent.guard.limits.scopes import NO_ADDRESS, ScopeMaker
from reticent.guard.limits.shelf import Shelf
from reticent.guard.limits.spending import Spending
from reticent.guard.types import Caller, Scope

if TYPE_CHECKING:  # an extra of its own
    from reticent.guard.limits.joining import Joining

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an identity has spent of its allowance for one model.

    Attributes:
        model: which model.
        scope: the allowance.
        lifetime_rows: rows ever, leases of crashed guards included.
        rate_rows: rows of the burst that are in use now.
        concurrent: requests in flight; 0 where a stopped guard's file was read.
        rolling_rows: (rows in the window, rows allowed, days) of each rolling budget, shortest
            first; rows are nan if the store counts other windows than the configuration names.
    """

    model: str
    scope: Scope
    lifetime_rows: float
    rate_rows: float
    concurrent: float
    rolling_rows: tuple[tuple[float, int, float], ...]


async def spent_by(
    file: GuardFile, *, tenant: str, identity: str, secret: bytes, clock: Callable[[], float]
) -> list[Spent]:
    """Return what an identity has spent, model by model; also of models never asked.

    Args:
        file: the guard's configuration.
        tenant: whose identity it is.
        identity: its name, as keys and tokens have it.
        secret: the guard's.
        clock: returns seconds since 1970.

    Raises: BadInput for a tenant without endpoints, or if the counts cannot be read.
    """
    endpoints = [e for e in file.guard.endpoint if e.tenant == tenant]
    if not endpoints:
        known = ", ".join(sorted({e.tenant for e in file.guard.endpoint}))
        raise BadInput(f"No endpoint is of tenant {tenant!r}.", way_out=f"Choose from {known}.")
    caller = Caller(tenant=tenant, identity=identity, token="", models=frozenset())
    scopes = [ScopeMaker(e, secret=secret)(caller, NO_ADDRESS)[0] for e in endpoints]
    if file.guard.store == "memory":
        found = await _in_file(file.state / LIMITS_FILE, scopes, clock)
    else:
        async with _store(file, secret, clock) as joining:
            found = [await joining.spent(scope.key) for scope in scopes]
    return [
        _told(endpoint.model, scope, spent)
        for endpoint, scope, spent in zip(endpoints, scopes, found, strict=True)
    ]


async def accept_loss(
    file: GuardFile, *, secret: bytes, clock: Callable[[], float]
) -> tuple[str, ...]:
    """Give up the guards that have not told a store that forgot what they know.

    Returns: their names; the others go on without what only they knew.

    Raises: BadInput if no store is shared, or it is away.
    """
    if file.guard.store == "memory":
        raise BadInput(
            'store is "memory": one guard counts alone, and no other can be missed.',
            way_out="Nothing has to be done.",
        )
    async with _store(file, secret, clock) as joining:
        return await joining.accept_loss()


@asynccontextmanager
async def _store(
    file: GuardFile, secret: bytes, clock: Callable[[], float]
) -> "AsyncIterator[Joining]":
    has_store(file.guard)
    from reticent.guard.limits.joining import Joining
    from reticent.guard.limits.link import Link, StoreAway
    from reticent.guard.limits.marks import Marks
    from reticent.guard.limits.wire import JOIN

    link = Link(file.guard.store, timeout_s=_PATIENCE_S, scripts=(JOIN,))
    marks = Marks(None, clock=clock)  # of a replica's; this is none
    try:
        await link.connect()
        yield Joining(link, marks, name="", prefix=space_of(secret), clock=clock)
    except StoreAway as error:
        raise BadInput(
            f"The shared store is away ({error}).", way_out="Bring it back, then try again."
        ) from error
    finally:
        await link.drop()
        await marks.close()


async def _in_file(
    path: Path, scopes: Sequence[Scope], clock: Callable[[], float]
) -> list[Mapping[str, float]]:
    """Return what a guard that is not running has left in its file."""
    if not path.is_file():
        return [{} for _ in scopes]
    try:
        shelf = Shelf(path)
    except BadInput as error:
        raise BadInput(
            f"{path} is in use: a guard that runs keeps its counts to itself.",
            way_out="See its dashboard, or stop it first.",
        ) from error
    try:
        texts = await shelf.get([scope.key for scope in scopes])
    finally:
        await shelf.close()
    return [_kept(scope, texts.get(scope.key), clock()) for scope in scopes]


def _kept(scope: Scope, text: str | None, now_s: float) -> Mapping[str, float]:
    if text is None:
        return {}
    one = Spending(scope)
    one.restore(text)
    now_us = int(now_s * US_PER_S)
    for window in one.windows:
        window.advance(now_us)
    ordered = sorted(one.windows, key=lambda window: window.width_us)
    return {
        "lifetime_rows": float(one.spent),
        "rate_rows": one.rate_rows(now_us),
        **{f"rolling_rows_{i}": float(window.total) for i, window in enumerate(ordered)},
    }


def _told(model: str, scope: Scope, spent: Mapping[str, float]) -> Spent:
    counted = sum(name.startswith("rolling_rows_") for name in spent)
    allowed = sorted(scope.rolling, key=lambda window: window[1])
    others = counted not in (0, len(allowed))
    return Spent(
        model=model,
        scope=scope,
        lifetime_rows=spent.get("lifetime_rows", 0.0),
        rate_rows=spent.get("rate_rows", 0.0),
        concurrent=spent.get("concurrent", 0.0),
        rolling_rows=tuple(
            (
                math.nan if others else spent.get(f"rolling_rows_{i}", 0.0),
                rows,
                length_s / DAY_S,
            )
            for i, (rows, length_s) in enumerate(allowed)
        ),
    )
