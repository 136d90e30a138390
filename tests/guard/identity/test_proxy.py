from typing import Any

import pytest

from reticent.config.guard import Proxy
from reticent.guard.identity.proxy import TrustedProxy
from reticent.guard.types import Caller

INSIDE, OUTSIDE = "10.1.0.7", "10.1.0.8"
GOOD = {"x-client-subject": "CN=alice", "x-client-verify": "SUCCESS"}


def proxy(**other: Any) -> TrustedProxy:
    usual = {
        "networks": ["10.1.0.7/32", "fd00::/64"],
        "grants": {"CN=alice": ["credit"], "CN=bob": []},
        "tenant": "acme",
    }
    return TrustedProxy(Proxy(**(usual | other)))


def test_a_vouched_caller() -> None:
    assert proxy().identify(GOOD, INSIDE) == Caller(
        tenant="acme", identity="CN=alice", token="proxy/CN=alice", models=frozenset({"credit"})
    )


@pytest.mark.parametrize("address", ["fd00::1", "::ffff:10.1.0.7"])
def test_other_spellings_of_a_trusted_address(address: str) -> None:
    assert proxy().identify(GOOD, address) is not None


@pytest.mark.parametrize(
    "address",
    [OUTSIDE, "127.0.0.1", "::1", "fd00:0:0:1::1", "::ffff:10.1.0.8", "", "unix", "10.1.0.7:80",
     "10.1.0.7, 10.1.0.8", " 10.1.0.7", "010.1.0.7", "0x0a010007"],
)  # fmt: skip
def test_from_anywhere_else_the_headers_are_as_if_they_were_not_there(address: str) -> None:
    assert proxy().identify(GOOD, address) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-client-subject": "CN=alice"},
        {"x-client-verify": "SUCCESS"},
        GOOD | {"x-client-verify": "NONE"},
        GOOD | {"x-client-verify": "FAILED:expired"},
        GOOD | {"x-client-verify": "success"},
        GOOD | {"x-client-verify": "SUCCESS "},
        GOOD | {"x-client-verify": "SUCCESS,NONE"},
        GOOD | {"x-client-verify": ""},
        GOOD | {"x-client-subject": ""},
        GOOD | {"x-client-subject": "CN=ALICE"},
        GOOD | {"x-client-subject": "CN=alice,CN=bob"},
        GOOD | {"x-client-subject": "CN=mallory"},
        {"X-Client-Subject": "CN=alice", "X-Client-Verify": "SUCCESS"},
    ],
)
def test_what_the_proxy_did_not_verify_or_nobody_granted(headers: dict[str, str]) -> None:
    assert proxy().identify(headers, INSIDE) is None


def test_a_caller_without_grants_may_ask_nothing() -> None:
    caller = proxy().identify(GOOD | {"x-client-subject": "CN=bob"}, INSIDE)
    assert caller is not None
    assert not caller.may_ask("credit")


def test_a_proxy_that_verifies_otherwise() -> None:
    own = proxy(verified_header=None, identity_header="X-Remote-User")
    assert own.identify({"x-remote-user": "CN=alice"}, INSIDE) is not None
    assert own.identify({"x-remote-user": "CN=alice"}, OUTSIDE) is None


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1,203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("", INSIDE),
        ("unknown", INSIDE),
        ("203.0.113.9, unknown", INSIDE),
        ("203.0.113.9,", INSIDE),
        ("300.1.1.1", INSIDE),
        ("[", INSIDE),
        ("203.0.113.0/24", INSIDE),
    ],
)
def test_the_last_entry_is_the_callers_address(said: str, address: str) -> None:
    own = proxy(address_header="X-Forwarded-For")
    assert own.address_of({"x-forwarded-for": said}, INSIDE) == address
    assert own.address_of({"x-forwarded-for": said}, OUTSIDE) == OUTSIDE


def test_without_a_declared_header_the_address_is_the_connections() -> None:
    assert proxy().address_of({"x-forwarded-for": "203.0.113.9"}, INSIDE) == INSIDE
    own = proxy(address_header="X-Forwarded-For")
    assert own.address_of({}, INSIDE) == INSIDE
