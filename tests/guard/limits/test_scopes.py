"""Configuration, caller and address make the scopes; keys name nobody."""

import gc
import weakref

import pytest
from hypothesis import given, strategies as st

from reticent.config.guard import Endpoint
from reticent.guard.limits.scopes import NO_ADDRESS, ScopeMaker, network_of
from reticent.guard.types import EVERY_MODEL, Caller

SECRET = b"s" * 32


def endpoint(**more):
    return Endpoint.model_validate(
        {
            "model": "risk",
            "owner": "Credit team",
            "protocol": "mlflow",
            "upstream": "http://127.0.0.1:9000",
            **more,
        }
    )


def caller(identity="alice@example.org", token="k1", tenant="default"):
    return Caller(tenant=tenant, identity=identity, token=token, models=frozenset({EVERY_MODEL}))


@pytest.mark.parametrize(
    ("sensitivity", "rate", "burst"),
    [("sensitive", 6, 12), ("internal", 60, 120), ("public", 600, 1200)],
)
def test_defaults_by_sensitivity(sensitivity, rate, burst):
    identity, token, network = ScopeMaker(endpoint(sensitivity=sensitivity), secret=SECRET)(
        caller(), "192.0.2.7"
    )
    assert (identity.rows_per_minute, identity.burst_rows) == (rate, burst)
    assert (token.rows_per_minute, token.burst_rows) == (rate, burst)
    assert (network.rows_per_minute, network.burst_rows) == (10 * rate, 10 * burst)
    for scope in (identity, token, network):
        assert (scope.concurrent, scope.lifetime_rows, scope.rolling) == (None, None, ())


def test_what_is_said_holds_and_the_rest_follows():
    limits = {
        "identity": {
            "rows_per_minute": 30.0,
            "concurrent": 4,
            "lifetime_rows": 1000,
            "rolling": [{"rows": 100, "days": 1.0}],
        },
        "token": {"burst_rows": 5, "lifetime_rows": 10},
        "network": {"rows_per_minute": 0.4, "rolling": [{"rows": 7, "days": 0.5}]},
    }
    identity, token, network = ScopeMaker(endpoint(limits=limits), secret=SECRET)(caller(), "::1")
    assert (identity.rows_per_minute, identity.burst_rows, identity.concurrent) == (30, 60, 4)
    assert (identity.lifetime_rows, identity.rolling) == (1000, ((100, 86400.0),))
    assert (token.rows_per_minute, token.burst_rows, token.concurrent) == (30, 5, 4)
    assert (token.lifetime_rows, token.rolling) == (10, ((100, 86400.0),))
    assert (network.rows_per_minute, network.burst_rows, network.concurrent) == (0.4, 1, 40)
    assert (network.lifetime_rows, network.rolling) == (10_000, ((7, 43200.0),))


def test_keys_tell_apart_and_name_nobody():
    make = ScopeMaker(endpoint(), secret=SECRET)
    one = make(caller(), "192.0.2.7")
    assert make(caller(), "192.0.2.200") == one
    assert make(caller(token="k2"), "192.0.3.1")[0] is one[0]
    others = [
        make(caller(identity="bob"), "192.0.2.7")[0],
        make(caller(tenant="other"), "192.0.2.7")[0],
        make(caller(token="k2"), "192.0.2.7")[1],
        make(caller(), "192.0.3.7")[2],
        *ScopeMaker(endpoint(), secret=b"t" * 32)(caller(), "192.0.2.7"),
        *ScopeMaker(endpoint(model="other"), secret=SECRET)(caller(), "192.0.2.7"),
    ]
    assert not {scope.key for scope in one} & {scope.key for scope in others}
    assert len({scope.key for scope in one}) == 3
    for scope in one:
        assert not any(word in scope.key for word in ("alice", "k1", "192", "2.7"))


def test_a_maker_goes_with_its_configuration_and_waits_for_no_collector():
    gc.disable()
    try:
        maker = ScopeMaker(endpoint(), secret=SECRET)
        maker(caller(), "192.0.2.7")
        gone = weakref.ref(maker)
        del maker
        assert gone() is None
    finally:
        gc.enable()


@given(address=st.ip_addresses(v=4), other=st.integers(0, 255))
def test_a_v4_range_is_its_24_bits_however_written(address, other):
    neighbour = f"{str(address).rpartition('.')[0]}.{other}"
    assert network_of(str(address)) == network_of(neighbour) == network_of(f"::ffff:{neighbour}")
    assert network_of(str(address)) != network_of(str(type(address)(int(address) ^ 1 << 8)))


@given(address=st.ip_addresses(v=6), other=st.integers(0, 2**64 - 1))
def test_a_v6_range_is_its_64_bits(address, other):
    neighbour = type(address)(int(address) >> 64 << 64 | other)
    if address.ipv4_mapped is None and neighbour.ipv4_mapped is None:
        assert network_of(str(address)) == network_of(str(neighbour))
        assert network_of(str(address)) != network_of(str(type(address)(int(address) ^ 1 << 64)))


@given(text=st.text())
def test_whatever_is_no_address_is_in_one_range(text):
    assert network_of(f"x{text}") == NO_ADDRESS
