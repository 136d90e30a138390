"""Callers that a trusted proxy vouches for: a client certificate (mTLS) or a login there.

Headers can be written by anybody. They count only on connections that come from the declared
networks themselves; from anywhere else they are as if they were not there.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import final

from reticent.config.guard import Proxy
from reticent.guard.types import Caller

VERIFIED = "SUCCESS"


@final
class TrustedProxy:
    """Reads identity and address from the headers of declared proxies.

    Args:
        declared: networks, header names and grants.
    """

    def __init__(self, declared: Proxy) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in declared.networks)
        self._identity_header = declared.identity_header.lower()
        self._verified_header = (declared.verified_header or "").lower()
        self._address_header = (declared.address_header or "").lower()
        self._callers = {
            identity: Caller(
                tenant=declared.tenant,
                identity=identity,
                token=f"proxy/{identity}",
                models=frozenset(models),
            )
            for identity, models in declared.grants.items()
        }
        self._is_trusted = lru_cache(maxsize=4096)(self._is_in_networks)

    def identify(self, headers: Mapping[str, str], address: str) -> Caller | None:
        """Return whom the proxy vouches for; None without a vouching proxy, or without grants."""
        if not self._is_trusted(address):
            return None
        if self._verified_header and headers.get(self._verified_header) != VERIFIED:
            return None
        return self._callers.get(headers.get(self._identity_header, ""))

    def address_of(self, headers: Mapping[str, str], address: str) -> str:
        """Return the caller's own address, as the proxy says; else the connection's.

        Only the last entry is the proxy's own: those before it came from the caller.
        """
        if not self._address_header or not self._is_trusted(address):
            return address
        said = headers.get(self._address_header, "").rpartition(",")[2].strip()
        return _bare(said) or address

    def _is_in_networks(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:  # a Unix socket has none
            return False
        mapped = getattr(found, "ipv4_mapped", None)  # ::ffff:10.0.0.1 on a double-stack socket
        return any((mapped or found) in network for network in self._networks)


def _bare(said: str) -> str:
    """Return an address without port and brackets; "" if it is none."""
    if said.startswith("["):
        said = said[1:].partition("]")[0]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        return ""
