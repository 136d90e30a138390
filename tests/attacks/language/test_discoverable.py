"""The probability of a passage, against drawing it."""

import numpy as np
import pytest

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.core import Channel
from reticent.core.language import Passage, Sampling
from reticent.testing.planted_passages import plant_passages


@pytest.mark.parametrize(
    "scheme",
    [{"top_k": 0}, {"top_k": 3}, {"top_k": 0, "top_p": 0.7}, {"top_k": 0, "temperature": 0.5}],
    ids=str,
)
def test_the_probability_is_how_often_it_is_drawn(scheme: dict[str, float]) -> None:
    planted = plant_passages(8, seed=5)
    short = [Passage(tokens=p.tokens[6:14], prompt=6) for p in planted.passages]
    attack = DiscoverableExtraction(**scheme)  # type: ignore[arg-type]  # numbers of both kinds
    claim = attack.run(planted.access, short, TextKnowledge(), np.random.default_rng(0))
    assert claim.log_p is not None
    n = 3000
    written = planted.access.target.generate(
        [p.given for p in short],
        new_tokens=2,
        n=n,
        sampling=Sampling(**{"temperature": 1.0, **scheme}),  # type: ignore[arg-type]
        seed=1,
    )
    hits = np.zeros(len(short))
    for text in written:
        hits[text.prompt] += np.array_equal(text.tokens, short[text.prompt].wanted)
    p = np.exp(claim.log_p)
    error = np.sqrt(np.maximum(p * (1 - p), 1e-4) / n)
    assert (np.abs(hits / n - p) < 4.5 * error).all()
    assert (p > 0.2).any()


def test_nothing_is_written_and_tries_are_counted() -> None:
    planted = plant_passages(10, seed=5)
    attack = DiscoverableExtraction(draws=1, success=0.5)
    claim = attack.run(planted.access, planted.passages, TextKnowledge(), np.random.default_rng(0))
    assert claim.log_p is not None
    assert planted.access.queries == 10
    assert claim.notes["extractable"] == int((claim.log_p >= np.log(0.5)).sum())
    fewest = np.ceil(np.log(0.5) / np.log1p(-np.exp(claim.log_p.max())) - 1e-9)
    assert claim.notes["fewest_draws"] == max(1.0, fewest)


def test_without_words_there_is_no_verdict_but_a_probability() -> None:
    planted = plant_passages(6, seed=5).through(exposed=Channel.LOGPROBS)
    claim = DiscoverableExtraction().run(
        planted.access, planted.passages, TextKnowledge(), np.random.default_rng(0)
    )
    assert claim.verdicts is None
    assert claim.log_p is not None
