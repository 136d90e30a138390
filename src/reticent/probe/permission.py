"""Whom we may ask: the loopback interface, or a host that the user vouches for by its exact name.

The name is resolved once, every address is checked, and connections go to an address that was
checked: a name that points elsewhere a moment later leads nowhere.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from reticent.core import BadInput

Resolve = Callable[[str, int], Sequence[str]]

_LOOPBACK_ONLY = (
    "Probe what runs on this machine, or, if you may test that host, name it: --i-am-allowed {}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server that we may ask.

    Attributes:
        scheme: "http" or "https".
        host: as the URL has it, lower case.
        port: of the server.
        addresses: what the host resolved to; connections go to the first.
        permission: why it is allowed, in words.
    """

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]
    permission: str

    @property
    def url(self) -> str:
        """Return scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Return whether all its addresses are on the loopback interface."""
        return all(_is_loopback(address) for address in self.addresses)


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host.

    Raises: OSError.
    """
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def allowed_place(url: str, *, allowed: str | None, resolve: Resolve = resolve) -> Place:
    """Return where a URL leads, if we may ask it.

    Args:
        url: scheme, host and perhaps port; a path is no part of it.
        allowed: the host that the user says they may test; None for the loopback interface only.
        resolve: host and port -> addresses.

    Raises: BadInput for a URL that is none, a host that cannot be resolved, one that is neither
        on the loopback interface nor exactly the one that was named, or an address that is not
        a single machine's.
    """
    scheme, host, port = _parts(url)
    try:
        addresses = tuple(dict.fromkeys(resolve(host, port)))
    except OSError as error:
        raise BadInput(
            f"The host {host!r} cannot be resolved ({error.strerror or error}).",
            way_out="Check its spelling and your network.",
        ) from error
    if not addresses:
        raise BadInput(f"The host {host!r} has no address.", way_out="Check its spelling.")
    if allowed is not None and allowed.strip("[]").lower() != host:
        raise BadInput(
            f"--i-am-allowed names {allowed!r}, but the URL's host is {host!r}.",
            way_out="Name exactly the host of the URL, if you may test it.",
        )
    for address in addresses:
        if not _is_loopback(address) and allowed is None:
            raise BadInput(
                f"{host!r} leads to {address}, which is not on this machine.",
                way_out=_LOOPBACK_ONLY.format(host),
            )
        if not _is_machine(address):
            raise BadInput(
                f"{host!r} leads to {address}, which is link-local, multicast or no address of "
                "one machine.",
                way_out="Such addresses are not probed; name the server's own.",
            )
    here = "on the loopback interface"
    permission = here if allowed is None else f"named with --i-am-allowed {host}"
    return Place(scheme=scheme, host=host, port=port, addresses=addresses, permission=permission)


def _parts(url: str) -> tuple[str, str, int]:
    way_out = 'It looks like "http://127.0.0.1:9000".'
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise BadInput(f"{url!r} is no URL ({error}).", way_out=way_out) from error
    if parts.scheme not in ("http", "https") or not host or not host.isascii():
        raise BadInput(f"{url!r} is no http or https URL of an ASCII host.", way_out=way_out)
    if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
        raise BadInput(
            f"{url!r} holds more than scheme, host and port.",
            way_out="Leave user, path and query out; a key goes into --key-env.",
        )
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _is_loopback(address: str) -> bool:
    return _ip(address).is_loopback


def _is_machine(address: str) -> bool:
    ip = _ip(address)
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified)
