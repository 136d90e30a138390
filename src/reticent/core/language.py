"""Texts in a language model's own tokens, what it says to them, and what an attack claims.

Everything here counts in token ids. A text that is turned into tokens twice may come out
differently, so a passage is cut from a document's ids once and never made into text and back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from reticent.core.channels import Channel
from reticent.core.errors import BadInput
from reticent.core.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a next token is drawn.

    The order is that of the usual servers: temperature, then the `top_k` likeliest, then the
    smallest set of them that holds at least `top_p` of what is left, then renormalise.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token (the lowest id of equals).
        top_k: tokens that stay; 0 for all.
        top_p: mass that stays, in (0, 1].
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise BadInput(
                f"A temperature of {self.temperature} is not in [0, 100].",
                way_out="0 takes the likeliest token, 1 samples the model as it is.",
            )
        if self.top_k < 0:
            raise BadInput(
                f"top_k is {self.top_k}; it must be 0 or more.", way_out="0 keeps all tokens."
            )
        if not 0 < self.top_p <= 1:
            raise BadInput(
                f"top_p is {self.top_p}; it must be above 0, and at most 1.",
                way_out="1 keeps all tokens.",
            )

    @property
    def greedy(self) -> bool:
        """Return whether nothing is left to chance."""
        return self.temperature == 0 or self.top_k == 1

    @property
    def plain(self) -> bool:
        """Return whether tokens are drawn from the model's own distribution."""
        return self.temperature == 1 and self.top_k == 0 and self.top_p == 1


GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Passage:
    """A stretch of a document: what the adversary gives, and what it hopes to get back.

    Attributes:
        tokens: (t,) ids, as the model under test counts them.
        prompt: how many of them the adversary gives; the rest is wanted. 0 where nothing is given
            (a document whose membership is in question).
        document: which document it is from.
        start: where in the document's ids it begins.
    """

    tokens: Ints
    prompt: int = 0
    document: str = ""
    start: int = 0

    def __post_init__(self) -> None:
        if self.tokens.ndim != 1 or self.tokens.dtype != np.int64:
            raise BadInput(
                f"A passage's tokens are {self.tokens.dtype} of shape {self.tokens.shape}; they "
                "must be int64 in one dimension.",
                way_out="Cut them from what the model's `tokens` returned.",
            )
        if not 0 <= self.prompt <= len(self.tokens):
            raise BadInput(
                f"A passage of {len(self.tokens)} tokens has a prompt of {self.prompt}.",
                way_out="The prompt is a part of the passage.",
            )

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def given(self) -> Ints:
        """Return the ids of the prompt."""
        return self.tokens[: self.prompt]

    @property
    def wanted(self) -> Ints:
        """Return the ids that the adversary hopes to get back."""
        return self.tokens[self.prompt :]


def cut(
    tokens: Ints, *, prompt: int, wanted: int, stride: int, document: str = ""
) -> list[Passage]:
    """Return the passages of a document, one every `stride` tokens; none if it is too short.

    >>> [p.start for p in cut(np.arange(10), prompt=2, wanted=3, stride=4)]
    [0, 4]
    """
    size = prompt + wanted
    return [
        Passage(tokens=tokens[i : i + size], prompt=prompt, document=document, start=i)
        for i in range(0, len(tokens) - size + 1, stride)
    ]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TokenLogprobs:
    """What a model says to each token of one given text, each after the true tokens before it.

    Entry i of every array is about token i of the text; what was not asked for (before `first`),
    has nothing before it (token 0) or is withheld is NaN, -1 for ranks.

    Attributes:
        logprobs: (t,) natural logarithm of the token's probability, the model as it is.
        ranks: (t,) tokens that are likelier; 0 where greedy generation would go on with this one.
        margins: (t,) logit of the token less that of the likeliest other one: above 0 where its
            rank is 0, near 0 where rounding decides.
        sampled: (t,) logarithm of the probability of drawing it under the sampling scheme that
            was asked for, -inf where it can't be drawn; None if none was asked for, or what is
            shown does not tell.
        means: (t,) expected log-probability of the next token (minus the entropy); None if it was
            not asked for, or what is shown does not tell.
        spreads: (t,) standard deviation of that log-probability; None likewise.
        others: (t, k) ids of the likeliest tokens at each place, best first, -1 where not asked;
            None if no alternatives were asked for.
        other_logprobs: (t, k) their log-probabilities; None likewise.
    """

    logprobs: Floats
    ranks: Ints
    margins: Floats
    sampled: Floats | None = None
    means: Floats | None = None
    spreads: Floats | None = None
    others: Ints | None = None
    other_logprobs: Floats | None = None

    def __len__(self) -> int:
        return len(self.logprobs)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Continuation:
    """One text that a model wrote after one prompt.

    Attributes:
        prompt: which of the prompts it belongs to, from 0.
        tokens: (t,) ids written, without the token that ends a text.
        ended: whether the model ended it itself, before the tokens allowed were used.
        logprobs: (t,) log-probability of each, the model as it is (not the sampling scheme's);
            NaN where withheld; None where none are shown.
    """

    prompt: int
    tokens: Ints
    ended: bool = False
    logprobs: Floats | None = None


class LanguageModel(Protocol):
    """A model that writes text, before any policy.

    Attributes are properties so that frozen dataclasses and live objects both fit.
    """

    @property
    def name(self) -> str:
        """Return how messages call this model."""
        ...

    @property
    def channels(self) -> Channel:
        """Return TOKENS; also LOGPROBS if `logprobs` works, and WEIGHTS in process."""
        ...

    @property
    def unit(self) -> str:
        """Return what ids count: "token", or "byte" for an endpoint whose tokens are unknown."""
        ...

    @property
    def vocabulary(self) -> int:
        """Return the number of ids: each is in [0, vocabulary)."""
        ...

    @property
    def context(self) -> int:
        """Return the most ids that prompt and continuation may have together."""
        ...

    @property
    def begin(self) -> int | None:
        """Return the id that stands at the beginning of a text; None if there is none."""
        ...

    @property
    def forces_whole(self) -> bool:
        """Return whether a text costs one query to score; if not, each of its tokens does."""
        ...

    @property
    def tie_margin(self) -> float:
        """Return the margin (`TokenLogprobs.margins`) below which rounding may decide.

        The same logits come out a little different in a batch of another shape: where the best
        two are as near as this, only generating the text tells which of them is taken.
        """
        ...

    def tokens(self, text: str) -> Ints:
        """Return (t,) the ids of a text, nothing added before or behind."""
        ...

    def text(self, tokens: Ints) -> str:
        """Return what ids say. `tokens(text(ids))` need not be `ids`."""
        ...

    def logprobs(
        self,
        texts: Sequence[Ints],
        *,
        first: Sequence[int],
        sampling: Sampling | None = None,
        alternatives: int = 0,
        moments: bool = False,
    ) -> list[TokenLogprobs]:
        """Return what the model says to each token of given texts, teacher-forced.

        Args:
            texts: ids; the model sees exactly these.
            first: for each text the position from which on its tokens are asked about, at least 1.
            sampling: the scheme that `TokenLogprobs.sampled` is about.
            alternatives: how many of the likeliest tokens to return beside each.
            moments: also return `means` and `spreads`, where the target can.

        Raises: BadInput for a text beyond the context or ids out of range; BadAnswer; NotExposed
            if LOGPROBS is shut.
        """
        ...

    def generate(
        self,
        prompts: Sequence[Ints],
        *,
        new_tokens: int,
        n: int = 1,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> list[Continuation]:
        """Return `n` continuations of each prompt, those of one prompt together, prompts in order.

        The same arguments give the same texts, however they are batched inside.

        Args:
            prompts: ids; the model sees exactly these. An empty one stands for `begin`.
            new_tokens: most tokens to write.
            n: texts for each prompt.
            sampling: how tokens are drawn.
            seed: of the draws; without effect where nothing is left to chance.

        Raises: BadInput for prompts that leave no room, or ids out of range; BadAnswer.
        """
        ...

    def weights(self) -> object:
        """Return the model itself, for white-box attacks.

        Raises: NotExposed if there is none to hand out.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TextClaim:
    """What an attack says about n passages, or about n texts that it had the model write.

    Attributes:
        scores: (n,) higher is surer that it was trained on; the ranking that is graded.
        verdicts: (n,) whether the model gives the wanted part back word for word when it takes
            the likeliest tokens; None for an attack that does not say.
        log_p: (n,) logarithm of the probability that one draw under `sampling` gives the wanted
            part back word for word; NaN where unknown; None for an attack that does not say.
        longest: (n,) longest run of tokens that a continuation shares with the wanted part; None
            likewise.
        similarity: (n,) 1 less the edit distance to it over the longer length; None likewise.
        sampling: the scheme that `log_p` is about.
        baseline: (n,) the same score by what the public knows (reference model or corpus), so that
            `scores` is what is left; None where nothing corrects it.
        public: (n,) whether the public knows the wanted part, by that reference; None likewise.
        uncorrected: (n,) scores without that correction; None where there is none.
        written: n texts that the model wrote, for an attack that has no passages to begin with.
        notes: what the attack chose or found on the way (printed, never graded).
    """

    scores: Floats
    verdicts: Bools | None = None
    log_p: Floats | None = None
    longest: Ints | None = None
    similarity: Floats | None = None
    sampling: Sampling | None = None
    baseline: Floats | None = None
    public: Bools | None = None
    uncorrected: Floats | None = None
    written: tuple[Ints, ...] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def draws_needed(log_p: Floats, *, success: float) -> Floats:
    """Return how many draws give a passage back at least once with probability `success`.

    The inverse of (n, p)-discoverable extraction, 1 - (1 - p_z)^n >= p, with the smallest whole n;
    infinite where p_z is 0.

    Source: Hayes et al. 2024, https://arxiv.org/abs/2410.19482, equation 4.

    >>> draws_needed(np.log([0.5, 0.01]), success=0.5).tolist()
    [1.0, 69.0]
    """
    p = np.exp(np.minimum(log_p, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.ceil(np.log1p(-success) / np.log1p(-p) - 1e-9)
    n = np.where(p <= 0, np.inf, np.where(p >= 1, 1.0, np.maximum(n, 1.0)))
    return np.where(np.isnan(log_p), np.nan, n)


def extractable(log_p: Floats, *, draws: int, success: float) -> Bools:
    """Return whether `draws` draws give each passage back with probability `success` or more.

    Source: Hayes et al. 2024, https://arxiv.org/abs/2410.19482, equation 4. NaN counts as no.

    >>> extractable(np.log([0.5, 0.01]), draws=10, success=0.5).tolist()
    [True, False]
    """
    p = np.exp(np.minimum(log_p, 0.0))
    with np.errstate(divide="ignore"):
        at_least_once = -np.expm1(draws * np.log1p(-np.where(p >= 1, 1.0, p)))
    return np.asarray(np.nan_to_num(at_least_once) >= success - 1e-12, dtype=bool)
