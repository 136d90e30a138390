import asyncio

import pytest

from reticent.guard.upstream import HttpUpstream, UpstreamDown
from reticent.guard.upstream.address import (
    PinnedAddresses,
    reach,
    spelled_out,
    system_resolver,
)
from reticent.protocols.base import WireRequest

REFUSED = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.255",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "2001:0:0:0:0:0:5601:5601",  # Teredo; carries 169.254.169.254 inverted
    "not an address",
    "",
]
ALLOWED = {
    "127.0.0.1": "loopback",
    "127.1.2.3": "loopback",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "10.0.0.1": "private",
    "172.16.5.4": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "fd12:3456::1": "private",
    "::ffff:10.0.0.1": "private",
    "93.184.216.34": "global",
    "2606:4700::1": "global",
    "64:ff9b::5db8:d822": "global",
}


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address):
    assert reach(address) == ""


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address):
    assert reach(address) == ALLOWED[address]


def answers(*answers):
    asked = []

    async def resolver(host, port):
        asked.append((host, port))
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolver, asked


def find(addresses, now_s):
    return asyncio.run(addresses.find(now_s))


def test_an_answer_is_kept_and_asked_for_again_later():
    resolver, asked = answers(["10.0.0.1", "10.0.0.2", "10.0.0.1"], ["10.0.0.3"])
    addresses = PinnedAddresses("model", 80, resolver=resolver, keep_s=30.0)
    assert find(addresses, 0.0) == find(addresses, 29.9) == ("10.0.0.1", "10.0.0.2")
    assert asked == [("model", 80)]
    assert find(addresses, 30.0) == ("10.0.0.3",)
    addresses.forget()
    find(addresses, 30.0)
    assert len(asked) == 3


@pytest.mark.parametrize("bad", ["169.254.169.254", "0.0.0.0", "fe80::1"])
def test_an_answer_that_changes_to_a_refused_address_is_refused_as_a_whole(bad):
    resolver, _ = answers(["93.184.216.34"], ["93.184.216.34", bad], ["93.184.216.34"])
    addresses = PinnedAddresses("model.example", 80, resolver=resolver, keep_s=1.0)
    find(addresses, 0.0)
    with pytest.raises(UpstreamDown, match="metadata"):
        find(addresses, 1.0)
    assert find(addresses, 2.0) == ("93.184.216.34",)


@pytest.mark.parametrize(
    ("first", "then"),
    [("93.184.216.34", "10.0.0.1"), ("93.184.216.34", "127.0.0.1"), ("10.0.0.1", "::1")],
)
def test_an_answer_never_comes_nearer(first, then):
    resolver, _ = answers([first], [then])
    addresses = PinnedAddresses("model.example", 80, resolver=resolver, keep_s=1.0)
    find(addresses, 0.0)
    with pytest.raises(UpstreamDown, match="nearer"):
        find(addresses, 1.0)


def test_an_answer_may_go_farther():
    resolver, _ = answers(["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"])
    addresses = PinnedAddresses("model", 80, resolver=resolver, keep_s=1.0)
    assert [find(addresses, float(now_s))[0] for now_s in range(3)] == [
        "127.0.0.1",
        "10.0.0.1",
        "127.0.0.1",
    ]


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("label too long")])
def test_a_name_without_an_address(answer):
    resolver, _ = answers(answer)
    with pytest.raises(UpstreamDown, match="no address"):
        find(PinnedAddresses("model", 80, resolver=resolver), 0.0)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[fe80::1]", "0"])
def test_no_spelling_of_an_address_in_the_configuration_gets_through(host):
    async def main():
        upstream = HttpUpstream(f"http://{host}:9", connect_timeout_s=2.0)
        with pytest.raises(UpstreamDown, match=r"link-local|no address"):
            await upstream.send(WireRequest(method="GET", path="/latest/meta-data/"))
        await upstream.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "host",
    ["2852039166", "0xA9FEA9FE", "025177524776", "0xa9.0376.43518", "169.254.43518", "2852039166."],
)
def test_a_spelling_is_the_address_that_the_system_connects_to(host):
    assert spelled_out(host) == "169.254.169.254"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "::1", "fe80::1%eth0", "localhost", "4294967296", "0xmodel", "1e9.net", "m", ""],
)
def test_addresses_and_names_are_no_other_spelling(host):
    assert spelled_out(host) == ""


def test_the_system_resolves():
    assert "127.0.0.1" in asyncio.run(system_resolver("127.0.0.1", 80))


def test_the_connection_goes_to_the_address_that_was_checked():
    async def main():
        hosts = []

        async def connected(reader, writer):
            hosts.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        # Nobody else knows this name; the first of its addresses does not answer.
        resolver, asked = answers(["127.0.0.2", "127.0.0.1"])
        upstream = HttpUpstream(f"http://model.invalid:{port}", resolver=resolver)
        assert (await upstream.send(WireRequest(method="GET", path="/"))).status == 204
        assert asked == [("model.invalid", port)]
        assert f"\r\nHost: model.invalid:{port}\r\n".encode() in hosts[0]
        await upstream.close()
        listening.close()
        await asyncio.sleep(0.01)

    asyncio.run(main())
