"""Min-K%: the mean of the least likely tokens."""

import numpy as np
import pytest

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.min_k import MinK
from reticent.core.language import Passage
from reticent.testing.planted_passages import plant_passages


@pytest.mark.parametrize("share", [0.1, 0.2, 1.0])
def test_a_score_is_the_mean_of_the_least_likely_share(share: float) -> None:
    planted = plant_passages(10, seed=3, prompt=0)
    claim = MinK(share=share).run(
        planted.access, planted.passages, TextKnowledge(), np.random.default_rng(0)
    )
    for score, passage in zip(claim.scores, planted.passages, strict=True):
        (said,) = planted.access.target.logprobs([passage.tokens], first=[1])
        lowest = sorted(said.logprobs[1:])[: max(1, int(39 * share))]
        assert score == pytest.approx(np.mean(lowest))
    assert planted.access.queries == 10


def test_members_score_higher_and_what_is_too_short_lowest() -> None:
    planted = plant_passages(40, seed=3, prompt=0)
    claim = MinK().run(
        planted.access,
        [*planted.passages, Passage(tokens=planted.passages[0].tokens[:1])],
        TextKnowledge(),
        np.random.default_rng(0),
    )
    members, others = claim.scores[:-1][planted.is_member], claim.scores[:-1][~planted.is_member]
    assert (members[:, None] > others).mean() > 0.99
    assert claim.scores[-1] < claim.scores[:-1].min()
