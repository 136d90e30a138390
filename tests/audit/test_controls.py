"""Each control goes red when the thing that it watches is broken."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from audit.models import encoded, experiment, people
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor

from reticent.audit.bench import Bench
from reticent.audit.controls import (
    attribute_controls,
    blind_control,
    membership_controls,
    twin_control,
)
from reticent.audit.plan import Task
from reticent.audit.prepare import prepare
from reticent.audit.run import default_shelf
from reticent.audit.setup import from_objects
from reticent.audit.store import Store
from reticent.core import (
    AttributeClaim,
    Channel,
    Family,
    MembershipClaim,
    Seen,
    canonical_rows,
)

ANY = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE
SHELF = default_shelf()
WANTS = {name: attack.wants for name, attack in SHELF.items()}


def rng():
    return np.random.default_rng(5)


def task(attack, family, *, level="scores", hidden=()):
    return Task(
        attack=attack, family=family, level=level, policy="open", seen=Seen.Y, hidden=hidden
    )


MEMBERSHIP = task("rmia", Family.MEMBERSHIP)
ATTRIBUTE = task("map", Family.ATTRIBUTE, hidden=("affair",))


@dataclass(frozen=True)
class Membership:
    """A broken membership attack: its claim is made by a function of the candidates."""

    says: object
    name: ClassVar[str] = "broken"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = ANY
    wants: ClassVar[frozenset[str]] = frozenset()

    def run(self, access, candidates, knowledge, generator):
        access.ask(candidates.x)
        return MembershipClaim(scores=self.says(candidates, generator))


@dataclass(frozen=True)
class Guesser:
    """A broken attribute attack."""

    says: object
    name: ClassVar[str] = "broken"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = ANY
    wants: ClassVar[frozenset[str]] = frozenset()

    def run(self, access, candidates, knowledge, generator):
        n = len(candidates)
        return AttributeClaim(
            guesses={"affair": self.says(candidates, generator)}, confidence=np.zeros(n)
        )


@pytest.fixture(scope="module")
def ready():
    subject = experiment(memorises=True, members=240)
    return prepare(subject, [MEMBERSHIP, ATTRIBUTE], WANTS, store=Store())


@pytest.fixture(scope="module")
def imputed(ready):
    return Bench(ready, SHELF, Store(), "d").imputation(ATTRIBUTE)


def passed(controls):
    return {c.name.split(" (")[0].split(" of ")[0]: c.passed for c in controls}


def test_a_sound_membership_attack_passes(ready):
    controls = membership_controls(ready, SHELF["rmia"], MEMBERSHIP, rng())
    assert passed(controls) == {"planted membership leak": True, "shuffled membership": True}
    assert [c.kind for c in controls] == ["positive", "negative"]
    assert passed(twin_control(ready, SHELF["rmia"], MEMBERSHIP, rng())) == {"twin model": True}


def test_an_attack_that_ignores_the_answers_does_not_see_the_planted_leak(ready):
    blind = Membership(lambda people, generator: generator.normal(size=len(people)))
    controls = passed(membership_controls(ready, blind, MEMBERSHIP, rng()))
    assert controls == {"planted membership leak": False, "shuffled membership": True}


def test_an_attack_turned_upside_down_does_not_see_it_either(ready):
    @dataclass(frozen=True)
    class Upside(type(SHELF["loss"])):
        def run(self, *args):
            claim = super().run(*args)
            return replace(claim, scores=-claim.scores)

    assert not passed(membership_controls(ready, Upside(), MEMBERSHIP, rng()))[
        "planted membership leak"
    ]


def test_an_attack_that_holds_the_truth_fails_the_twin(ready):
    names = set(canonical_rows(ready.experiment.members.x))
    cheat = Membership(
        lambda people, _: np.array([float(r in names) for r in canonical_rows(people.x)])
    )
    controls = membership_controls(ready, cheat, MEMBERSHIP, rng())
    assert passed(controls)["planted membership leak"]
    (twin,) = twin_control(ready, cheat, MEMBERSHIP, rng())
    assert not twin.passed
    assert twin.figure.estimate == 1
    assert "Not silent" in twin.why


def test_without_references_there_is_no_twin(ready):
    assert twin_control(replace(ready, references=[]), SHELF["loss"], MEMBERSHIP, rng()) == []


@pytest.mark.parametrize("level", ["scores", "label"])
@pytest.mark.parametrize("memorises", [True, False])
def test_a_planted_leak_is_seen_whatever_the_model_and_the_door(level, memorises):
    subject = experiment(memorises=memorises, members=200)
    wanted = [replace(MEMBERSHIP, level=level), replace(ATTRIBUTE, level=level)]
    made = prepare(subject, wanted, WANTS, store=Store())
    assert membership_controls(made, SHELF["loss"], wanted[0], rng())[0].passed
    guessed = Bench(made, SHELF, Store(), "d").imputation(wanted[1])
    assert attribute_controls(made, SHELF["map"], wanted[1], guessed, rng())[0].passed


def test_a_planted_leak_of_a_scale_is_seen_through_a_regressor():
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:150], order[150:]
    subject = from_objects(
        RandomForestRegressor(10, random_state=0).fit(x.iloc[inside], y.iloc[inside]),
        members=(x.iloc[inside], y.iloc[inside]),
        non_members=(x.iloc[outside], y.iloc[outside]),
        owner="Clinic",
        sensitive=["bmi"],
    )
    wanted = task("map", Family.ATTRIBUTE, level="value", hidden=("bmi",))
    made = prepare(subject, [wanted], WANTS, store=Store())
    guessed = Bench(made, SHELF, Store(), "d").imputation(wanted)
    controls = attribute_controls(made, SHELF["map"], wanted, guessed, rng())
    assert [c.passed for c in controls] == [True, True, True]


def test_a_sound_attribute_attack_passes(ready, imputed):
    controls = attribute_controls(ready, SHELF["map"], ATTRIBUTE, imputed, rng())
    assert [c.kind for c in controls] == ["positive", "negative", "negative"]
    assert all(c.passed for c in controls)


def test_a_guesser_that_ignores_the_answers_does_not_see_the_planted_leak(ready, imputed):
    stubborn = Guesser(lambda people, _: np.zeros(len(people)))
    controls = passed(attribute_controls(ready, stubborn, ATTRIBUTE, imputed, rng()))
    assert controls == {
        "planted leak": False,
        "model that ignores affair": True,
        "shuffled values": True,
    }


def test_a_guesser_that_holds_the_truth_fails_the_deaf_model(ready, imputed):
    truth = ready.experiment.pool.x["affair"].to_numpy()
    cheat = Guesser(lambda people, _: truth)
    controls = passed(attribute_controls(ready, cheat, ATTRIBUTE, imputed, rng()))
    assert controls == {
        "planted leak": True,
        "model that ignores affair": False,
        "shuffled values": True,
    }


def test_a_grader_that_does_not_look_at_the_truth_fails_the_shuffle(ready, imputed, monkeypatch):
    people = len(ready.experiment.is_member)
    verdicts = iter([np.ones(people, bool), *[np.zeros(people, bool)] * 2] * 3)
    monkeypatch.setattr(
        "reticent.audit.grade.attribute.joint_right", lambda guesses, truth, domains: next(verdicts)
    )
    lazy = Guesser(lambda people, _: np.ones(len(people)))
    controls = passed(attribute_controls(ready, lazy, ATTRIBUTE, imputed, rng()))
    assert not controls["shuffled values"]


def test_people_of_two_populations_are_told_apart_without_the_model():
    subject = experiment(memorises=True, members=200)
    assert blind_control(subject, rng()).passed
    x, y = people()
    x = encoded(x)
    older = np.flatnonzero(x["age"].to_numpy() > 35)[:150]
    younger = np.flatnonzero(x["age"].to_numpy() < 30)[:300]
    apart = from_objects(
        subject.target,
        members=(x.iloc[older], y[older]),
        non_members=(x.iloc[younger], y[younger]),
        owner="Model risk",
        model_digest="the same",
    )
    control = blind_control(apart, rng())
    assert not control.passed
    assert control.figure.estimate > 0.9
