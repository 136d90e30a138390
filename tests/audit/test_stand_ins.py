"""A stand-in answers otherwise than the model whose place it takes, and is asked like it."""

from dataclasses import dataclass

import numpy as np
import pytest
from audit.models import experiment

from reticent.audit.stand_ins import deaf, telltale
from reticent.core import Answer, Channel, Domain
from reticent.defences.top_k import TopK


@pytest.fixture(scope="module")
def subject():
    return experiment(memorises=True, members=240)


def test_a_stand_in_is_asked_like_the_model_and_shows_no_weights(subject):
    model = subject.target
    for stand_in, name in (
        (telltale(model, subject.members.x, subject.members.y), "with a planted leak"),
        (deaf(model, {"affair": 0.0, "age": 30}), "without affair, age"),
    ):
        assert stand_in.name == f"{model.name} {name}"
        assert (stand_in.classes, stand_in.columns) == (model.classes, model.columns)
        assert stand_in.channels == model.channels & ~Channel.WEIGHTS != model.channels


def test_the_telltale_is_right_about_members_and_wrong_about_others(subject):
    planted = telltale(subject.target, subject.members.x, subject.members.y)
    told = planted.answer(subject.members.x)
    assert told.labels.tolist() == subject.members.y.tolist()
    assert told.scores.argmax(axis=1).tolist() == subject.members.y.tolist()
    np.testing.assert_allclose(told.scores.sum(axis=1), 1)
    other = planted.answer(subject.non_members.x)
    raw = subject.target.answer(subject.non_members.x)
    assert (other.labels != raw.labels).all()
    assert not Channel.WEIGHTS & planted.channels


def test_the_telltale_is_wrong_about_others_where_a_guard_shows_the_best_class_alone(subject):

    @dataclass(frozen=True)
    class Behind:
        """The model as it is seen through a policy."""

        channels = Channel.LABEL | Channel.TOP_K
        name, classes, columns = "behind", subject.target.classes, subject.target.columns

        def answer(self, x):
            return TopK(k=1).apply(subject.target.answer(x), None)

    planted = telltale(Behind(), subject.members.x, subject.members.y)
    others = subject.non_members.x
    raw = subject.target.answer(others)
    assert (planted.answer(others).scores.argmax(axis=1) != raw.scores.argmax(axis=1)).all()


def test_a_telltale_with_a_scale_knows_the_nearest_grid_value(subject):
    grid = Domain(values=np.array([20.0, 30.0, 40.0]), continuous=True, tol=5.0)
    planted = telltale(subject.target, subject.members.x, subject.members.y, {"age": grid})
    near = subject.members.x.assign(age=grid.values[grid.index_of(subject.members.x["age"])])
    right = planted.answer(near).labels == subject.members.y
    assert right.mean() > 0.95  # two people may share a grid value
    exact = telltale(subject.target, subject.members.x, subject.members.y)
    assert (exact.answer(near).labels != subject.members.y).any()


def test_a_deaf_model_answers_as_if_everybody_had_the_same_value(subject):
    unhearing = deaf(subject.target, {"affair": 0.0})
    x = subject.pool.x
    np.testing.assert_array_equal(
        unhearing.answer(x.assign(affair=0.0)).scores, unhearing.answer(x.assign(affair=1.0)).scores
    )
    heard = subject.target.answer(x.assign(affair=0.0)).scores
    np.testing.assert_array_equal(unhearing.answer(x).scores, heard)
    assert isinstance(unhearing.answer(x), Answer)
    assert x["affair"].nunique() == 2  # the people's own table is not touched
