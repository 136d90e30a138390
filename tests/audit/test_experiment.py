"""What an experiment's name depends on, so that nothing stale is taken over."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from audit.models import experiment

from reticent.audit.experiment import (
    Sensitive,
    check_people,
    domain_of,
    encode_outcomes,
    sample,
)
from reticent.core import BadInput, Channel, Population, Seen


@pytest.fixture(scope="module")
def subject():
    return experiment(memorises=True, members=60)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 99},
        {"secret": b"other"},
        {"model_digest": "other"},
        {"query_budget": 5},
        {"reference_models": 5},
        {"shadow_models": 5},
        {"tolerance": 0.2},
        {"confidence": 0.9},
        {"prior_membership": 0.5},
        {"ppv_declared": 0.5},
        {"known": ("age",)},
        {"knows_policy": False},
        {"guarded": True},
        {"seen": (Seen.Y,)},
        {"exposed": Channel.LABEL},
        {"train_rows": 7},
        {"trainer": None},
        {"auxiliary": None},
        {"sensitive": (Sensitive(column="affair", positive=0.0),)},
        {"hidden_together": (("affair", "age"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_that_figures_depend_on_is_in_the_digest(subject, change):
    assert replace(subject).digest == subject.digest
    assert replace(subject, **change).digest != subject.digest


@pytest.mark.parametrize("field", ["tol", "prior", "values", "continuous"])
def test_domains_are_in_the_digest_too(subject, field):
    age = subject.domains["age"]
    other = {
        "tol": replace(age, tol=age.tol + 1),
        "prior": replace(age, prior=age.prior[::-1]),
        "values": replace(age, values=age.values + 1),
        "continuous": replace(age, continuous=not age.continuous),
    }[field]
    changed = replace(subject, domains={**subject.domains, "age": other})
    assert changed.digest != subject.digest


def test_which_attacks_run_and_who_owns_the_model_are_not(subject):
    same = replace(subject, attacks=("gap",), owner="Somebody else", declared=(), users=None)
    assert same.digest == subject.digest


def test_a_domain_is_what_a_sample_shows():
    words = domain_of(pd.Series(["b", "a", "b", None]))
    assert words.values.tolist() == ["a", "b"]
    assert words.prior.tolist() == pytest.approx([1 / 3, 2 / 3])
    few = domain_of(pd.Series([3, 1, 1, 10]))
    assert (few.values.tolist(), few.continuous) == ([1, 3, 10], False)
    flags = domain_of(pd.Series([True, False, True]))
    assert not flags.continuous
    scale = domain_of(pd.Series(np.arange(1000.0)))
    assert scale.continuous
    assert scale.prior.sum() == pytest.approx(1)
    assert scale.tol == pytest.approx(np.std(np.arange(1000.0)) / 2)
    assert domain_of(pd.Series([1.0, 2.0]), tol=0.25).tol == 0.25


def test_outcomes_are_classes_by_value_or_as_written():
    assert encode_outcomes(np.array(["no", "yes"]), ["yes", "no"], name="y").tolist() == [1, 0]
    assert encode_outcomes(np.array([1, 0]), ["0", "1"], name="y").tolist() == [1, 0]
    assert encode_outcomes(np.array([1.5]), (), name="y").tolist() == [1.5]
    with pytest.raises(BadInput, match="'maybe'"):
        encode_outcomes(np.array(["maybe"]), ["yes", "no"], name="y")
    with pytest.raises(BadInput, match="must be numbers"):
        encode_outcomes(np.array(["high"]), (), name="y")


def test_a_sample_keeps_people_whole_and_in_order():
    people = Population(x=np.arange(100.0)[:, None], y=np.arange(100))
    few = sample(people, 10, np.random.default_rng(0))
    assert len(few) == 10
    assert (np.diff(few.y) > 0).all()
    assert few.x[:, 0].tolist() == few.y.tolist()
    assert sample(people, 100, np.random.default_rng(0)) is people


def test_data_that_no_audit_can_be_made_from_are_refused(subject):
    few = Population(x=subject.members.x[:5], y=subject.members.y[:5])
    one = Population(x=subject.members.x, y=np.zeros(len(subject.members), dtype=int))
    flat = replace(subject.domains["affair"], values=np.array([1.0]), prior=np.array([1.0]))
    for change, words in (
        ({"members": few}, "5 members; at least 20"),
        ({"non_members": few}, "5 non-members; at least 20"),
        ({"members": one}, "All members have outcome"),
        ({"sensitive": (Sensitive(column="wealth"),)}, "'wealth' is not among"),
        ({"domains": {**subject.domains, "affair": flat}}, "one value only"),
    ):
        with pytest.raises(BadInput, match=words):
            check_people(replace(subject, **change))
    check_people(subject)
