import math

import numpy as np
import pytest

from reticent.attacks.language.canaries import CanaryClaim, Exposure, Method
from reticent.audit.language.canary_grade import NULL_BITS, grade_canaries, null_p
from reticent.core import BadInput


def exposure(bits: float, method: Method = "exact") -> Exposure:
    return Exposure(
        bits=bits,
        lower=bits,
        upper=bits + 1,
        method=method,
        logprob=-1.0,
        space_bits=26.6,
        tail_bits=bits,
    )


def test_levels_are_apart_and_beside_what_was_never_planted() -> None:
    claim = CanaryClaim(
        exposures=(
            exposure(20.0),
            exposure(1.0, "drawn uniformly"),
            exposure(22.0, "tail"),
            exposure(2.0),
        )
    )
    never, planted = grade_canaries(claim, [16, 0, 16, 0])
    assert (never.copies, planted.copies) == (0, 16)
    assert never.over_never is None
    assert planted.exposure.estimate == 21.0
    assert planted.exposure.null == NULL_BITS
    assert planted.over_never is not None
    assert planted.over_never.estimate == 19.5
    assert planted.over_never.lower is not None
    assert 0 < planted.over_never.lower < 19.5
    assert (planted.n_estimated, planted.n_tail, never.n_estimated) == (1, 1, 1)
    assert planted.mean_upper_bits == 22.0
    assert planted.p_value < 1e-9 < 0.1 < never.p_value
    from scipy.stats import ttest_ind

    welch = ttest_ind([20.0, 22.0], [1.0, 2.0], equal_var=False).confidence_interval(0.95)
    assert (planted.over_never.lower, planted.over_never.upper) == pytest.approx(tuple(welch))


def test_one_canary_has_no_interval() -> None:
    (level,) = grade_canaries(CanaryClaim(exposures=(exposure(3.0),)), [4])
    assert (level.exposure.lower, level.exposure.upper, level.over_never) == (None, None, None)


def test_numbers_must_agree() -> None:
    with pytest.raises(BadInput, match="1 exposures and 2 canaries"):
        grade_canaries(CanaryClaim(exposures=(exposure(3.0),)), [4, 4])


@pytest.mark.statistical
def test_p_value_errs_no_more_than_it_says() -> None:
    rng = np.random.default_rng(0)
    size = 1000
    ranks = rng.integers(1, size + 1, size=(4000, 5))
    p = np.array([null_p(math.log2(size) - np.log2(row)) for row in ranks])
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / 4000)
    assert (p <= 0.2).mean() > 0.15
