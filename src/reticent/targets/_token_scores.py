"""From logits to what is said of tokens, and to the next one: functions of tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from reticent.core.language import Sampling

_FIRST_LOOK = 1024  # of the likeliest tokens; the nucleus is nearly always among them


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scored:
    """What is said of m tokens; fields as in `core.language.TokenLogprobs`, None if not wanted.

    `totals` (m,) are the logarithms of the sums of all logits' exponentials: not finite if any
    logit is NaN or too large.
    """

    totals: torch.Tensor
    logprobs: torch.Tensor
    ranks: torch.Tensor
    margins: torch.Tensor
    sampled: torch.Tensor | None
    means: torch.Tensor | None
    spreads: torch.Tensor | None
    others: torch.Tensor | None
    other_logprobs: torch.Tensor | None


def score_tokens(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    *,
    sampling: Sampling | None,
    alternatives: int,
    moments: bool,
) -> Scored:
    """Return what logits say of the tokens that came next.

    Args:
        logits: (m, v) of the positions before, of any type; may be written to.
        tokens: (m,) ids.
        sampling: as in `LanguageModel.logprobs`; so are the others.
        alternatives: as there.
        moments: as there.
    """
    logits = logits.float()
    own = logits.gather(1, tokens[:, None])
    total = logits.logsumexp(1, keepdim=True)
    others = other_logprobs = means = spreads = sampled = None
    if alternatives:
        best = logits.topk(min(alternatives, logits.shape[1]), dim=1)
        others, other_logprobs = best.indices, (best.values - total).double()
    if moments:
        said = logits - total
        p = said.exp()
        means = (p * said).sum(1)
        spreads = ((p * said.square()).sum(1) - means.square()).clamp_min(0).sqrt()
    if sampling is not None:
        sampled = _drawn(logits, own, total, sampling)
    logits.scatter_(1, tokens[:, None], -torch.inf)
    margins = (own - logits.amax(1, keepdim=True))[:, 0]
    ranks = _ranks(logits, own, tokens, margins)
    if sampling is not None and sampling.greedy:
        sampled = torch.where(ranks == 0, 0.0, -torch.inf)
    return Scored(
        totals=total[:, 0],
        logprobs=(own - total)[:, 0].double(),
        ranks=ranks,
        margins=margins,
        sampled=sampled,
        means=means,
        spreads=spreads,
        others=others,
        other_logprobs=other_logprobs,
    )


def _ranks(
    logits: torch.Tensor, own: torch.Tensor, tokens: torch.Tensor, margins: torch.Tensor
) -> torch.Tensor:
    """Return (m,) the tokens that come before these; of equal logits the lowest id comes first.

    Row by row in numpy, whose count of truths is many times as fast as a sum over one dimension.
    """
    ranks = torch.zeros(len(tokens), dtype=torch.int64)
    rows, mine, ids = logits.numpy(), own[:, 0].numpy(), tokens.tolist()
    for i in np.flatnonzero(margins.numpy() <= 0).tolist():
        ties = np.count_nonzero(rows[i, : ids[i]] == mine[i])
        ranks[i] = int(np.count_nonzero(rows[i] > mine[i]) + ties)
    return ranks


def _drawn(
    logits: torch.Tensor, own: torch.Tensor, total: torch.Tensor, sampling: Sampling
) -> torch.Tensor | None:
    """Return (m,) the logarithm of the probability of drawing the tokens; None if greedy."""
    if sampling.greedy:
        return None
    if sampling.plain:
        return (own - total)[:, 0].double()
    if sampling.top_k == 0 and sampling.top_p == 1:
        warm = logits / sampling.temperature
        return (own / sampling.temperature - warm.logsumexp(1, keepdim=True))[:, 0].double()
    values, log_p = kept(logits, sampling)[1:]
    place = (values > own).sum(1, keepdim=True).clamp_max(values.shape[1] - 1)
    found = log_p.gather(1, place)[:, 0]
    return torch.where(values.gather(1, place)[:, 0] == own[:, 0], found, -torch.inf)


def kept(
    logits: torch.Tensor, sampling: Sampling
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the tokens that top_k and top_p look at, best first.

    Returns: ids (m, k), logits (m, k) and log-probabilities (m, k), -inf where one is cut off.
    """
    size = logits.shape[1]
    looks = [min(sampling.top_k, size)] if sampling.top_k else [min(_FIRST_LOOK, size), size]
    for look in looks:
        values, ids = logits.topk(look, dim=1)
        if not sampling.top_k or look == size:  # cut off by nothing but top_p
            whole = (logits / sampling.temperature).logsumexp(1, keepdim=True).double()
            log_p = values.double() / sampling.temperature - whole
        else:
            log_p = (values.double() / sampling.temperature).log_softmax(1)
        above = log_p.exp().cumsum(1) - log_p.exp()
        if look == size or sampling.top_k or bool((above[:, -1] >= sampling.top_p).all()):
            break
    cut = torch.where(above < sampling.top_p, log_p, -torch.inf)
    cut[:, 0] = log_p[:, 0]
    return ids, values, cut - cut.logsumexp(1, keepdim=True)


def draw(logits: torch.Tensor, uniforms: Any, sampling: Sampling) -> torch.Tensor:
    """Return (m,) the next tokens.

    Args:
        logits: (m, v).
        uniforms: (m,) numbers in [0, 1), one a row, so that a row's draw is its own.
        sampling: the scheme.
    """
    logits = logits.float()
    if sampling.greedy:
        return logits.argmax(1)
    u = torch.as_tensor(uniforms, dtype=torch.float64)[:, None]
    if sampling.top_k == 0 and sampling.top_p == 1:
        mass = (logits.double() / sampling.temperature).softmax(1).cumsum(1)
        return (mass <= u * mass[:, -1:]).sum(1).clamp_max(logits.shape[1] - 1)
    ids, _, log_p = kept(logits, sampling)
    mass = log_p.exp().cumsum(1)
    place = (mass <= u * mass[:, -1:]).sum(1, keepdim=True)
    last = (log_p > -torch.inf).sum(1, keepdim=True) - 1
    return ids.gather(1, torch.minimum(place, last))[:, 0]
