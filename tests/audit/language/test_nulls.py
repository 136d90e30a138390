import numpy as np

from reticent.audit.language.nulls import matched, repetition
from reticent.core.language import Passage


def _passage(copied: int, *, seed: int) -> Passage:
    """Forty different tokens, of which the last `copied` repeat the first."""
    ids = np.random.default_rng(seed).permutation(1000)[:40]
    if copied:
        ids[-copied:] = ids[:copied]
    return Passage(tokens=ids, prompt=20)


def test_repetition_is_what_a_copyist_gets_right() -> None:
    assert repetition(_passage(0, seed=1)) == 0
    assert repetition(_passage(20, seed=1)) == 17 / 20  # three tokens to find the place


def test_matched_text_repeats_as_much_and_is_used_once() -> None:
    under_test = [_passage(k, seed=k) for k in (0, 8, 16, 16)]
    pool = [_passage(k, seed=100 + k) for k in range(21)]
    found = matched(under_test, pool)
    assert len({id(p) for p in found}) == 4
    wanted = sorted((repetition(p) for p in under_test), reverse=True)
    assert np.abs(np.array([repetition(p) for p in found]) - wanted).max() <= 1 / 20


def test_a_small_pool_gives_what_it_has() -> None:
    assert len(matched([_passage(0, seed=i) for i in range(5)], [_passage(0, seed=9)])) == 1
