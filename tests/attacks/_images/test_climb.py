import numpy as np

from reticent.attacks._images.climb import View, climb
from reticent.attacks._images.losses import LOSSES
from reticent.attacks._images.priors import combined
from reticent.core import ImageSpace

SPACE = ImageSpace(shape=(4, 5))
STILL = View(added=np.zeros(20, np.float32), by=np.zeros(2, np.int64))


class Linear:
    how = "by hand"

    def __init__(self, weights, spoil=()):
        self.weights, self.spoil, self.asked = weights.astype(np.float32), spoil, 0

    def forward(self, rows):
        self.asked += 1

        def backward(slope):
            g = slope.astype(np.float32) @ self.weights.T
            if self.asked in self.spoil:
                g[0] = np.nan
            return g

        return (rows @ self.weights).astype(np.float64), backward


def _walk(model, *, steps=4, views=(STILL,), reach=0.1, loss="logit"):
    start = np.full((3, 20), 0.5, dtype=np.float32)
    return climb(
        model, LOSSES[loss], combined([]), start, np.arange(3), views, SPACE,
        steps=steps, reach=reach,
    )  # fmt: skip


W = np.random.default_rng(3).standard_normal((20, 3))
W -= W.mean(axis=0)  # a flat picture is nobody's


def test_a_straight_way_is_as_long_as_the_reach_and_leads_to_the_class():
    end = _walk(Linear(W))
    way = end.rows - 0.5
    np.testing.assert_allclose(np.sqrt((way**2).mean(axis=1)), 0.1, rtol=1e-4)
    assert ((end.rows @ W).argmax(axis=1) == np.arange(3)).all()
    assert end.steps.tolist() == [4, 4, 4]


def test_pictures_stay_in_range():
    end = _walk(Linear(W), reach=5.0)
    assert end.rows.min() == 0.0
    assert end.rows.max() == 1.0


def test_a_gradient_that_is_no_number_stops_its_own_picture_alone():
    end = _walk(Linear(W, spoil={2}))
    assert end.steps.tolist() == [1, 4, 4]
    assert end.blind.tolist() == [1, 0, 0]
    assert np.isfinite(end.rows).all()


def test_one_blind_view_does_not_blind_the_others():
    end = _walk(Linear(W, spoil={1}), steps=1, views=(STILL, STILL))
    assert end.steps.tolist() == [1, 1, 1]


def test_a_picture_stops_where_the_direction_turns_back():
    class Valley(Linear):
        def forward(self, rows):
            logits, _ = Linear.forward(self, rows)
            return logits, lambda slope: (np.sign(rows - 0.52) * 1.0).astype(np.float32)

    end = _walk(Valley(W), steps=10, reach=1.0)
    assert end.turned.all()
    assert (end.steps == 1).all()


def test_views_are_undone_on_the_way_back():
    by = np.array([1, 0])
    seen = View(added=np.zeros(20, np.float32), by=by)
    end = _walk(Linear(W), steps=1, views=(seen,))
    plain = _walk(Linear(W), steps=1)
    one, other = (e.rows.reshape(3, 4, 5) - 0.5 for e in (end, plain))
    cosine = (
        (one[:, :3] * other[:, 1:]).sum()
        / np.linalg.norm(one[:, :3])
        / np.linalg.norm(other[:, 1:])
    )
    assert cosine > 0.99  # the border is scaled along
