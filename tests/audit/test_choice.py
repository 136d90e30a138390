"""Which attacks are run, and which names nobody knows."""

from dataclasses import dataclass

import pytest

from reticent.audit.choice import chosen, not_chosen
from reticent.core import BadInput

SHELF = ("gap", "lira", "map")


@dataclass(frozen=True)
class Wishes:
    attacks: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = (("all", "all"),)


@pytest.mark.parametrize(
    ("wishes", "only", "found"),
    [
        (Wishes(), (), {"gap", "lira", "map"}),
        (Wishes(attacks=("all",)), (), {"gap", "lira", "map"}),
        (Wishes(attacks=("gap", "map")), (), {"gap", "map"}),
        (Wishes(attacks=("gap", "map"), exclude=("map",)), (), {"gap"}),
        (Wishes(attacks=("gap", "map")), ("lira",), {"lira"}),
        (Wishes(exclude=("lira",)), ("lira", "map"), {"map"}),
    ],
)
def test_what_is_run(wishes, only, found):
    assert chosen(wishes, SHELF, only) == found


@pytest.mark.parametrize(
    ("wishes", "only"),
    [
        (Wishes(attacks=("liar",)), ()),
        (Wishes(exclude=("liar",)), ()),
        (Wishes(declared=(("lira", "all"), ("liar", "all"))), ()),
        (Wishes(), ("liar",)),
    ],
)
def test_a_name_that_nobody_knows_is_refused_wherever_it_stands(wishes, only):
    with pytest.raises(BadInput) as caught:
        chosen(wishes, SHELF, only, on=" on texts")
    assert caught.value.what == (
        "There is no attack 'liar' on texts; the shelf holds ['gap', 'lira', 'map']."
    )


def test_a_name_beside_the_shelf_is_known_and_not_asked_for():
    assert chosen(Wishes(), SHELF, (), beside=["liar"]) == set(SHELF)
    assert chosen(Wishes(exclude=("liar",)), SHELF, (), beside=["liar"]) == set(SHELF)


def test_what_is_left_out_is_written_down():
    assert not_chosen("gap").model_dump() == {
        "what": "gap", "why": "Not chosen for this audit.", "kind": "not chosen",
    }  # fmt: skip
