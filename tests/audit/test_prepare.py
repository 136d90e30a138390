"""The adversary gets what it may have and nothing else."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from audit.models import experiment
from sklearn.tree import DecisionTreeClassifier

from reticent.audit.experiment import Experiment
from reticent.audit.plan import Task
from reticent.audit.prepare import MIN_FILL, Prepared, prepare
from reticent.audit.store import Store
from reticent.core import Channel, Family, NotExposed, Seen, canonical_rows
from reticent.defences.keyed_noise import KeyedNoise
from reticent.defences.round import Round
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget

POLICIES = {"open": Policy(), "noisy": Policy((KeyedNoise(scale=0.2),)), "r1": Policy((Round(1),))}
ALL = {"m": frozenset({"references", "population"}), "a": frozenset({"shadows"})}


@dataclass
class Remembering:
    """Trains small trees and remembers the rows that each was trained on."""

    digest: str = "remembering"
    trained: list[set[bytes]] = field(default_factory=list)
    outcomes: set = field(default_factory=set)

    def fit(self, x, y, seed):
        self.trained.append(set(canonical_rows(x)))
        self.outcomes |= set(np.asarray(y).tolist())
        tree = DecisionTreeClassifier(max_depth=4, random_state=seed).fit(x, y)
        return SklearnTarget(tree, name="reference")


def task(
    seen=Seen.Y, *, policy="open", level="scores", family=Family.ATTRIBUTE, hidden=("affair",)
):
    attack = "m" if family is Family.MEMBERSHIP else "a"
    hidden = () if family is Family.MEMBERSHIP else hidden
    return Task(attack=attack, family=family, level=level, policy=policy, seen=seen, hidden=hidden)


MEMBERSHIP = task(family=Family.MEMBERSHIP)


@pytest.fixture(scope="module")
def subject() -> Experiment:
    return experiment(
        memorises=True, members=220, policies=POLICIES, auxiliary_share=0.6, reference_models=4
    )


@pytest.fixture(scope="module")
def ready(subject) -> tuple[Prepared, Remembering]:
    trainer = Remembering()
    made = replace(subject, trainer=trainer)
    return prepare(made, [MEMBERSHIP, task()], ALL, store=Store()), trainer


def rows(x) -> set[bytes]:
    return set(canonical_rows(x))


def test_the_place_in_the_list_says_nothing_of_membership(subject):
    inside = subject.is_member
    pool = subject.pool
    assert rows(pool.x.loc[inside]) == rows(subject.members.x)
    assert rows(pool.x.loc[~inside]) == rows(subject.non_members.x)
    by_row = dict(zip(canonical_rows(subject.members.x), subject.members.y, strict=True))
    assert [by_row[r] for r in canonical_rows(pool.x.loc[inside])] == pool.y[inside].tolist()
    place = np.arange(len(inside))
    assert abs(place[inside].mean() - place[~inside].mean()) < 0.1 * len(inside)
    runs = 1 + int((inside[1:] != inside[:-1]).sum())
    assert runs > len(inside) / 3


@pytest.mark.parametrize("seen", list(Seen))
def test_the_hidden_column_is_not_there_whatever_was_seen(ready, seen):
    prepared, _ = ready
    people = prepared.candidates(task(seen))
    assert people.missing == ("affair",)
    assert "affair" not in people.x.columns
    assert list(people.x.columns) == [c for c in prepared.experiment.columns if c != "affair"]
    assert (people.y is None) == (seen is Seen.NOTHING)
    assert set(vars(type(people))["__slots__"]) == {"x", "y", "observed", "missing"}


def test_several_columns_are_hidden_at_once(ready):
    people = ready[0].candidates(task(hidden=("affair", "age")))
    assert not {"affair", "age"} & set(people.x.columns)


def test_what_was_overheard_is_what_the_policy_let_out(ready):
    prepared, _ = ready
    subject, truth = prepared.experiment, prepared.experiment.pool.x
    for policy in POLICIES:
        assert prepared.candidates(task(Seen.Y, policy=policy)).observed is None
        label = prepared.candidates(task(Seen.LABEL, policy=policy)).observed
        assert label.scores is None
        full = prepared.candidates(task(Seen.SCORES, policy=policy)).observed
        asked = prepared.door(task(policy=policy), ledger=QueryLedger()).ask(truth)
        np.testing.assert_array_equal(full.scores, asked.scores)
        np.testing.assert_array_equal(label.labels, asked.labels)
    raw = subject.target.answer(truth).scores
    rounded = prepared.candidates(task(Seen.SCORES, policy="r1")).observed.scores
    assert not np.array_equal(rounded, raw)


def test_membership_candidates_are_whole_and_come_without_an_answer(ready):
    people = ready[0].candidates(MEMBERSHIP)
    assert people.missing == ()
    assert people.observed is None
    assert "affair" in people.x.columns


def test_the_population_never_holds_a_candidate(ready):
    prepared, _ = ready
    candidates = rows(prepared.experiment.pool.x)
    for wanted in (MEMBERSHIP, task()):
        assert not rows(prepared.knowledge(wanted).population.x) & candidates


def test_no_reference_was_trained_on_the_unseen_population(ready):
    prepared, trainer = ready
    assert len(prepared.experiment.auxiliary) >= MIN_FILL
    unseen = rows(prepared.unseen.x)
    assert unseen
    assert prepared.knowledge(MEMBERSHIP).population is prepared.unseen
    for trained in trainer.trained[: len(prepared.references)]:
        assert not trained & unseen
    fill = rows(prepared.experiment.auxiliary.x) - unseen
    assert fill | unseen == rows(prepared.experiment.auxiliary.x)


def test_a_reference_says_truly_which_candidates_it_was_trained_on(ready):
    prepared, trainer = ready
    names = canonical_rows(prepared.experiment.pool.x)
    for reference, trained in zip(
        prepared.knowledge(MEMBERSHIP).references, trainer.trained, strict=False
    ):
        assert reference.contains.tolist() == [name in trained for name in names]
        assert 0.3 < reference.contains.mean() < 0.7


def test_references_are_trained_on_about_as_many_rows_as_the_model(ready):
    prepared, trainer = ready
    for trained in trainer.trained[: len(prepared.references)]:
        assert abs(len(trained) - prepared.experiment.train_rows) < 60


def test_look_alikes_meet_the_outcomes_as_the_training_data_had_them():
    trainer = Remembering()
    made = experiment(memorises=True, members=60, seed=1)
    words = replace(
        made,
        trainer=trainer,
        target=SklearnTarget(
            DecisionTreeClassifier().fit(made.members.x, np.array(["bad", "good"])[made.members.y]),
            name="words",
        ),
    )
    prepare(words, [MEMBERSHIP], ALL, store=Store())
    assert trainer.outcomes == {"bad", "good"}


def test_shadows_hold_auxiliary_people_only(ready):
    prepared, trainer = ready
    auxiliary = prepared.experiment.auxiliary
    names = canonical_rows(auxiliary.x)
    shadows = prepared.knowledge(task()).shadows
    trained = trainer.trained[len(prepared.references) :]
    assert len(shadows) == len(trained) == 2
    for shadow, held in zip(shadows, trained, strict=True):
        assert held <= set(names)
        assert shadow.contains.tolist() == [name in held for name in names]
        assert shadow.population is auxiliary


def test_shadows_do_not_depend_on_whether_references_are_wanted(subject, ready):
    alone = Remembering()
    prepare(replace(subject, trainer=alone), [task()], ALL, store=Store())
    assert alone.trained == ready[1].trained[-2:]


def test_nothing_is_trained_that_nobody_wants(subject):
    trainer = Remembering()
    made = prepare(
        replace(subject, trainer=trainer), [task()], {"a": frozenset({"domains"})}, store=Store()
    )
    assert trainer.trained == []
    assert made.knowledge(task()).shadows == []


def test_look_alikes_stand_behind_the_same_policy_with_a_secret_of_their_own(ready):
    prepared, _ = ready
    noisy = task(policy="noisy")
    door = prepared.door(noisy, ledger=QueryLedger())
    for alike in [
        *prepared.knowledge(task(policy="noisy", family=Family.MEMBERSHIP)).references,
        *prepared.knowledge(noisy).shadows,
    ]:
        assert alike.access.policy.digest == door.policy.digest == POLICIES["noisy"].digest
        assert alike.access.secret != door.secret
        assert alike.access.exposed == door.exposed
    x = prepared.experiment.pool.x
    own = replace(prepared.knowledge(noisy).shadows[0].access, target=prepared.target)
    assert not np.array_equal(own.ask(x).scores, door.ask(x).scores)


def test_an_adversary_who_does_not_know_the_policy_asks_its_own_models_without(subject):
    blind = replace(subject, trainer=Remembering(), knows_policy=False)
    made = prepare(blind, [MEMBERSHIP, task()], ALL, store=Store())
    for alike in made.knowledge(task(policy="r1", family=Family.MEMBERSHIP)).references:
        assert alike.access.policy == Policy()
    assert made.door(task(policy="r1"), ledger=QueryLedger()).policy == POLICIES["r1"]


def test_the_door_opens_no_more_than_the_level(ready):
    prepared, _ = ready
    door = prepared.door(task(level="label"), ledger=QueryLedger())
    assert door.channels == Channel.LABEL
    with pytest.raises(NotExposed):
        door.scores(prepared.experiment.pool.x)
    with pytest.raises(NotExposed):
        door.weights()


def test_a_reference_that_plays_the_model_is_no_reference(ready):
    prepared, _ = ready
    left = prepared.knowledge(MEMBERSHIP, leave_out=1).references
    assert len(left) == len(prepared.references) - 1
    assert all(r.contains is not prepared.references[1].contains for r in left)


@pytest.mark.parametrize("with_population", [True, False])
def test_what_is_not_known_of_a_person_is_the_usual_value(ready, with_population):
    prepared, _ = ready
    subject = prepared.experiment
    some = replace(
        prepared,
        experiment=replace(
            subject,
            known=("age", "educ"),
            auxiliary=subject.auxiliary if with_population else None,
        ),
    )
    people, truth = some.candidates(task()), subject.pool.x
    for column in ("age", "educ"):
        assert people.x[column].tolist() == truth[column].tolist()
    for column in ("yrs_married", "children", "religious"):
        assert people.x[column].nunique() == 1
        assert people.x[column].iloc[0] == subject.auxiliary.x[column].mode().iloc[0]


def test_a_class_that_a_look_alike_never_met_has_probability_zero():
    made = experiment(memorises=True, members=60, seed=1)
    y = made.members.y.copy()
    y[0] = 2
    model = DecisionTreeClassifier().fit(made.members.x, y)
    rare = replace(
        made,
        trainer=Remembering(),
        target=SklearnTarget(model, name="three"),
        members=replace(made.members, y=y),
        reference_models=6,
    )
    prepared = prepare(rare, [MEMBERSHIP], ALL, store=Store())
    met = prepared.experiment.is_member & (rare.pool.y == 2)
    for reference in prepared.knowledge(MEMBERSHIP).references:
        scores = reference.access.scores(rare.pool.x)
        assert scores.shape[1] == 3
        if not reference.contains[met].any():
            assert (scores[:, 2] == 0).all()
    assert len({bool(r.contains[met].any()) for r in prepared.references}) == 2


def test_training_goes_on_from_the_store(subject, tmp_path):
    store, trainer = Store(tmp_path), Remembering()
    made = replace(subject, trainer=trainer)
    assert prepare(made, [MEMBERSHIP, task()], ALL, store=store).reused == 0
    assert prepare(made, [MEMBERSHIP, task()], ALL, store=store).reused == 6
    assert len(trainer.trained) == 6
    other = replace(made, seed=made.seed + 1)
    assert prepare(other, [MEMBERSHIP, task()], ALL, store=store).reused == 0
