"""Chains: who was taken for a member, and then what was learnt about them."""

import numpy as np
import pytest
from audit.cells import measured, task
from audit.models import experiment

from reticent.audit.chain import FLAG_FPR, chains
from reticent.audit.pieces import Piece
from reticent.core import Family


@pytest.fixture(scope="module")
def subject():
    return experiment(memorises=True, members=120)


def pieces(*made):
    return {
        of.id: Piece(measured=measured(of), arrays={k: np.asarray(v) for k, v in arrays.items()})
        for of, arrays in made
    }


MEMBERSHIP = task("loss")
ATTRIBUTE = task("map", Family.ATTRIBUTE, hidden=("affair",))
RECORD = task("refine", Family.RECORD, hidden=("affair", "age"))


def told(subject):
    return np.random.default_rng(0).normal(size=len(subject.is_member)) + 9.0 * subject.is_member


def test_a_sure_membership_guess_leads_to_what_the_attribute_attack_gives(subject):
    inside = subject.is_member
    right = inside & (np.arange(len(inside)) % 2 == 0)
    (chain,) = chains(
        subject, pieces((MEMBERSHIP, {"scores": told(subject)}), (ATTRIBUTE, {"right": right}))
    )
    assert chain["name"] == "membership, then attribute"
    assert chain["steps"] == [MEMBERSHIP.id, ATTRIBUTE.id]
    found = chain["conditional_success"]
    assert found["counts"]["n"] == chain["people"]
    assert abs(found["estimate"] - right[inside].mean()) < 0.15
    # Half of the people are for choosing, so about half of the members are followed up.
    assert abs(chain["people"] - inside.sum() / 2) < 25


def test_nobody_of_the_half_for_choosing_is_counted(subject):
    inside = subject.is_member
    chain = chains(
        subject, pieces((MEMBERSHIP, {"scores": told(subject)}), (ATTRIBUTE, {"right": inside}))
    )[0]
    everybody = chain["unconditional_success"]["counts"]["n"]
    assert everybody < inside.sum()
    assert chain["people"] <= len(inside) - len(inside) // 2


def test_a_blind_first_step_flags_strangers_and_they_are_no_success(subject):
    inside = subject.is_member
    blind = np.random.default_rng(1).normal(size=len(inside))
    (chain,) = chains(
        subject, pieces((MEMBERSHIP, {"scores": blind}), (ATTRIBUTE, {"right": inside | ~inside}))
    )
    assert chain["people"] < 3 * FLAG_FPR * len(inside)
    assert chain["conditional_success"]["estimate"] < 0.9
    assert chain["unconditional_success"]["estimate"] == 1


def test_failed_attempts_are_never_flagged(subject):
    scores = np.where(subject.is_member, -np.inf, told(subject))
    found = chains(
        subject, pieces((MEMBERSHIP, {"scores": scores}), (ATTRIBUTE, {"right": scores < 0}))
    )
    assert all(chain["conditional_success"]["estimate"] == 0 for chain in found)
    nothing = np.full(len(scores), -np.inf)
    assert (
        chains(
            subject, pieces((MEMBERSHIP, {"scores": nothing}), (ATTRIBUTE, {"right": scores < 0}))
        )
        == []
    )


def test_a_record_attack_makes_a_third_step(subject):
    inside = subject.is_member
    made = pieces(
        (MEMBERSHIP, {"scores": told(subject)}),
        (ATTRIBUTE, {"right": inside}),
        (RECORD, {"right": inside}),
    )
    (chain,) = chains(subject, made)
    assert chain["name"] == "membership, then attribute, then record"
    assert chain["steps"] == [MEMBERSHIP.id, ATTRIBUTE.id, RECORD.id]
    assert chain["record_success"]["estimate"] == 1  # of those the first two steps got right


def test_steps_of_different_policies_are_not_chained(subject):
    inside = subject.is_member
    other = task("map", Family.ATTRIBUTE, policy="hard-label", hidden=("affair",))
    made = pieces((MEMBERSHIP, {"scores": told(subject)}), (other, {"right": inside}))
    assert chains(subject, made) == []


def test_the_best_membership_attack_goes_first(subject):
    inside = subject.is_member
    made = pieces(
        (task("gap"), {"scores": told(subject)}),
        (task("rmia"), {"scores": told(subject)}),
        (ATTRIBUTE, {"right": inside}),
    )
    assert chains(subject, made)[0]["steps"][0] == task("rmia").id
