import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from reticent.access import Access
from reticent.attacks._images.differentiate import gradient_of
from reticent.attacks._images.gradient import NotDifferentiable
from reticent.attacks.base import Knowledge
from reticent.attacks.inversion.white_box import ImageInversion, most_agreed
from reticent.core import Candidates, Channel, ImageSpace, NotEnoughKnowledge
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget
from reticent.testing import chances, plant_images

SPACE = ImageSpace(shape=(12, 12), flat=True)


def _door(model):
    return Access(
        target=SklearnTarget(model),
        policy=Policy(),
        ledger=QueryLedger(),
        identity="attack",
        exposed=Channel.WEIGHTS,
    )


def _run(attack, planted):
    return attack.run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )


@pytest.mark.parametrize(
    "attack",
    [
        ImageInversion(loss="margin"),
        ImageInversion(loss="cross-entropy", restarts=3),
        ImageInversion(loss="poincare"),
        ImageInversion(parts=20),
        ImageInversion(total_variation=0.1, blur=1.0),
        ImageInversion(natural=0.5, blur=1.0),
        ImageInversion(broad=0.5, contrast=-0.25),
        ImageInversion(generator="pca"),
        ImageInversion(generator="ica"),
        ImageInversion(generator="vae"),
    ],
    ids=[
        "margin",
        "cross-entropy",
        "poincare",
        "subspace",
        "even",
        "natural",
        "set apart",
        "pca",
        "ica",
        "vae",
    ],
)
def test_every_loss_and_prior_finds_the_planted_prototypes(attack):
    planted = plant_images(leak=True, seed=21, n=10)
    claim = _run(attack, planted)
    assert chances(claim, planted)[0] < 1e-6
    assert claim.images.shape == (10, 12, 12)
    assert 0 <= claim.images.min() <= claim.images.max() <= 1


def test_confidence_is_the_models_own_and_steps_are_counted():
    planted = plant_images(leak=True, seed=22, n=10)
    claim = _run(ImageInversion(loss="margin", steps=3, restarts=2), planted)
    told = planted.access.weights().predict_proba(claim.images.reshape(10, -1))
    own = told[np.arange(10), planted.candidates.y]
    agrees = told.argmax(axis=1) == planted.candidates.y
    assert agrees.all()
    # One view: whether it is taken for the class, and its probability for half a view.
    np.testing.assert_allclose(claim.confidence, (agrees + own / 2) / 1.5, atol=1e-5)
    assert claim.steps == 60  # 3 steps x 2 restarts x 10 classes, one view
    assert claim.notes["gradient"] == "closed form"


def test_a_straight_model_needs_one_step():
    assert _run(ImageInversion(steps=9), plant_images(leak=True, seed=22, n=10)).steps == 10


def test_a_class_wanted_twice_is_drawn_once():
    claim = _run(ImageInversion(), plant_images(leak=True, seed=23, n=20))
    np.testing.assert_array_equal(claim.images[:10], claim.images[10:])
    assert claim.steps == 10


def test_a_forest_falls_back_to_differences_and_says_so():
    rng = np.random.default_rng(4)
    x = rng.random((80, 144))
    y = (x[:, :72].mean(axis=1) > x[:, 72:].mean(axis=1)).astype(int)
    model = RandomForestClassifier(20, random_state=0).fit(x, y)
    claim = ImageInversion(steps=2, views=1, reach=0.3).run(
        _door(model),
        Candidates(x=np.empty((2, 0)), y=np.array([0, 1])),
        Knowledge(images=SPACE),
        rng,
    )
    assert "estimated from differences: RandomForestClassifier" in claim.notes["gradient"]
    halves = claim.images.reshape(2, 2, 72).mean(axis=2)
    assert halves[1, 0] - halves[1, 1] > halves[0, 0] - halves[0, 1]


def test_a_model_without_any_answer_to_differentiate_is_refused():
    with pytest.raises(NotDifferentiable, match="object"):
        gradient_of(object(), SPACE, np.random.default_rng(0))


def test_wanted_classes_must_be_named():
    model = LogisticRegression().fit(np.eye(144)[:4], [0, 1, 0, 1])
    for knowledge, y in ((Knowledge(), np.array([0])), (Knowledge(images=SPACE), None)):
        with pytest.raises(NotEnoughKnowledge):
            ImageInversion().run(
                _door(model), Candidates(x=np.empty((1, 0)), y=y), knowledge,
                np.random.default_rng(0),
            )  # fmt: skip


def test_two_restarts_agree_alike_and_the_first_is_claimed():
    rng = np.random.default_rng(6)
    found = [rng.random((40, 500)).astype(np.float32) for _ in range(2)]
    np.testing.assert_array_equal(most_agreed(found), found[0])


def test_the_restart_that_the_others_agree_with_is_claimed():
    rng = np.random.default_rng(5)
    face, odd = rng.random((1, 50)), rng.random((1, 50))
    found = [odd, face + 0.01 * rng.random((1, 50)), face + 0.01 * rng.random((1, 50))]
    chosen = most_agreed([f.astype(np.float32) for f in found])
    assert np.abs(chosen - face).max() < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "l2"},
        {"steps": 0},
        {"views": 0},
        {"blur": -1.0},
        {"natural": 1.5},
        {"generated": 2.0},
        {"generator": "gan"},
        {"broad": -1.0},
        {"layers": -1},
        {"pieces": 1.5},
        {"read": -0.5},
        {"spectrum": -1.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        ImageInversion(**wrong)
