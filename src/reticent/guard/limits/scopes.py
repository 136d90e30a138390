"""Who is counted for a request: the identity, its token, and the range of its address.

Where the configuration says nothing, an identity gets, by sensitivity:

| sensitivity | rows a minute | burst |
|---|---|---|
| sensitive | 6 | 12 |
| internal | 60 | 120 |
| public | 600 | 1,200 |

A rate without a burst gets a burst of two minutes' rows. A token gets what its identity gets; a
range, in which many callers may sit behind one address, ten times that.
"""

import ipaddress
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import final

from reticent.config.guard import Allowance, Endpoint
from reticent.guard.pseudonyms import identity_pseudonym, pseudonym, token_pseudonym
from reticent.guard.types import Caller, Scope

_DEFAULT_ROWS_PER_MINUTE = {"sensitive": 6.0, "internal": 60.0, "public": 600.0}
_BURST_MINUTES = 2
_RANGE_FACTOR = 10
_REMEMBERED = 1_024

_V4_BITS = 24
_V6_BITS = 64
NO_ADDRESS = "none"


def network_of(address: str) -> str:
    """Return the range that an address is counted in: its /24, or /64 for IPv6.

    An IPv4 address written as IPv6 (::ffff:192.0.2.7) counts as IPv4. Whatever is no address, such
    as that of a Unix socket, is in one range, `NO_ADDRESS`.

    >>> network_of("192.0.2.7"), network_of("::ffff:192.0.2.8"), network_of("2001:db8::1%eth0")
    ('192.0.2.0/24', '192.0.2.0/24', '2001:db8::/64')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return NO_ADDRESS
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            host_bits = 128 - _V6_BITS
            start = ipaddress.IPv6Address(int(parsed) >> host_bits << host_bits)
            return f"{start}/{_V6_BITS}"
        parsed = parsed.ipv4_mapped
    host_bits = 32 - _V4_BITS
    return f"{ipaddress.IPv4Address(int(parsed) >> host_bits << host_bits)}/{_V4_BITS}"


@dataclass(frozen=True, slots=True)
class _Allowed:
    rows_per_minute: float
    burst_rows: int
    concurrent: int | None
    lifetime_rows: int | None
    rolling: tuple[tuple[int, float], ...]

    def times(self, factor: int) -> "_Allowed":
        return _Allowed(
            self.rows_per_minute * factor,
            self.burst_rows * factor,
            None if self.concurrent is None else self.concurrent * factor,
            None if self.lifetime_rows is None else self.lifetime_rows * factor,
            tuple((rows * factor, length_s) for rows, length_s in self.rolling),
        )


def _two_minutes(rows_per_minute: float) -> int:
    return max(1, math.floor(rows_per_minute * _BURST_MINUTES))


def _allowed(said: Allowance, otherwise: _Allowed) -> _Allowed:
    rate, burst_rows = otherwise.rows_per_minute, otherwise.burst_rows
    if said.rows_per_minute is not None:
        rate, burst_rows = said.rows_per_minute, _two_minutes(said.rows_per_minute)
    return _Allowed(
        rows_per_minute=rate,
        burst_rows=burst_rows if said.burst_rows is None else said.burst_rows,
        concurrent=otherwise.concurrent if said.concurrent is None else said.concurrent,
        lifetime_rows=(
            otherwise.lifetime_rows if said.lifetime_rows is None else said.lifetime_rows
        ),
        rolling=tuple((w.rows, w.length_s) for w in said.rolling) or otherwise.rolling,
    )


@final
class ScopeMaker:
    """Names the scopes of a request to one endpoint.

    Keys hold pseudonyms of people and addresses only; the endpoint's name is plain. The same
    caller and range get the same `Scope` objects again, as long as they are remembered.

    Args:
        endpoint: the model and its limits.
        secret: keys the pseudonyms; replicas that share limits share it.
    """

    def __init__(self, endpoint: Endpoint, *, secret: bytes) -> None:
        rate = _DEFAULT_ROWS_PER_MINUTE[endpoint.sensitivity]
        default = _Allowed(rate, _two_minutes(rate), None, None, ())
        identity = _allowed(endpoint.limits.identity, default)
        allowed = {
            "identity": identity,
            "token": _allowed(endpoint.limits.token, identity),
            "network": _allowed(endpoint.limits.network, identity.times(_RANGE_FACTOR)),
        }
        # Of functions, not of methods: those would tie cache and owner to each other, and both
        # would wait for the collector whenever the configuration is read again.
        scope = lru_cache(maxsize=4 * _REMEMBERED)(
            partial(_scope_of, allowed, f"{endpoint.tenant}/{endpoint.model}")
        )
        self._scopes = lru_cache(maxsize=_REMEMBERED)(partial(_scopes_of, scope, secret))

    def __call__(self, caller: Caller, address: str) -> tuple[Scope, ...]:
        """Return the scopes: identity, token, address range.

        Args:
            caller: who asks.
            address: where from.
        """
        return self._scopes(caller.tenant, caller.identity, caller.token, address)


def _scopes_of(
    scope: Callable[[str, str], Scope],
    secret: bytes,
    tenant: str,
    identity: str,
    token: str,
    address: str,
) -> tuple[Scope, ...]:
    return (
        scope("identity", identity_pseudonym(secret, tenant, identity)),
        scope("token", token_pseudonym(secret, tenant, token)),
        scope("network", pseudonym(secret, "network", network_of(address))),
    )


def _scope_of(allowances: Mapping[str, _Allowed], endpoint: str, kind: str, name: str) -> Scope:
    allowed = allowances[kind]
    return Scope(
        key=f"{kind}:{name}:{endpoint}",
        rows_per_minute=allowed.rows_per_minute,
        burst_rows=allowed.burst_rows,
        concurrent=allowed.concurrent,
        lifetime_rows=allowed.lifetime_rows,
        rolling=allowed.rolling,
    )
