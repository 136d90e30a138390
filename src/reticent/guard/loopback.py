"""Whether only this machine can reach a host."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine and nothing else; other names than localhost are not.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("guard")
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
