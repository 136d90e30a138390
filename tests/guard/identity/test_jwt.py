import json
import math
from typing import Any

import pytest
from guard.identity.clock import Clock
from guard.identity.issuer import (
    AUDIENCE,
    ISSUER,
    NOW_S,
    Given,
    claims,
    ec,
    ed,
    part,
    public,
    rsa,
    signed,
    signed_raw,
    symmetric,
    tokens,
)
from hypothesis import given, settings, strategies as st
from joserfc.jwk import RSAKey

from reticent.guard.identity.jwt import LONGEST, MOST_KEPT
from reticent.guard.types import Caller

ALL = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")


def identify(text: str, now_s: float = NOW_S, **other: Any) -> Caller | None:
    keys = public(rsa(), rsa("r2"), ec(), ec("e3", "P-384"), ed())
    verifier, _ = tokens(Given(keys), Clock(NOW_S), **other)
    return verifier.identify(text, now_s)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", rsa()),
        ("PS256", rsa()),
        ("ES256", ec()),
        ("ES384", ec("e3", "P-384")),
        ("EdDSA", ed()),
        ("Ed25519", ed()),
    ],
)
def test_a_good_token_names_its_caller(algorithm: str, key: Any) -> None:
    text = signed(key, algorithm, jti="t-1", models=["credit", "churn"])
    assert identify(text, algorithms=ALL) == Caller(
        tenant="default",
        identity="alice",
        token="jwt/t-1",
        models=frozenset({"credit", "churn"}),
    )


def test_claims_are_read_where_they_were_declared() -> None:
    text = signed(rsa(), "RS256", who="bob", org="acme", scope="credit churn a/b *")
    names = {"identity_claim": "who", "tenant_claim": "org", "models_claim": "scope"}
    caller = identify(text, **names)
    assert caller is not None
    assert (caller.identity, caller.tenant) == ("bob", "acme")
    assert caller.models == {"credit", "churn", "*"}


@pytest.mark.parametrize("models", [..., None, 5, {}, [], ["a/b", 5, None, ["credit"]], "a/b"])
def test_a_token_that_grants_nothing_grants_nothing(models: Any) -> None:
    caller = identify(signed(rsa(), "RS256", models=models))
    assert caller is not None
    assert caller.models == frozenset()
    assert not caller.may_ask("credit")


def test_a_token_without_an_id_is_named_by_its_digest() -> None:
    one, other = (identify(signed(rsa(), "RS256", n=n)) for n in (1, 2))
    assert one is not None
    assert other is not None
    assert one.token != other.token
    assert one.token.startswith("jwt/")


def hs(key: RSAKey, form: str) -> str:
    """Return the classic confusion: an HMAC under the public key, in some form of it."""
    secret = {
        "pem": key.as_pem(private=False),
        "der": key.as_der(private=False),
        "jwk": json.dumps(key.as_dict(private=False)).encode(),
        "n": str(key.as_dict(private=False)["n"]).encode(),
    }[form]
    return symmetric(secret, {"alg": "HS256", "kid": key.kid, "typ": "JWT"})


def rs_with_hs_inside(key: RSAKey) -> str:
    return symmetric(key.as_pem(private=False), {"alg": "RS256", "kid": key.kid})


def unsigned(algorithm: Any, **header: Any) -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT', **header})}.{part(claims())}."


def own_key(**header: Any) -> str:
    return signed(rsa("mallory"), "RS256", header=header)


GOOD = signed(rsa(), "RS256")
H, C, S = GOOD.split(".")
MALLORY = rsa("mallory").as_dict(private=False)

DER = bytes.fromhex("3006020101020101")

ATTACKS: dict[str, str] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE with kid": unsigned("nOnE", kid="r1"),
    "alg none with a signature": f"{part({'alg': 'none'})}.{C}.{S}",
    "alg empty": unsigned(""),
    "alg missing": f"{part({'kid': 'r1'})}.{C}.{S}",
    "alg null": unsigned(None),
    "alg list": unsigned(["RS256"]),
    "alg of a class": unsigned("__class__"),
    "no signature": f"{H}.{C}.",
    "no signature, no dot": f"{H}.{C}",
    "HS256 with the public key, PEM": hs(rsa(), "pem"),
    "HS256 with the public key, DER": hs(rsa(), "der"),
    "HS256 with the public key, JWK": hs(rsa(), "jwk"),
    "HS256 with the modulus": hs(rsa(), "n"),
    "HS256 with an empty secret": symmetric(b"", {"alg": "HS256", "kid": "r1"}),
    "RS256 in name, HMAC in truth": rs_with_hs_inside(rsa()),
    "ES256 of an RSA key's id": signed(ec(), "ES256", header={"kid": "r1"}),
    "RS256 of an EC key's id": signed(rsa(), "RS256", header={"kid": "e1"}),
    "PS256, not declared": signed(rsa(), "PS256"),
    "RS512, not declared": signed(rsa(), "RS512"),
    "ES384, not declared": signed(ec("e3", "P-384"), "ES384"),
    "ES256 of zeros": f"{part({'alg': 'ES256', 'kid': 'e1'})}.{C}.{part(bytes(64))}",
    "ES256 in DER": f"{part({'alg': 'ES256', 'kid': 'e1'})}.{C}.{part(DER)}",
    "another's key, our id": own_key(kid="r1"),
    "another's key, its id": own_key(kid="mallory"),
    "another's key, no id": own_key(kid=...),
    "its own key in jwk": own_key(kid="r1", jwk=MALLORY),
    "its own key in jwk, no kid": own_key(kid=..., jwk=MALLORY),
    "its own key by jku": own_key(jku="http://127.0.0.1/keys"),
    "a good token with jku": signed(rsa(), "RS256", header={"jku": "https://evil.example"}),
    "its own key by x5u": own_key(x5u="http://127.0.0.1/cert"),
    "its own key by x5c": own_key(x5c=["MIIB"]),
    "kid a path": own_key(kid="../../../../dev/null"),
    "kid a query": own_key(kid="r1' OR '1'='1"),
    "kid a command": own_key(kid="r1|cat /etc/passwd"),
    "kid empty": own_key(kid=""),
    "kid a number": own_key(kid=0),
    "kid a list": own_key(kid=["r1"]),
    "kid null": own_key(kid=None),
    "kid another good key's": signed(rsa(), "RS256", header={"kid": "r2"}),
    "no kid where several fit": signed(rsa(), "RS256", header={"kid": ...}),
    "crit unknown": signed(rsa(), "RS256", header={"crit": ["x"], "x": 1}),
    "crit empty": signed(rsa(), "RS256", header={"crit": []}),
    "crit exp": signed(rsa(), "RS256", header={"crit": ["exp"], "exp": 1}),
    "b64 false": signed(rsa(), "RS256", header={"b64": False, "crit": ["b64"]}),
    "b64 false, not critical": signed(rsa(), "RS256", header={"b64": False}),
    "unknown header": signed(rsa(), "RS256", header={"nonce": "x"}),
    "zip": signed(rsa(), "RS256", header={"zip": "DEF"}),
    "typ of another token": signed(rsa(), "RS256", header={"typ": "logout+jwt"}),
    "typ a list": signed(rsa(), "RS256", header={"typ": ["JWT"]}),
    "wrong audience": signed(rsa(), "RS256", aud="others"),
    "wrong audiences": signed(rsa(), "RS256", aud=["others", "models2"]),
    "audience as part": signed(rsa(), "RS256", aud="models others"),
    "audience in an object": signed(rsa(), "RS256", aud={"models": 1}),
    "audience nested": signed(rsa(), "RS256", aud=[["models"]]),
    "no audience": signed(rsa(), "RS256", aud=...),
    "wrong issuer": signed(rsa(), "RS256", iss="https://login.example.com"),
    "issuer with a slash": signed(rsa(), "RS256", iss=ISSUER + "/"),
    "issuer in a list": signed(rsa(), "RS256", iss=[ISSUER]),
    "no issuer": signed(rsa(), "RS256", iss=...),
    "expired": signed(rsa(), "RS256", exp=NOW_S - 31),
    "expired at the end of the leeway": signed(rsa(), "RS256", exp=NOW_S - 30),
    "never expires": signed(rsa(), "RS256", exp=...),
    "expires null": signed(rsa(), "RS256", exp=None),
    "expires as text": signed(rsa(), "RS256", exp=str(NOW_S + 600)),
    "expires true": signed(rsa(), "RS256", exp=True),
    "expires never, as NaN": signed(rsa(), "RS256", exp=math.nan),
    "expires never, as infinity": signed(rsa(), "RS256", exp=math.inf),
    "expires never, as 1e999": signed_raw(
        rsa(), "RS256", H, part(json.dumps(claims()).replace(str(NOW_S + 600), "1e999").encode())
    ),
    "expires never, as a huge integer": signed(rsa(), "RS256", exp=10**400),
    "not yet": signed(rsa(), "RS256", nbf=NOW_S + 31),
    "not before NaN": signed(rsa(), "RS256", nbf=math.nan),
    "not before text": signed(rsa(), "RS256", nbf="0"),
    "not before true": signed(rsa(), "RS256", nbf=True),
    "issued in the future": signed(rsa(), "RS256", iat=NOW_S + 31),
    "bound to another key": signed(rsa(), "RS256", cnf={"jkt": "x"}),
    "no subject": signed(rsa(), "RS256", sub=...),
    "subject empty": signed(rsa(), "RS256", sub=""),
    "subject a number": signed(rsa(), "RS256", sub=1),
    "subject a list": signed(rsa(), "RS256", sub=["alice"]),
    "subject of two lines": signed(rsa(), "RS256", sub="alice\nbob"),
    "subject with a lone surrogate": signed(rsa(), "RS256", sub="\ud800"),
    "subject too long": signed(rsa(), "RS256", sub="a" * 501),
    "claims a list": signed_raw(rsa(), "RS256", H, part([claims()])),
    "claims no JSON": signed_raw(rsa(), "RS256", H, part(b"alice")),
    "claims no UTF-8": signed_raw(rsa(), "RS256", H, part(b'{"sub": "\xff"}')),
    "a claim twice": signed_raw(
        rsa(), "RS256", H, part(b'{"sub":"mallory",' + json.dumps(claims()).encode()[1:])
    ),
    "deep claims": signed_raw(rsa(), "RS256", H, part(b'{"a":' * 1000 + b"1" + b"}" * 1000)),
    "alg twice": signed_raw(rsa(), "RS256", part(b'{"alg":"none","alg":"RS256","kid":"r1"}'), C),
    "two signatures": f"{GOOD}.{S}",
    "two tokens": f"{GOOD},{GOOD}",
    "flattened JSON": json.dumps({"protected": H, "payload": C, "signature": S}),
    "general JSON": json.dumps(
        {"payload": C, "signatures": [{"protected": H, "signature": S}] * 2}
    ),
    "encrypted form": f"{H}.{C}.{S}.{S}.{S}",
    "claims exchanged": f"{H}.{part(claims(sub='bob'))}.{S}",
    "signature cut": GOOD[:-4],
    "signature padded": GOOD + "==",
    "signature in plain base64": f"{H}.{C}.{S.replace('-', '+').replace('_', '/')}+",
    "stray bits in the signature": GOOD[:-1] + ("B" if GOOD[-1] in "AQgw" else "Z"),
    "white space": f"{H}.{C}.{S} ",
    "line break": f"{H}.{C}.{S}\n",
    "not ASCII": f"{H}.{C}.{S}é",
    "full-width": GOOD.replace("e", "\uff45", 1),
    "a NUL": GOOD + "\0",
    "empty": "",
    "dots": "..",
    "huge": GOOD + "A" * LONGEST,
    "huge and signed": signed(rsa(), "RS256", filler="x" * LONGEST),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attacks_prove_nothing(attack: str) -> None:
    assert identify(ATTACKS[attack]) is None


def test_the_token_that_the_attacks_start_from_is_good() -> None:
    assert identify(GOOD) is not None
    assert identify(signed(ec(), "ES256")) is not None


@pytest.mark.parametrize(
    "fine",
    [
        {"header": {"typ": ...}},
        {"header": {"typ": "at+JWT"}},
        {"header": {"typ": "application/at+jwt"}},
        {"header": {"x5t": "abc", "x5t#S256": "abc", "cty": "JWT"}},
        {"aud": ["others", AUDIENCE]},
        {"exp": NOW_S - 29},
        {"nbf": NOW_S + 30},
        {"iat": NOW_S + 30},
        {"iat": ...},
        {"exp": int(NOW_S) + 5},
        {"sub": "Zoë O'Neil <zoe@example.org>"},
    ],
)
def test_what_is_allowed_to_differ(fine: dict[str, Any]) -> None:
    assert identify(signed(rsa(), "RS256", **fine)) is not None


def test_leeway_is_what_was_declared() -> None:
    late = signed(rsa(), "RS256", exp=NOW_S - 1)
    assert identify(late, leeway_s=0.0) is None
    assert identify(late, leeway_s=1.5) is not None


def test_a_token_without_a_key_id_is_taken_where_one_key_fits() -> None:
    verifier, _ = tokens(Given(public(rsa(), ec())), Clock(NOW_S))
    assert verifier.identify(signed(rsa(), "RS256", header={"kid": ...}), NOW_S) is not None
    other = signed(rsa("r2"), "RS256", header={"kid": ...})
    assert verifier.identify(other, NOW_S) is None


def test_a_tenant_must_be_named_where_it_is_declared() -> None:
    for org in (..., "", "a b", 5, None, ["acme"], "../acme"):
        assert identify(signed(rsa(), "RS256", org=org), tenant_claim="org") is None


def test_a_remembered_token_ends_when_it_expires() -> None:
    verifier, _ = tokens(Given(public(rsa())), Clock(NOW_S), refresh_s=3600.0)
    text = signed(rsa(), "RS256", exp=NOW_S + 100, nbf=NOW_S)
    first = verifier.identify(text, NOW_S)
    assert first is not None
    assert verifier.identify(text, NOW_S + 129.9) is first  # remembered: the very same object
    assert verifier.identify(text, NOW_S + 130) is None
    assert verifier.identify(text, NOW_S + 1) is not None
    assert verifier.identify(text, NOW_S - 31) is None  # the clock was set back


def test_a_token_is_verified_once_only() -> None:
    verifier, _ = tokens(Given(public(rsa())), Clock(NOW_S))
    text = signed(rsa(), "RS256")
    assert verifier.identify(text, NOW_S) is verifier.identify(text, NOW_S)
    assert verifier.identify(text + "A", NOW_S) is None


def test_memory_for_tokens_is_bounded() -> None:
    verifier, _ = tokens(Given(public(ed())), Clock(NOW_S))
    first = verifier.identify(signed(ed(), "EdDSA", n=-1), NOW_S)
    for n in range(MOST_KEPT + 5):
        assert verifier.identify(signed(ed(), "EdDSA", n=n), NOW_S) is not None
    assert len(verifier._kept) == MOST_KEPT
    assert verifier.identify(signed(ed(), "EdDSA", n=-1), NOW_S) is not first


def test_what_many_tokens_grant_is_kept_once() -> None:
    texts = (signed(rsa(), "RS256", n=n, models=["credit", "churn"]) for n in range(5))
    granted = [caller.models for caller in map(identify, texts) if caller is not None]
    assert granted == [{"credit", "churn"}] * 5
    assert len({id(models) for models in granted}) == 1


def test_tokens_that_expired_are_not_kept() -> None:
    verifier, _ = tokens(Given(public(ed())), Clock(NOW_S))
    for n in range(30):
        assert verifier.identify(signed(ed(), "EdDSA", n=n, exp=NOW_S + 10), NOW_S) is not None
    assert verifier.identify(signed(ed(), "EdDSA", exp=NOW_S + 600), NOW_S + 41) is not None
    assert len(verifier._kept) == 1


@given(st.text(max_size=300))
def test_no_text_is_a_token_by_accident(text: str) -> None:
    assert identify(text) is None


header_values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20))


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "x"]),
        st.one_of(header_values, st.lists(header_values, max_size=3)),
    ),
    st.binary(max_size=300),
)
@settings(max_examples=200)
def test_no_header_makes_up_for_a_signature(header: dict[str, Any], signature: bytes) -> None:
    usual = {"alg": "RS256", "kid": "r1"}
    assert identify(f"{part(usual | header)}.{C}.{part(signature)}") is None


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
@settings(max_examples=200)
def test_no_other_character_anywhere(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    assert (identify(changed) is None) == (changed != GOOD)
