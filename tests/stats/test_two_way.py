import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from reticent.core import BadInput
from reticent.stats.roc import tpr_at_fpr
from reticent.stats.two_way import two_way_auc, two_way_tpr_at_fpr, two_way_tpr_difference


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def world(models=6, records=200, leak=1.0, seed=1, decimals=6):
    draw = rng(seed)
    y = draw.random((models, records)) < 0.5
    scores = draw.normal(size=y.shape) + draw.normal(size=records) + leak * y
    return scores.round(decimals), y


@pytest.mark.parametrize("decimals", [0, 6])
@pytest.mark.parametrize("fpr", [0.01, 0.1, 0.5])
def test_estimate_is_the_pooled_rate_with_ties(decimals, fpr) -> None:
    scores, y = world(decimals=decimals)
    found = two_way_tpr_at_fpr(scores, y, fpr, rng=rng(), resamples=20)
    pooled = tpr_at_fpr(scores[y], scores[~y], fpr)
    assert found.estimate == pooled.estimate == found.counts["hits"] / found.n_members
    assert found.lower <= found.estimate <= found.upper


def test_area_is_the_pooled_area() -> None:
    scores, y = world(decimals=1)
    found = two_way_auc(scores, y, rng=rng(), resamples=50)
    assert found.estimate == pytest.approx(roc_auc_score(y.ravel(), scores.ravel()))
    assert found.estimate == found.counts["u"] / (found.n_members * found.n_non_members)


@pytest.mark.parametrize("fpr", [0.02, 0.2])
def test_a_draw_is_the_rate_of_the_repeated_cells(fpr) -> None:
    """Weights do what repeating rows and columns would do."""
    from reticent.stats.two_way import _Rate

    scores, y = world(models=5, records=60, decimals=1)
    w, v = rng(3).multinomial(5, [0.2] * 5, 8), rng(4).multinomial(60, [1 / 60] * 60, 8)
    drawn = _Rate.of(scores, y, fpr).draw(w.astype(float), v.astype(float))
    for i in range(8):
        again = np.repeat(np.repeat(scores, w[i], axis=0), v[i], axis=1)
        truth = np.repeat(np.repeat(y, w[i], axis=0), v[i], axis=1)
        assert drawn[i] == pytest.approx(tpr_at_fpr(again[truth], again[~truth], fpr).estimate)


def test_a_draw_without_the_loudest_model_looks_further_down() -> None:
    from reticent.stats.two_way import _Rate

    scores, y = world(models=5, records=400)
    scores[0] += 100
    w, v = np.array([[0, 2, 1, 1, 1.0]]), np.ones((1, 400))
    again, truth = (
        np.repeat(scores, w[0].astype(int), axis=0),
        np.repeat(y, [0, 2, 1, 1, 1], axis=0),
    )
    drawn = _Rate.of(scores, y, 0.01).draw(w, v)
    assert drawn[0] == pytest.approx(tpr_at_fpr(again[truth], again[~truth], 0.01).estimate)


def test_finds_a_planted_leak_and_stays_silent_on_none() -> None:
    loud = two_way_tpr_at_fpr(*world(leak=2.0), 0.05, rng=rng())
    mute = two_way_tpr_at_fpr(*world(leak=0.0), 0.05, rng=rng())
    assert loud.lower > 0.05
    assert mute.lower <= 0.05 <= mute.upper


def test_copies_of_one_model_are_not_news() -> None:
    """Five copies of a model say no more than one: about sqrt(5) wider than five models."""
    draw, y = rng(5), rng(6).random((5, 400)) < 0.5
    cells = draw.normal(size=(5, 400)) + y
    apart = two_way_tpr_at_fpr(cells, y, 0.1, rng=rng())
    copies, theirs = np.tile(cells[:1], (5, 1)), np.tile(y[:1], (5, 1))
    together = two_way_tpr_at_fpr(copies, theirs, 0.1, rng=rng())
    assert (together.upper - together.lower) > 1.3 * (apart.upper - apart.lower)
    pooled = tpr_at_fpr(copies[theirs], copies[~theirs], 0.1)
    assert (together.upper - together.lower) > 1.3 * (pooled.upper - pooled.lower)


def test_same_generator_same_interval() -> None:
    one, two = (two_way_tpr_at_fpr(*world(), 0.05, rng=rng(9)) for _ in range(2))
    assert one == two


def test_difference_mirrors_under_swap_and_sees_a_planted_one() -> None:
    scores, y = world(records=400, leak=2.0)
    worse = scores + rng(8).normal(0, 2, scores.shape)
    ab = two_way_tpr_difference(worse, scores, y, 0.05, rng=rng(9))
    ba = two_way_tpr_difference(scores, worse, y, 0.05, rng=rng(9))
    assert ab.upper < 0 < ba.lower
    assert (ab.estimate, ab.lower) == pytest.approx((-ba.estimate, -ba.upper), abs=1e-9)
    same = two_way_tpr_difference(scores, scores, y, 0.05, rng=rng(9))
    assert (same.estimate, same.lower, same.upper) == (0, 0, 0)


def test_no_hit_is_not_certainty() -> None:
    y = np.arange(200).reshape(2, 100) % 2 == 0
    scores = np.where(y, -1.0, 1.0)
    found = two_way_tpr_at_fpr(scores, y, 0.1, rng=rng())
    assert found.estimate == 0
    assert found.upper > 0.03
    gap = two_way_tpr_difference(scores, scores - y, y, 0.1, rng=rng())
    assert gap.lower < -0.03 < 0.03 < gap.upper
    assert two_way_auc(scores, y, rng=rng()).upper > 0.03


def test_few_false_positives_certify_nothing() -> None:
    scores, y = world(models=4, records=300, leak=3.0)
    assert two_way_tpr_at_fpr(scores, y, 0.001, rng=rng()).lower == 0.0


def test_one_sided_membership_is_no_data() -> None:
    scores, y = world()
    everyone = np.ones_like(y)
    assert two_way_tpr_at_fpr(scores, everyone, 0.1, rng=rng()).estimate is None
    assert two_way_auc(scores, everyone, rng=rng()).estimate is None


@pytest.mark.parametrize(
    ("scores", "y", "says"),
    [
        (np.zeros((1, 5)), np.ones((1, 5), bool), "1 models and 5 records"),
        (np.zeros((2, 5)), np.ones((2, 4), bool), r"scores are \(2, 5\)"),
        (np.full((2, 5), np.nan), np.ones((2, 5), bool), "10 of 10 scores are NaN"),
    ],
)
def test_bad_shapes_are_named(scores, y, says) -> None:
    with pytest.raises(BadInput, match=says):
        two_way_auc(scores, y, rng=rng())
