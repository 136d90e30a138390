from typing import Any

import numpy as np
import pytest

from reticent.core.language import GREEDY, Sampling

torch = pytest.importorskip("torch")

SCHEMES = [
    Sampling(),
    Sampling(temperature=0.7),
    Sampling(top_k=5),
    Sampling(top_p=0.8),
    Sampling(temperature=1.3, top_k=7, top_p=0.6),
    GREEDY,
]


def _peer(logits: Any, sampling: Sampling) -> Any:
    """Probabilities as transformers' own warpers leave them."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = logits.clone()
    if sampling.greedy:
        return torch.nn.functional.one_hot(scores.argmax(1), scores.shape[1]).double()
    if sampling.temperature != 1:
        scores = TemperatureLogitsWarper(sampling.temperature)(None, scores)
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(None, scores)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(None, scores)
    return scores.double().softmax(1)


@pytest.mark.parametrize("sampling", SCHEMES)
@pytest.mark.parametrize("size", [40, 3000])
def test_sampling_probabilities_are_those_of_transformers(sampling: Sampling, size: int) -> None:
    from reticent.targets._token_scores import score_tokens

    logits = 2 * torch.randn(size, size, generator=torch.Generator().manual_seed(1))[:60]
    logits = logits if size == 40 else logits * 0.1  # flat: the nucleus is beyond the first look
    every = torch.cat([torch.arange(30), logits.argmax(1)[:30]])[: len(logits)]
    found = score_tokens(
        logits.clone(), every, sampling=sampling, alternatives=0, moments=False
    ).sampled
    assert found is not None
    wanted = _peer(logits, sampling).gather(1, every[:, None])[:, 0]
    np.testing.assert_allclose(found.exp().numpy(), wanted.numpy(), atol=2e-6)


@pytest.mark.parametrize("sampling", SCHEMES)
def test_draws_follow_the_scheme(sampling: Sampling) -> None:
    from reticent.targets._token_scores import draw

    logits = 2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(2))
    p = _peer(logits, sampling)[0].numpy()
    u = (np.arange(20_000) + 0.5) / 20_000
    drawn = draw(logits.expand(len(u), -1), u, sampling).numpy()
    np.testing.assert_allclose(np.bincount(drawn, minlength=12) / len(u), p, atol=1e-4)


def test_ranks_margins_and_moments_of_a_known_row() -> None:
    from reticent.targets._token_scores import score_tokens

    p = np.array([0.5, 0.2, 0.2, 0.1])
    rows = torch.tensor(np.log(np.tile(p, (4, 1))), dtype=torch.float32)
    found = score_tokens(rows, torch.arange(4), sampling=None, alternatives=2, moments=True)
    assert found.ranks.tolist() == [0, 1, 2, 3]  # of equal ones the lowest id comes first
    np.testing.assert_allclose(found.logprobs.numpy(), np.log(p), atol=1e-6)
    np.testing.assert_allclose(found.margins.numpy(), np.log(p / [0.2, 0.5, 0.5, 0.5]), atol=1e-6)
    mean = p @ np.log(p)
    assert found.means is not None
    assert found.spreads is not None
    assert found.others is not None
    np.testing.assert_allclose(found.means.numpy(), mean, atol=1e-6)
    np.testing.assert_allclose(
        found.spreads.numpy(), np.sqrt(p @ np.log(p) ** 2 - mean**2), atol=1e-6
    )
    assert found.others[0].tolist()[0] == 0
