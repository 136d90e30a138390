from hypothesis import given, strategies as st

from reticent.guard.pseudonyms import identity_pseudonym, pseudonym, pseudonyms_of, token_pseudonym
from reticent.guard.types import Caller

SECRET = bytes(range(100, 132))
OTHER = bytes(range(101, 133))


def test_a_name_is_16_digits_and_stays() -> None:
    name = pseudonym(SECRET, "identity", "alice")
    assert name == pseudonym(SECRET, "identity", "alice")
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")


def test_the_name_is_the_same_in_every_process() -> None:
    # Written down on purpose: journals of a year ago must still fit today's callers.
    assert pseudonym(SECRET, "identity", "alice") == "68c8a79fc943bf1a"


@given(st.text(), st.text())
def test_other_texts_kinds_and_secrets_give_other_names(one: str, two: str) -> None:
    names = {
        pseudonym(secret, kind, text)
        for secret in (SECRET, OTHER)
        for kind in ("identity", "token")
        for text in {one, two}
    }
    assert len(names) == 4 * len({one, two})


def test_a_lone_surrogate_has_a_name() -> None:
    assert len(pseudonym(SECRET, "identity", "\ud800")) == 16


def test_the_same_identity_at_two_tenants_has_two_names() -> None:
    assert identity_pseudonym(SECRET, "a", "x") != identity_pseudonym(SECRET, "b", "x")
    assert token_pseudonym(SECRET, "a", "x") != token_pseudonym(SECRET, "b", "x")
    assert identity_pseudonym(SECRET, "a", "x") != token_pseudonym(SECRET, "a", "x")


def test_a_caller_has_the_names_of_its_identity_and_token() -> None:
    caller = Caller(tenant="a", identity="alice", token="t1", models=frozenset())
    assert pseudonyms_of(SECRET, caller) == (
        identity_pseudonym(SECRET, "a", "alice"),
        token_pseudonym(SECRET, "a", "t1"),
    )
