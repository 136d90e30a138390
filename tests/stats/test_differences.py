import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.stats.differences import (
    difference,
    gain,
    mcnemar_p,
    mean_difference,
    paired_difference,
)

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=150)
methods = st.sampled_from(["tango", "newcombe"])


def people(both: int, only_a: int, only_b: int, neither: int):
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


def test_newcombes_own_example() -> None:
    """Newcombe 1998, table II (a), method 10: 56/70 against 48/80."""
    found = difference(56, 70, 48, 80)
    assert (found.lower, found.upper) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((20, 12, 2, 16), (0.0562, 0.3290)),
    ],
)
def test_newcombes_paired_examples(cells, expected) -> None:
    """Newcombe 1998 (17:2635), table II (b) and (c), method 10."""
    found = paired_difference(*people(*cells), method="newcombe")
    assert (found.lower, found.upper) == pytest.approx(expected, abs=6e-4)


def test_tangos_own_example() -> None:
    """Tango 1998: 44 lens wearers, 43 right under both, 1 under the second only."""
    found = paired_difference(*people(43, 0, 1, 0))
    assert (found.lower, found.upper) == pytest.approx((-0.118, 0.060), abs=1e-3)


@given(counts, counts)
def test_difference_mirrors_under_swap(one, other) -> None:
    ab, ba = difference(*one, *other), difference(*other, *one)
    assert ab.lower <= ab.estimate <= ab.upper
    assert (ab.estimate, ab.lower) == pytest.approx((-ba.estimate, -ba.upper), abs=1e-9)


@given(pairs, methods)
def test_paired_difference_mirrors_under_swap(both, method) -> None:
    a, b = zip(*both, strict=True)
    ab, ba = paired_difference(a, b, method=method), paired_difference(b, a, method=method)
    assert -1 <= ab.lower <= ab.estimate <= ab.upper <= 1
    assert (ab.estimate, ab.lower) == pytest.approx((-ba.estimate, -ba.upper), abs=1e-9)
    again = (ab.counts["only_a"] - ab.counts["only_b"]) / ab.counts["n"]
    assert ab.estimate == again


@given(pairs, methods)
def test_one_more_success_raises_the_paired_difference(both, method) -> None:
    a, b = (list(column) for column in zip(*both, strict=True))
    if all(a):
        return
    better = a.copy()
    better[a.index(False)] = True
    before, after = (paired_difference(x, b, method=method) for x in (a, better))
    assert after.estimate > before.estimate
    if method == "tango":
        assert after.lower >= before.lower - 1e-9


def test_identical_answers_still_have_doubt() -> None:
    found = paired_difference([1, 0] * 50, [1, 0] * 50)
    assert found.estimate == 0
    assert -0.04 < found.lower < 0 < found.upper < 0.04


def test_gain_is_against_the_best_baseline() -> None:
    attack = np.arange(100) < 80
    weak, strong = np.arange(100) < 30, np.arange(100) < 70
    alone = gain(attack, {"strong": strong})
    both = gain(attack, {"weak": weak, "strong": strong})
    assert both.estimate == pytest.approx(0.1)
    assert both.lower == alone.lower
    assert both.upper >= alone.upper
    assert both.counts["only_a"] == 10


def test_gain_needs_a_baseline() -> None:
    with pytest.raises(BadInput, match="no baseline"):
        gain([1, 0], {})


def test_other_people_are_refused() -> None:
    with pytest.raises(BadInput, match="3 outcomes against 2"):
        paired_difference([1, 0, 1], [1, 0])


def test_no_people_no_difference() -> None:
    assert difference(0, 0, 1, 2).estimate is None
    assert paired_difference([], []).lower is None
    assert mean_difference([], []).estimate is None


def test_mcnemar_counts_only_disagreement() -> None:
    found = mcnemar_p(*people(1000, 9, 1, 1000))
    assert found.one_sided == pytest.approx(11 / 1024)
    assert found.two_sided == pytest.approx(22 / 1024)
    assert mcnemar_p([1, 0], [1, 0]) == (1.0, 1.0, 0, 0)


@given(pairs)
def test_mcnemar_is_symmetric_in_two_sides_only(both) -> None:
    a, b = zip(*both, strict=True)
    ab, ba = mcnemar_p(a, b), mcnemar_p(b, a)
    assert ab.two_sided == pytest.approx(ba.two_sided)
    assert ab.one_sided + ba.one_sided >= 1


@pytest.mark.parametrize("method", ["t", "bca"])
def test_mean_difference_of_a_constant_is_exact(method) -> None:
    found = mean_difference([3.0] * 5, [1.0] * 5, method=method, rng=np.random.default_rng(0))
    assert (found.estimate, found.lower, found.upper) == (2.0, 2.0, 2.0)


def test_mean_difference_is_a_paired_t() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(4)
    a, b = rng.normal(size=30), rng.normal(size=30)
    found, theirs = mean_difference(a, b), ttest_rel(a, b).confidence_interval(0.95)
    assert (found.lower, found.upper) == pytest.approx((theirs.low, theirs.high))


def test_bootstrap_needs_a_generator() -> None:
    with pytest.raises(BadInput, match="draws at random"):
        mean_difference([1.0, 2.0], [1.0, 1.0], method="bca")
