import json
import threading
from pathlib import Path
from typing import Any

import pytest
from guard.identity.clock import Clock
from guard.identity.issuer import NOW_S, Given, ec, ed, public, rsa, serving, signed, tokens

from reticent.guard.identity.jwks import (
    ALGORITHMS,
    LEAST_S,
    LONGEST_BYTES,
    KeyFile,
    KeyUrl,
    Unreadable,
    parse,
)

EVERY = frozenset(ALGORITHMS)


def usable(jwk: Any, algorithms: frozenset[str] = EVERY) -> bool:
    return bool(parse(json.dumps({"keys": [jwk]}).encode(), algorithms).by_kid)


RSA = public(rsa())["keys"][0]
EC = public(ec())["keys"][0]
ED = public(ed())["keys"][0]


@pytest.mark.parametrize("jwk", [RSA, EC, ED])
@pytest.mark.parametrize(
    "more",
    [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"x5c": ["MII"]}, {"unknown": {"a": 1}}],
)
def test_public_signature_keys_are_usable(jwk: dict[str, Any], more: dict[str, Any]) -> None:
    assert usable(jwk | more)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "kid": "r1", "k": "c2VjcmV0"},
        RSA | {"kty": "oct", "k": "c2VjcmV0"},
        rsa().as_dict(private=True) | {"kid": "r1"},
        ec().as_dict(private=True) | {"kid": "e1"},
        public(rsa("weak", 1024))["keys"][0],
        RSA | {"n": "AAAA" + public(rsa("weak", 1024))["keys"][0]["n"]},
        RSA | {"n": "A" * 400},
        RSA | {"n": "\u00e9"},
        RSA | {"n": 5},
        RSA | {"e": None},
        RSA | {"use": "enc"},
        RSA | {"key_ops": ["encrypt"]},
        RSA | {"alg": "HS256"},
        RSA | {"alg": "RSA-OAEP"},
        RSA | {"kid": 5},
        RSA | {"kty": "EC"},
        RSA | {"kty": ["RSA"]},
        RSA | {"kty": None},
        EC | {"x": EC["y"]},
        EC | {"crv": "P-384"},
        EC | {"crv": "secp256k1"},
        EC | {"crv": ["P-256"]},
        public(ed("x", "Ed448"))["keys"][0],
        public(ed("x", "X25519"))["keys"][0],
        "RSA",
        None,
        [],
        {},
    ],
)
def test_other_keys_are_passed_over(jwk: Any) -> None:
    assert not usable(jwk)
    both = parse(json.dumps({"keys": [jwk, EC]}).encode(), EVERY)
    assert list(both.by_kid) == ["e1"]


def test_a_key_is_for_its_own_algorithm_only() -> None:
    keys = parse(json.dumps(public(rsa(), alg="RS256")).encode(), EVERY)
    assert keys.find("r1", "RS256")
    assert not keys.find("r1", "PS256")
    assert not keys.find("r1", "RS512")
    assert not keys.find("r1", "ES256")
    keys = parse(json.dumps(public(ed(), alg="EdDSA")).encode(), EVERY)
    assert keys.find("o1", "EdDSA")
    assert not usable(RSA, frozenset({"ES256"}))


def test_two_keys_of_one_id_are_both_tried() -> None:
    source = Given(public(rsa("one"), rsa("two"), kid="same"))
    verifier, _ = tokens(source, Clock(NOW_S))
    for name in ("one", "two"):
        text = signed(rsa(name), "RS256", header={"kid": "same"})
        assert verifier.identify(text, NOW_S) is not None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"keys": [' + b"{}," * 100 + b"{}]}",
        b'{"keys": []}' + b" " * LONGEST_BYTES,
    ],
)
def test_what_is_no_set_of_keys(text: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(text, EVERY)


def test_an_empty_set_takes_all_keys_back() -> None:
    source, clock = Given(public(rsa())), Clock(NOW_S)
    verifier, kept = tokens(source, clock)
    text = signed(rsa(), "RS256")
    assert verifier.identify(text, NOW_S) is not None
    source.keys = {"keys": []}
    kept.refresh()
    assert verifier.identify(text, NOW_S) is None


def test_a_dropped_key_ends_its_tokens_also_those_remembered() -> None:
    source, clock = Given(public(rsa(), rsa("r2"))), Clock(NOW_S)
    verifier, kept = tokens(source, clock)
    old, new = signed(rsa(), "RS256"), signed(rsa("r2"), "RS256")
    first = verifier.identify(new, NOW_S)
    assert verifier.identify(old, NOW_S) is not None
    source.keys = public(rsa("r2"))
    kept.refresh()
    assert verifier.identify(old, NOW_S) is None
    assert verifier.identify(new, NOW_S) == first


def test_another_key_under_the_same_id_ends_the_tokens_of_the_first() -> None:
    source, clock = Given(public(rsa())), Clock(NOW_S)
    verifier, kept = tokens(source, clock)
    text = signed(rsa(), "RS256")
    assert verifier.identify(text, NOW_S) is not None
    source.keys = public(rsa("r2"), kid="r1")
    kept.refresh()
    assert verifier.identify(text, NOW_S) is None


def test_keys_that_did_not_change_keep_what_is_remembered() -> None:
    verifier, kept = tokens(Given(public(rsa())), Clock(NOW_S))
    text = signed(rsa(), "RS256")
    first = verifier.identify(text, NOW_S)
    kept.refresh()
    assert verifier.identify(text, NOW_S) is first


class Away:
    def __init__(self, inner: Given) -> None:
        self.inner = inner
        self.away = False

    def read(self) -> bytes:
        if self.away:
            self.inner.reads += 1
            raise Unreadable("away")
        return self.inner.read()


def test_while_the_provider_is_away_keys_last_for_twelve_intervals() -> None:
    source, clock = Away(Given(public(rsa()))), Clock(NOW_S)
    verifier, kept = tokens(source, clock, refresh_s=100.0)
    text = signed(rsa(), "RS256", exp=NOW_S + 10_000)
    source.away = True
    for _ in range(12):
        clock.now_s += 100
        assert kept.is_due()
        with pytest.raises(Unreadable):
            kept.refresh()
        assert verifier.identify(text, clock.now_s) is not None
    clock.now_s += 0.1
    assert verifier.identify(text, clock.now_s) is None
    source.away = False
    kept.refresh()
    assert verifier.identify(text, clock.now_s) is not None


def test_a_provider_that_is_away_is_asked_again_soon_but_not_at_once() -> None:
    source, clock = Away(Given(public(rsa()))), Clock(NOW_S)
    _, kept = tokens(source, clock, refresh_s=300.0)
    source.away = True
    clock.now_s += 300
    with pytest.raises(Unreadable):
        kept.refresh()
    clock.now_s += LEAST_S - 0.1
    assert not kept.is_due()
    clock.now_s += 0.1
    assert kept.is_due()


def test_keys_are_read_again_every_interval() -> None:
    clock = Clock(NOW_S)
    _, kept = tokens(Given(public(rsa())), clock, refresh_s=300.0)
    assert not kept.is_due()
    clock.now_s += 299.9
    assert not kept.is_due()
    clock.now_s += 0.1
    assert kept.is_due()


def test_a_clock_that_was_set_back_does_not_stop_the_reading() -> None:
    clock = Clock(NOW_S)
    _, kept = tokens(Given(public(rsa())), clock, refresh_s=300.0)
    clock.now_s -= 1000
    assert kept.is_due()


def test_a_flood_of_unknown_key_ids_causes_one_fetch_an_interval() -> None:
    source, clock = Given(public(rsa())), Clock(NOW_S)
    verifier, kept = tokens(source, clock, refresh_s=300.0)
    assert source.reads == 1
    for n in range(600):  # a minute of it, ten a second
        clock.now_s = NOW_S + n / 10
        text = signed(ed(), "EdDSA", header={"kid": f"unknown-{n}"})
        assert verifier.identify(text, clock.now_s) is None
        if kept.is_due():
            kept.refresh()
    assert source.reads == 1 + 5
    assert LEAST_S == 10


def test_tokens_that_are_refused_anyway_cause_no_fetch() -> None:
    clock = Clock(NOW_S)
    verifier, kept = tokens(Given(public(rsa())), clock)
    for other in (
        signed(ed(), "EdDSA", aud="others"),
        signed(ed(), "EdDSA", iss="https://evil.example"),
        signed(ed(), "EdDSA", exp=NOW_S - 100),
        signed(rsa("mallory"), "RS256", header={"kid": "r1"}),
        signed(ec("e3", "P-384"), "ES384"),
    ):
        assert verifier.identify(other, NOW_S) is None
    clock.now_s += LEAST_S
    assert not kept.is_due()


def test_a_new_key_is_found_after_a_token_named_it() -> None:
    source, clock = Given(public(rsa())), Clock(NOW_S)
    verifier, kept = tokens(source, clock)
    source.keys = public(rsa(), ec())
    text = signed(ec(), "ES256")
    assert verifier.identify(text, NOW_S) is None
    assert not kept.is_due()
    clock.now_s += LEAST_S
    assert kept.is_due()
    kept.refresh()
    assert verifier.identify(text, clock.now_s) is not None


def test_a_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(public(rsa())), encoding="utf-8")
    assert json.loads(KeyFile(path).read()) == public(rsa())
    with pytest.raises(Unreadable, match=r"none\.json"):
        KeyFile(tmp_path / "none.json").read()


def test_a_url_is_read() -> None:
    with serving() as provider:
        provider.show(rsa())
        assert json.loads(KeyUrl(provider.url, clock=Clock()).read()) == public(rsa())


@pytest.mark.parametrize("status", [204, 301, 302, 307, 401, 404, 500, 503])
def test_another_status_and_redirects_are_not_followed(status: int) -> None:
    with serving() as provider, serving() as elsewhere:
        elsewhere.show(rsa("mallory"))
        provider.show(rsa())
        provider.status = status
        provider.headers = {"Location": elsewhere.url}
        with pytest.raises(Unreadable, match=str(status)):
            KeyUrl(provider.url, clock=Clock()).read()
        assert elsewhere.asked == 0


def test_a_body_without_end_is_not_read_to_the_end() -> None:
    with serving() as provider:
        provider.body = b" " * (LONGEST_BYTES * 4)
        with pytest.raises(Unreadable, match="too long"):
            KeyUrl(provider.url, clock=Clock()).read()


def test_a_slow_body_is_given_up() -> None:
    with serving() as provider:
        provider.show(rsa())
        ticks = iter(range(0, 1000, 4))
        with pytest.raises(Unreadable, match="too slow"):
            KeyUrl(provider.url, clock=lambda: float(next(ticks) * 2)).read()


def test_nobody_there() -> None:
    with serving() as provider:
        url = provider.url
    with pytest.raises(Unreadable) as caught:
        KeyUrl(url, clock=Clock()).read()
    assert "Error" in str(caught.value)
    assert threading.active_count() < 50
