import numpy as np
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.core.language import Passage, Sampling, cut, draws_needed, extractable


@given(
    st.lists(st.floats(-40, 0), min_size=1, max_size=8),
    st.integers(1, 10_000),
    st.floats(0.01, 0.99),
)
def test_a_passage_is_extractable_exactly_from_the_draws_it_needs(
    log_p: list[float], draws: int, success: float
) -> None:
    p = np.array(log_p)
    needed = draws_needed(p, success=success)
    assert (extractable(p, draws=draws, success=success) == (needed <= draws)).all()


def test_what_cannot_be_drawn_is_never_extractable() -> None:
    never = np.array([-np.inf, np.nan])
    assert not extractable(never, draws=10**9, success=0.5).any()
    assert draws_needed(never, success=0.5)[0] == np.inf
    assert np.isnan(draws_needed(never, success=0.5)[1])


def test_cutting_keeps_the_documents_own_ids() -> None:
    ids = np.arange(25, dtype=np.int64)
    found = cut(ids, prompt=4, wanted=6, stride=5, document="d")
    assert [p.start for p in found] == [0, 5, 10, 15]
    assert all((p.tokens == ids[p.start : p.start + 10]).all() for p in found)
    assert found[1].given.tolist() == [5, 6, 7, 8]
    assert found[1].wanted.tolist() == [9, 10, 11, 12, 13, 14]
    assert not cut(ids, prompt=20, wanted=6, stride=1)


@pytest.mark.parametrize(
    "settings", [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}]
)
def test_a_scheme_that_is_none_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Sampling(**settings)  # type: ignore[arg-type]  # one of each type


def test_a_passage_is_integers_and_holds_its_prompt() -> None:
    with pytest.raises(BadInput, match="int64"):
        Passage(tokens=np.array([0.5]))  # type: ignore[arg-type]  # that is the test
    with pytest.raises(BadInput, match="prompt of 3"):
        Passage(tokens=np.array([1, 2]), prompt=3)
