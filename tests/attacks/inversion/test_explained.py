from dataclasses import replace

import numpy as np
import pytest

from reticent.access import BESIDE, QUERIED
from reticent.attacks.inversion.explained import ExplainedPictures
from reticent.core import BudgetSpent, Candidates, Channel, NotEnoughKnowledge
from reticent.testing.planted_explained import explained
from reticent.testing.planted_images import SPACE, plant_images
from reticent.testing.surprise import chances

OPEN = QUERIED | BESIDE


def planted(leak=True, query_budget=None, exposed=OPEN):
    found = explained(plant_images(leak=leak, seed=3, n=10))
    return found.through(exposed=exposed, query_budget=query_budget)


def run(audit, attack=None):
    return (attack or ExplainedPictures(queries=200)).run(
        audit.access, audit.candidates, audit.knowledge, np.random.default_rng(5)
    )


@pytest.mark.parametrize("leak", [True, False])
def test_saliencies_give_away_what_was_planted_and_nothing_else(leak):
    audit = planted(leak)
    claim = run(audit)
    luck, _ = chances(claim, audit)
    assert luck < 1e-6 if leak else luck > 1e-3
    assert audit.access.queries == 200


class Other:
    """A linear classifier with another explainer, or an inner layer."""

    def __init__(self, target, say):
        self.target, self.say = target, say

    def __getattr__(self, name):
        return getattr(self.target, name)

    @property
    def channels(self):
        return self.target.channels | BESIDE

    def answer(self, x):
        plain = self.target.answer(x)
        return self.say(replace(plain, explanation=None), x, self.target.weights())


def other(say):
    found = plant_images(leak=True, seed=3, n=10)
    opened = replace(found.access, target=Other(found.access.target, say), exposed=OPEN)
    return replace(found, access=opened)


def test_attributions_are_divided_by_what_was_asked():
    base = np.full(SPACE.size, 0.5)

    def say(plain, x, model):
        return replace(plain, explanation=model.coef_[plain.labels] * (x - base))

    audit = other(say)
    claim = run(audit, ExplainedPictures(kind="attribution", queries=400))
    assert chances(claim, audit)[0] < 1e-6


def test_prototypes_are_taken_as_they_are():
    shown = np.random.default_rng(2).random((10, SPACE.size))

    def say(plain, x, model):
        return replace(plain, explanation=shown[plain.labels])

    claim = run(other(say), ExplainedPictures(kind="prototype", queries=400))
    told = claim.confidence > 0
    assert told.sum() > 5
    np.testing.assert_allclose(claim.images[told].reshape(-1, SPACE.size), shown[told])


def test_an_inner_layer_seen_of_the_victim_is_turned_back_into_the_picture():
    inner = np.random.default_rng(2).standard_normal((SPACE.size, SPACE.size // 2))

    def say(plain, x, model):
        return replace(plain, intermediate=x @ inner)

    audit = other(say)
    secret = audit.knowledge.population.x[:8]
    seen = audit.access.target.answer(secret)
    people = Candidates(x=np.empty((8, 0)), observed=seen)
    claim = run(replace(audit, candidates=people), ExplainedPictures(queries=600))
    mean = audit.knowledge.population.x.mean(axis=0)
    missed = np.sum((claim.images.reshape(8, -1) - secret) ** 2)
    assert missed < 0.25 * np.sum((mean - secret) ** 2)


def test_says_what_it_lacks():
    audit = planted()
    with pytest.raises(NotEnoughKnowledge, match="told of no class"):
        run(replace(audit, candidates=Candidates(x=np.empty((1, 0)))))
    with pytest.raises(BudgetSpent, match="may ask 7"):
        run(planted(query_budget=7))
    assert not run(planted(query_budget=20, exposed=Channel.LABEL | Channel.EXPLANATION)).notes[
        "complete"
    ]
    with pytest.raises(ValueError, match="must be one of"):
        ExplainedPictures(kind="shap")
