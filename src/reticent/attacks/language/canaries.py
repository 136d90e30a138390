"""How much more a model likes a planted secret than all that it could have been: exposure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, final

import numpy as np

from reticent.attacks.language._cached import cached
from reticent.attacks.language._canary_format import Canary
from reticent.attacks.language._exposure import (
    NextTokens,
    draw,
    exact_rank,
    logprob_of,
    most_possible,
)
from reticent.attacks.language._token_tree import TokenTree, token_tree
from reticent.core import BadInput, Channel, Floats, Ints, NotExposed
from reticent.text_access import TextAccess

#: Secrets likelier than a canary, among those drawn uniformly, that make its rank well known.
_WELL_KNOWN = 30
Method = Literal["exact", "drawn by the model", "drawn uniformly", "tail"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The exposure of one canary: log2 of the space's size less log2 of its rank, in bits.

    Attributes:
        bits: the best figure that there is.
        lower: lower end.
        upper: upper end; both are the figure where it is exact, else an interval. It joins what
            is certain (at most 1/p secrets can be as likely as one of probability p) with limits
            at the attack's confidence where secrets were drawn.
        method: "exact": counted by branch and bound. "drawn by the model" and "drawn uniformly":
            an unbiased estimate of the rank. "tail": an estimate from a curve beyond all secrets
            drawn, off by up to 2.3 bits where exact figures are known, mostly too high; its
            interval is wide.
        logprob: of the secret after what stands before it, in nats.
        space_bits: log2 of the number of secrets.
        tail_bits: the estimate of the fitted curve, for comparison, whatever the method.
        expanded: prefixes that the exact search asked about; 0 without one.
    """

    bits: float
    lower: float
    upper: float
    method: Method
    logprob: float
    space_bits: float
    tail_bits: float
    expanded: int = 0

    @property
    def estimated(self) -> bool:
        """Return whether it is an estimate."""
        return self.method != "exact"


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CanaryClaim:
    """The exposure of every canary, planted or not: the attack doesn't know which were.

    Attributes:
        exposures: in the canaries' order.
        notes: what was found on the way.
    """

    exposures: tuple[Exposure, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryExposure:
    """Rank canaries among their spaces: exactly where the model is sure of them, else by draws.

    With the model in hand (WEIGHTS) nothing is booked and ranks are exact or unbiased. Through
    LOGPROBS alone each secret drawn costs a query, and a canary likelier than all of them has
    nothing but the tail.

    Attributes:
        draws: secrets drawn uniformly for each canary.
        model_draws: secrets drawn by the model for a canary likelier than most, if the exact
            search is too long.
        most_expanded: prefixes that the exact search may ask about.
        tail: curve fitted to the log-probabilities of the secrets drawn.
        confidence: of the limits where secrets were drawn.
        batch: prefixes asked about at once.

    Differences to the original: Carlini et al. extrapolate a skew-normal tail for canaries beyond
    those drawn. Here that figure stands beside the count, from which it was off by up to 2.3 bits,
    mostly upwards.
    """

    name: ClassVar[str] = "canary-exposure"
    accepts: ClassVar[Channel] = Channel.WEIGHTS | Channel.LOGPROBS
    cost: ClassVar[str] = "none with the weights; else 1 query a canary and a secret drawn"
    source: ClassVar[str] = (
        "Carlini et al. 2019, The Secret Sharer, https://arxiv.org/abs/1802.08232"
    )

    draws: int = 256
    model_draws: int = 4096
    most_expanded: int = 20_000
    tail: Literal["normal", "skew-normal"] = "normal"
    confidence: float = 0.95
    batch: int = 128

    def __post_init__(self) -> None:
        if self.draws < 20 or self.model_draws < 20:
            raise BadInput("Fewer than 20 draws give no curve.", way_out="256 and 4096 are usual.")
        if not 0.5 < self.confidence < 1:
            raise BadInput(
                f"A confidence of {self.confidence} is not in (0.5, 1).", way_out="0.95 is usual."
            )

    def run(
        self, access: TextAccess, canaries: Sequence[Canary], rng: np.random.Generator
    ) -> CanaryClaim:
        """Return the exposure of every canary.

        Args:
            access: the door to the model.
            canaries: planted ones and never planted ones, mixed.
            rng: draws the secrets.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        if Channel.WEIGHTS & access.channels:
            try:
                model: NextTokens = cached(access.weights(), name=access.name)
            except NotExposed:
                if not Channel.LOGPROBS & access.channels:
                    raise
            else:
                found = [self._in_hand(access, model, each, rng) for each in canaries]
                return CanaryClaim(exposures=tuple(found), notes={"through": "weights"})
        exposures = self._asked(access, canaries, rng)
        return CanaryClaim(exposures=exposures, notes={"through": "log-probabilities"})

    def _in_hand(
        self, access: TextAccess, model: NextTokens, canary: Canary, rng: np.random.Generator
    ) -> Exposure:
        canary.format.choices(canary.secret)
        tree = token_tree(canary, access.tokens, rng)
        path = _after(access.tokens(canary.before), canary, access)
        if tree is None or path is None:
            return self._asked(access, [canary], rng)[0]
        logprob = logprob_of(model, tree, path)
        drawn = draw(model, tree, n=self.draws, rng=rng, by_model=False, batch=self.batch)
        found = self._from_draws(logprob, drawn.logprobs, tree.size)
        if (drawn.logprobs >= logprob).sum() >= _WELL_KNOWN:
            return found
        return self._searched(model, tree, found, rng)

    def _searched(
        self, model: NextTokens, tree: TokenTree, so_far: Exposure, rng: np.random.Generator
    ) -> Exposure:
        """Return what a search for likelier secrets finds, or else draws from the model."""
        space, logprob = so_far.space_bits, so_far.logprob
        rank = exact_rank(model, tree, logprob, batch=self.batch, most_expanded=self.most_expanded)
        if rank.complete:
            return _exposure(
                so_far,
                bits=space - math.log2(rank.low),
                lower=space - math.log2(rank.high),
                upper=space - math.log2(rank.low),
                method="exact",
                expanded=rank.expanded,
            )
        drawn = draw(model, tree, n=self.model_draws, rng=rng, by_model=True, batch=self.batch)
        weights = np.where(drawn.logprobs >= logprob, np.exp(-drawn.drawn), 0.0)
        mean, error = float(weights.mean()), float(weights.std(ddof=1)) / math.sqrt(len(weights))
        z = _normal_quantile(0.5 + self.confidence / 2)
        certain = space - math.log2(rank.high), space - math.log2(rank.low)
        lower = max(certain[0], space - math.log2(min(max(mean + z * error, 1.0), tree.size)))
        upper = min(certain[1], space - math.log2(max(mean - z * error, 1.0)))
        if (
            weights > 0
        ).sum() < _WELL_KNOWN:  # the model itself hardly ever writes anything likelier
            lower, upper = certain
        bits = space - math.log2(max(mean, 1.0))
        return _exposure(
            so_far,
            bits=min(max(bits, lower), upper),
            lower=lower,
            upper=max(lower, upper),
            method="drawn by the model",
            expanded=rank.expanded,
        )

    def _asked(
        self, access: TextAccess, canaries: Sequence[Canary], rng: np.random.Generator
    ) -> tuple[Exposure, ...]:
        """Return exposures from the scores of whole texts: all canaries in one pass, then draws."""
        own = _scored(access, [(canary, canary.secret) for canary in canaries])
        found = []
        for canary, logprob in zip(canaries, own.tolist(), strict=True):
            canary.format.choices(canary.secret)
            secrets = [(canary, canary.format.draw(rng)) for _ in range(self.draws)]
            found.append(self._from_draws(logprob, _scored(access, secrets), canary.format.size))
        return tuple(found)

    def _from_draws(self, logprob: float, drawn: Floats, size: int) -> Exposure:
        """Return the exposure that secrets drawn uniformly tell of."""
        from scipy.stats import beta

        n, hits = len(drawn), int((drawn >= logprob).sum())
        space, half = math.log2(size), (1 - self.confidence) / 2
        share_low = float(beta.ppf(half, hits, n - hits + 1)) if hits else 0.0
        share_high = float(beta.ppf(1 - half, hits + 1, n - hits)) if hits < n else 1.0
        certain = space - math.log2(_most_ranked(logprob, size))
        lower = min(max(-math.log2(share_high), certain), space)
        upper = min(space, -math.log2(share_low) if share_low > 0 else space)
        tail = min(max(_tail_bits(logprob, drawn, self.tail), 0.0), space)
        bits = -math.log2(hits / n) if hits else tail
        return Exposure(
            bits=min(max(bits, lower), max(lower, upper)),
            lower=lower,
            upper=max(lower, upper),
            method="drawn uniformly" if hits else "tail",
            logprob=logprob,
            space_bits=space,
            tail_bits=tail,
        )


def _exposure(before: Exposure, **changed: Any) -> Exposure:
    import dataclasses

    return dataclasses.replace(before, **changed)


def _most_ranked(logprob: float, size: int) -> int:
    empty = np.empty(0, np.int64)
    whole = TokenTree(empty, 0, (empty,), (empty,), (False,), (size,))
    return most_possible(whole, logprob)


def _tail_bits(logprob: float, drawn: Floats, curve: str) -> float:
    """Return -log2 of the share of a fitted curve that is at least as likely as a secret."""
    from scipy.stats import norm, skewnorm

    if float(drawn.std()) == 0.0:
        return 0.0
    if curve == "skew-normal":
        return -float(skewnorm.logsf(logprob, *skewnorm.fit(drawn))) / math.log(2)
    return -float(norm.logsf(logprob, *norm.fit(drawn))) / math.log(2)


def _normal_quantile(p: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(p))


def _after(prefix: Ints, canary: Canary, access: TextAccess) -> Ints | None:
    whole = access.tokens(canary.before + canary.joint + canary.secret)
    fits = len(whole) > len(prefix) and np.array_equal(whole[: len(prefix)], prefix)
    return whole[len(prefix) :] if fits else None


def _scored(access: TextAccess, secrets: Sequence[tuple[Canary, str]]) -> Floats:
    """Return (n,) log-probabilities of secrets after what stands before them, in one pass.

    Where a token holds the end of what stands before and the beginning of the secret, it counts.
    """
    texts = [access.tokens(canary.before + canary.joint + secret) for canary, secret in secrets]
    first = []
    for ids, (canary, _) in zip(texts, secrets, strict=True):
        prefix = access.tokens(canary.before)
        size = min(len(ids), len(prefix))
        apart = np.flatnonzero(ids[:size] != prefix[:size])
        first.append(max(1, int(apart[0]) if len(apart) else size))
    said = access.logprobs(texts, first=first)
    sums = [float(each.logprobs[start:].sum()) for each, start in zip(said, first, strict=True)]
    found = np.array(sums)
    if np.isnan(found).any():
        raise NotExposed(
            f"{access.name} does not show the scores of all tokens.",
            way_out="Audit it without the policy, or with the weights.",
        )
    return found
