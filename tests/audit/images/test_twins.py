"""Twins are trained without the people they leave out, by whatever trains the model."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from audit.images.attacks import ReadWeights
from sklearn.linear_model import LogisticRegression

from reticent.audit.images.experiment import Recipe
from reticent.audit.images.run import run_image_audit
from reticent.audit.images.twins import retraining, twins, without
from reticent.core import BadInput
from reticent.targets.pictures import ChannelsFirst, as_taken


def logistic(x, y, seed):
    rows = x.reshape(len(x), -1)
    return LogisticRegression(C=0.05, max_iter=2000, random_state=seed).fit(rows, y)


def recipe(train=logistic):
    return Recipe(train=train, name="net:train")


def test_no_photo_of_those_left_out_is_used_and_every_class_has_some(digits):
    left, stay = np.array([0, 3, 4]), np.array([1, 2, 5, 6, 7, 8, 9])
    photos = without(digits.training, left, stay)
    assert set(photos.who.tolist()) == set(range(10))
    owner = {
        row.tobytes(): int(who)
        for row, who in zip(digits.training.x, digits.training.who, strict=True)
    }
    assert {owner[row.tobytes()] for row in photos.x} == set(stay.tolist())
    assert len({row.tobytes() for row in photos.x}) == len(photos)  # nor does one stand for two


def test_the_recipe_is_given_pictures_as_the_model_takes_them_and_seeds_that_repeat(digits):
    asked = []

    def spy(x, y, seed):
        asked.append((x.shape[1:], x.dtype, float(x.max()), y.dtype, seed))
        return logistic(x, y, seed)

    subject = replace(digits, recipe=recipe(spy))
    for _ in range(2):
        found = twins(subject, np.random.default_rng(4))
        assert [how for _, _, how in found] == ["trained anew"] * 2
    assert asked[0][:4] == ((64,), np.float32, 16.0, np.int64)
    assert asked[:2] == asked[2:]
    assert asked[0][4] != asked[1][4]


def test_a_model_that_takes_colours_first_is_trained_on_them(digits):
    space = replace(digits.space, flat=False)
    first = replace(digits, target=ChannelsFirst(digits.target), space=space)
    assert as_taken(first.target, space.inputs(digits.held_out.x[:3])).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (lambda x, y: None, "could not train a twin on .*TypeError"),
        (lambda x, y, seed: None, "returned a NoneType"),
        (
            lambda x, y, seed: logistic(x[y < 9], y[y < 9], seed),
            "returned a model of 9 classes; y had 10",
        ),
    ],
)
def test_a_recipe_that_does_not_work_is_named(digits, train, says):
    with pytest.raises(BadInput, match=f"net:train {says}"):
        twins(replace(digits, recipe=recipe(train)), np.random.default_rng(0))


def audited(subject, only="read-weights"):
    shelf = {"read-weights": ReadWeights()}
    return run_image_audit(
        subject,
        out=None,
        now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        only=[only],
        shelf=shelf,
    )


def test_single_people_count_as_exposed_only_if_a_twin_knows_nothing_of_them(digits):
    # With 0.6 declared, ten of ten people are enough for E2.
    sure = replace(digits, ppv_declared=0.6)
    assert retraining(sure) is not None
    whole = audited(sure)
    assert whole.cells[0].tier == "E2"
    assert "twins without the person (read-weights, weights)" in [c.name for c in whole.controls]
    lowered = audited(replace(sure, twin_models=False))
    assert (lowered.cells[0].tier, lowered.tier, lowered.exit_code) == ("E1", "E1", 1)
    assert "give model.recipe" in lowered.cells[0].why


def test_a_model_that_nothing_can_train_has_stand_ins_which_say_so(digits, monkeypatch):
    from reticent.audit.images import twins as module

    monkeypatch.setattr(module, "estimator_of", lambda experiment: None)
    found = audited(replace(digits, ppv_declared=0.6))
    (twin,) = (c for c in found.controls if "twins" in c.name)
    assert twin.name.startswith("stand-ins for twins")
    assert "prototypes of the photos stand in for the model" in twin.what
    assert found.cells[0].tier == "E1"
