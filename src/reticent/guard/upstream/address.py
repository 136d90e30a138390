"""Where the guard may connect to.

Origins come from the configuration alone, so a caller cannot name one. What remains is that a
name, or the answer to it, points somewhere it must not: the metadata service of a cloud hands
credentials to whoever asks it. So the name is resolved here, every address of the answer is
checked, and the connection goes to the very address that was checked.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import final

from reticent.guard.upstream.errors import UpstreamDown

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure, WireServer
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_WIDTH = {"loopback": 0, "private": 1, "global": 2}


def reach(text: str) -> str:
    """Return "loopback", "private" or "global" for an IP address, "" for one that is refused.

    Refused are link-local addresses (169.254.0.0/16, fe80::/10: metadata services), unspecified,
    multicast, broadcast and reserved ones, the metadata addresses outside those ranges, and all
    of these inside an IPv6 address (mapped, compatible, 6to4, Teredo, NAT64).
    """
    try:
        address: Ip = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_link_local or address.is_site_local or address.is_multicast:
            return ""
        inner = _embedded(address)
        if inner is not None and not address.is_loopback:
            return reach(str(inner))
    if address in _METADATA or address.is_link_local or address.is_multicast:
        return ""
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return ""
    if address.is_loopback:
        return "loopback"
    if address.is_reserved:
        return ""
    return "private" if not address.is_global else "global"


def is_refused(host: str) -> bool:
    """Return whether a host is written as an IP address to which nothing may connect."""
    try:
        ipaddress.ip_address(host)
    except ValueError:  # a name, seen when it is looked up, or another spelling: see `spelled_out`
        return False
    return reach(host) == ""


def spelled_out(host: str) -> str:
    """Return the address that the system takes another spelling for, "" for a name or an address.

    One number, fewer than four, octal and hexadecimal ones are addresses to the system (inet_aton),
    and look like none to whoever reads the configuration.

    >>> spelled_out("2852039166"), spelled_out("0x7f.1"), spelled_out("127.0.0.1")
    ('169.254.169.254', '127.0.0.1', '')
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        with suppress(OSError, ValueError):
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    return ""


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64 or int(address) >> 32 == 0:
        return low
    return None


@final
class PinnedAddresses:
    """The addresses of one origin, checked.

    The answer is kept for `keep_s`. When it is asked for again, it may change, but never to a
    refused address, and never nearer than it first was (from a global address to a private or
    loopback one, from a private to a loopback one): that is how DNS rebinding reaches inwards.
    An answer with one such address is refused as a whole.

    Args:
        host: name or address from the configuration.
        port: its port.
        resolver: name, port -> addresses.
        keep_s: how long an answer is used.
    """

    __slots__ = ("_answer", "_host", "_keep_s", "_least", "_port", "_resolver", "_until_s")

    def __init__(self, host: str, port: int, *, resolver: Resolver, keep_s: float = 30.0) -> None:
        self._host = host
        self._port = port
        self._resolver = resolver
        self._keep_s = keep_s
        self._answer: tuple[str, ...] = ()
        self._least: int | None = None
        self._until_s = 0.0

    async def find(self, now_s: float) -> tuple[str, ...]:
        """Return the addresses to try, in order.

        Args:
            now_s: seconds of any clock that only goes forward.

        Raises: UpstreamDown if the name is unknown or its answer is refused.
        """
        if self._answer and now_s < self._until_s:
            return self._answer
        try:
            answer = tuple(dict.fromkeys(await self._resolver(self._host, self._port)))
        except (OSError, UnicodeError):
            answer = ()
        if not answer:
            raise UpstreamDown(
                f"the name {self._host!r} has no address.", way_out="Check upstream and DNS."
            )
        reaches = [reach(address) for address in answer]
        if "" in reaches:
            raise UpstreamDown(
                f"{self._host!r} resolves to {answer[reaches.index('')]}, which is link-local, a "
                "metadata service, multicast or unspecified.",
                way_out="No model server is there; correct upstream or DNS.",
            )
        nearest = min(_WIDTH[one] for one in reaches)
        if self._least is None:
            self._least = nearest
        elif nearest < self._least:
            raise UpstreamDown(
                f"{self._host!r} now resolves to an address nearer to this machine than before.",
                way_out="If the server did move inwards, restart the guard.",
            )
        self._answer, self._until_s = answer, now_s + self._keep_s
        return answer

    def forget(self) -> None:
        """Ask anew the next time: no address of the answer could be reached."""
        self._until_s = 0.0


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return what the system says a name's addresses are."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found if entry[0] in (socket.AF_INET, socket.AF_INET6)]
