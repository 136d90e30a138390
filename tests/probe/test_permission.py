from collections.abc import Sequence

import pytest

from reticent.core import BadInput
from reticent.probe.permission import allowed_place


def to(*addresses: str):
    def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_the_loopback_interface_needs_no_permission(address: str) -> None:
    place = allowed_place("http://model.test:9000", allowed=None, resolve=to(address))
    assert place.url == "http://model.test:9000"
    assert place.is_loopback


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_another_host_must_be_named(address: str) -> None:
    with pytest.raises(BadInput, match="not on this machine") as refused:
        allowed_place("http://model.test", allowed=None, resolve=to(address))
    assert "--i-am-allowed model.test" in refused.value.way_out
    place = allowed_place("http://Model.test", allowed="model.TEST", resolve=to(address))
    assert place.permission == "named with --i-am-allowed model.test"
    assert not place.is_loopback


def test_all_addresses_are_checked_not_only_the_first() -> None:
    with pytest.raises(BadInput, match=r"192\.0\.2\.1"):
        allowed_place("http://model.test", allowed=None, resolve=to("127.0.0.1", "192.0.2.1"))


@pytest.mark.parametrize("named", ["test", "other.test", "model.test.evil.test", "192.0.2.1", ""])
def test_the_name_must_be_exactly_the_hosts(named: str) -> None:
    with pytest.raises(BadInput, match="--i-am-allowed names"):
        allowed_place("http://model.test", allowed=named, resolve=to("192.0.2.1"))


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0"])
def test_addresses_of_no_single_machine_are_refused_even_if_named(address: str) -> None:
    with pytest.raises(BadInput, match="link-local"):
        allowed_place("http://model.test", allowed="model.test", resolve=to(address))


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1", "127.0.0.1:9000", "http://", "http://u:p@127.0.0.1", "http://127.0.0.1/v2",
     "http://127.0.0.1?x=1", "http://127.0.0.1:99999", "http://[::1", "http://127.0.0.1#x"],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        allowed_place(url, allowed=None, resolve=to("127.0.0.1"))


def test_a_host_without_an_address_is_bad_input() -> None:
    def fails(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(BadInput, match="cannot be resolved"):
        allowed_place("http://nowhere.test", allowed=None, resolve=fails)
