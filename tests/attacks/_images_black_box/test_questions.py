import numpy as np
import pytest

from reticent.attacks._images_black_box.linear import Linear, blank
from reticent.attacks._images_black_box.questions import (
    AT_ONCE,
    allowance,
    ask,
    balanced,
    noise,
    public_texture,
    telling,
    wanted_classes,
)
from reticent.attacks.base import Knowledge
from reticent.core import BudgetSpent, Candidates, Channel, NotEnoughKnowledge, NotExposed
from reticent.testing import plant_images

PLANTED = plant_images(leak=True, seed=41, n=10)
TEXTURE = public_texture(PLANTED.knowledge, "test", 60)
RNG = np.random.default_rng(1)


def _copy(classes=5, k=20):
    return Linear(weights=RNG.standard_normal((k, classes)), bias=RNG.standard_normal(classes))


def test_answers_stand_beside_what_was_asked_over_many_calls():
    n = AT_ONCE + 3
    modes = noise(n, TEXTURE.deviation, TEXTURE.radius, 1.0, np.random.default_rng(2))
    door = PLANTED.through(exposed=PLANTED.access.exposed).access
    heard = ask(door, TEXTURE, modes)
    assert len(heard) == n == door.queries
    # What counts is the picture that was sent, cut to the range; ask about it again.
    sent = np.clip(TEXTURE.decode(modes), 0, 1)
    assert (sent == 0).any() or (sent == 1).any()
    np.testing.assert_allclose(heard.modes, TEXTURE.encode(sent), atol=1e-9)
    again = door.ask(TEXTURE.space.inputs(sent))
    np.testing.assert_allclose(heard.shown.scores, again.scores, atol=1e-12)
    both = heard.beside(heard)
    assert len(both) == len(both.modes) == 2 * n


def test_fewer_cosines_are_asked_and_kept():
    heard = ask(PLANTED.access, TEXTURE, 0.1 * np.ones((4, 7)))
    assert heard.modes.shape == (4, 7)


@pytest.mark.parametrize(("left", "most"), [(None, 50), (80, 50), (30, 30), (8, 8)])
def test_the_smaller_of_setting_and_budget_may_be_asked(left, most):
    door = PLANTED.through(exposed=PLANTED.access.exposed, query_budget=left).access
    assert allowance(door, 50, 8, "test") == most


def test_too_small_a_budget_is_refused():
    door = PLANTED.through(exposed=PLANTED.access.exposed, query_budget=7).access
    with pytest.raises(BudgetSpent, match="may ask 7"):
        allowance(door, 50, 8, "test")


def test_wanted_classes_are_those_of_the_model():
    door = PLANTED.access
    y = np.array([9, 0, 3])
    held = Candidates(x=np.empty((3, 0)), y=y)
    np.testing.assert_array_equal(wanted_classes(door, held, "test"), y)
    for wrong in (Candidates(x=np.empty((1, 0))),
                  Candidates(x=np.empty((1, 0)), y=np.array([len(door.classes)])),
                  Candidates(x=np.empty((1, 0)), y=np.array([-1]))):  # fmt: skip
        with pytest.raises(NotEnoughKnowledge):
            wanted_classes(door, wrong, "test")
    closed = PLANTED.through(exposed=Channel.WEIGHTS).access
    with pytest.raises(NotExposed, match="neither"):
        wanted_classes(closed, held, "test")


def test_a_texture_needs_public_pictures():
    for knowledge in (Knowledge(), Knowledge(images=PLANTED.knowledge.images)):
        with pytest.raises(NotEnoughKnowledge, match="public"):
            public_texture(knowledge, "test", 10)


@pytest.mark.parametrize("likeness", [0.0, 1.0])
def test_noise_has_the_length_and_the_shape_that_was_asked_for(likeness):
    deviation = np.geomspace(1, 0.01, 50)
    q = noise(20_000, deviation, 3.0, likeness, np.random.default_rng(3))
    assert np.sqrt(np.mean(np.sum(q**2, axis=1))) == pytest.approx(3.0, rel=0.02)
    spread = q.std(axis=0)
    np.testing.assert_allclose(spread / spread[0], deviation**likeness, rtol=0.05)


def test_at_the_balanced_point_no_class_is_ahead():
    copy = _copy()
    point = balanced(copy, 1e9)
    assert np.ptp(copy.logits(point)) < 0.05 * np.ptp(copy.bias)
    near = balanced(copy, 0.1)
    assert np.linalg.norm(near) <= 0.1
    assert not balanced(blank(20, 5), 1.0).any()


def test_a_settled_copy_asks_about_what_it_does_not_know():
    copy = _copy()
    q = np.random.default_rng(4).standard_normal((4000, 20))
    w = copy.weights - copy.weights.mean(axis=1, keepdims=True)
    u = np.linalg.svd(w, full_matrices=False)[0][:, :4]
    fresh, settled = (telling(copy, q, 0.0, s, np.random.default_rng(5)) for s in (0.0, 1.0))
    np.testing.assert_allclose(fresh, q)  # no way to the balanced point: the noise alone
    np.testing.assert_allclose(settled @ u, 0.3 * (q @ u), atol=1e-9)
    rest = np.eye(20) - u @ u.T
    np.testing.assert_allclose(settled @ rest, q @ rest, atol=1e-9)


def test_questions_lie_on_the_way_to_the_balanced_point():
    copy = _copy()
    point = balanced(copy, 5.0)
    still = np.zeros((500, 20))
    for settled, nearest in ((0.0, 0.3), (1.0, 1.0)):
        asked = telling(copy, still, 5.0, settled, np.random.default_rng(6))
        share = asked @ point / (point @ point)
        np.testing.assert_allclose(asked, share[:, None] * point, atol=1e-9)
        assert nearest <= share.min() < share.max() <= 1.1
