"""From the configuration to limits that count."""

import hashlib
import hmac
import importlib.util
import secrets
from collections.abc import Callable
from pathlib import Path

from reticent.config.guard import Guard
from reticent.core import BadInput
from reticent.guard.limits.memory import MemoryLimits
from reticent.guard.types import Limits

LIMITS_FILE = "limits.sqlite"
_NAME_BYTES = 8


def open_limits(guard: Guard, state: Path, *, secret: bytes, clock: Callable[[], float]) -> Limits:
    """Return the limits that [guard] asks for.

    Guards with the same secret share counts in a store; others, or the same after its secret
    was changed, have counts of their own there, as pseudonyms of callers change with it.

    Args:
        guard: the settings.
        state: this guard's own folder; made if it is not there.
        secret: what replicas share.
        clock: returns seconds since 1970.

    Raises: BadInput for a store's URL or a folder that cannot be used, or without the `valkey`
        package where the store needs it.
    """
    if guard.store == "memory":
        return MemoryLimits(state / LIMITS_FILE, clock=clock)
    has_store(guard)
    from reticent.guard.limits.valkey import SharedLimits

    return SharedLimits(
        guard.store,
        replicas=guard.replicas,
        clock=clock,
        state=state,
        name=secrets.token_hex(_NAME_BYTES),
        prefix=space_of(secret),
    )


def has_store(guard: Guard) -> None:
    """Raise BadInput if the package that talks to the shared store is not installed."""
    if importlib.util.find_spec("valkey") is None:
        raise BadInput(
            f"store is {guard.store.partition('@')[2] or guard.store!r} and the valkey package is "
            "not installed.",
            way_out='Run: pip install "reticent[guard-replicas]"',
        )


def space_of(secret: bytes) -> str:
    """Return the prefix of all keys in a shared store; guards with one secret have one."""
    space = hmac.new(secret, b"limits", hashlib.sha256).hexdigest()[: 2 * _NAME_BYTES]
    return f"{{reticent:{space}}}:"
