"""A tiny language model in pure numpy, whose memory is known: counts of what followed what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_letters, digits
from typing import final

import numpy as np

from reticent.core import BadInput, Channel, Floats, Ints, NotExposed
from reticent.core.language import GREEDY, Continuation, Sampling, TokenLogprobs

SIGNS = " " + ascii_letters + digits
_ORDER = 6
_SMOOTHING = 0.5  # pretended sightings, shared out as the shorter context would have it


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NGramModel:
    """Letters after up to six letters, each context smoothed by the next shorter one.

    Attributes:
        texts: ids that it was trained on.
        name: how messages call it.
        channels: what it shows.
        context: most ids at a time.
    """

    texts: Sequence[Ints]
    name: str = "ngrams"
    channels: Channel = Channel.TOKENS | Channel.LOGPROBS
    context: int = 512
    _counts: dict[tuple[int, ...], Floats] = field(init=False, repr=False, default_factory=dict)
    _known: dict[tuple[int, ...], Floats] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for ids in self.texts:
            plain = ids.tolist()
            for t, token in enumerate(plain):
                for size in range(min(t, _ORDER) + 1):
                    seen = self._counts.setdefault(tuple(plain[t - size : t]), np.zeros(len(SIGNS)))
                    seen[token] += 1

    @property
    def unit(self) -> str:
        """Return "token"."""
        return "token"

    @property
    def vocabulary(self) -> int:
        """Return the number of letters."""
        return len(SIGNS)

    @property
    def begin(self) -> int | None:
        """Return the space."""
        return 0

    @property
    def forces_whole(self) -> bool:
        """Return that a text costs one query."""
        return True

    @property
    def tie_margin(self) -> float:
        """Return a billionth: the same sums in the same order."""
        return 1e-9

    def tokens(self, text: str) -> Ints:
        """Return the ids of a text's letters; what is none is a space."""
        return np.array([max(SIGNS.find(sign), 0) for sign in text], dtype=np.int64)

    def text(self, tokens: Ints) -> str:
        """Return the letters."""
        return "".join(SIGNS[i] for i in tokens.tolist())

    def logprobs(
        self,
        texts: Sequence[Ints],
        *,
        first: Sequence[int],
        sampling: Sampling | None = None,
        alternatives: int = 0,
        moments: bool = False,
    ) -> list[TokenLogprobs]:
        """Return what the counts say; see `LanguageModel`."""
        return [
            self._said(ids, start, sampling, alternatives)
            for ids, start in zip(texts, first, strict=True)
        ]

    def generate(
        self,
        prompts: Sequence[Ints],
        *,
        new_tokens: int,
        n: int = 1,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> list[Continuation]:
        """Return `n` continuations of each prompt; see `LanguageModel`."""
        draws = np.random.default_rng(seed).random((len(prompts) * n, new_tokens))
        written = []
        for i, ids in enumerate(prompts):
            self._check(ids, new_tokens)
            for j in range(n):
                text = ids.tolist() or [0]
                for u in draws[i * n + j]:
                    mass = np.cumsum(np.exp(_scheme(self._next(text), sampling)))
                    text.append(int(np.searchsorted(mass, u * mass[-1], side="right")))
                new = np.array(text[-new_tokens:], dtype=np.int64)
                start = len(text) - new_tokens
                said = [self._next(text[:t])[text[t]] for t in range(start, len(text))]
                written.append(Continuation(prompt=i, tokens=new, logprobs=np.array(said)))
        return written

    def weights(self) -> object:
        """Raise NotExposed."""
        raise NotExposed(f"{self.name} hands out no counts.", way_out="Ask for tokens.")

    def _said(
        self, ids: Ints, first: int, sampling: Sampling | None, alternatives: int
    ) -> TokenLogprobs:
        self._check(ids, 0)
        columns = np.full((len(ids), 5), np.nan)
        ranks = np.full(len(ids), -1, dtype=np.int64)
        others = np.full((len(ids), alternatives), -1, dtype=np.int64)
        beside = np.full((len(ids), alternatives), np.nan)
        plain = ids.tolist()
        for t in range(first, len(plain)):
            said, token = self._next(plain[:t]), plain[t]
            mean = float(np.exp(said) @ said)
            columns[t] = (
                said[token],
                said[token] - np.delete(said, token).max(),
                _scheme(said, sampling or GREEDY)[token],
                mean,
                max(float(np.exp(said) @ said**2) - mean**2, 0.0) ** 0.5,
            )
            order = np.argsort(-said, kind="stable")
            ranks[t] = int(np.flatnonzero(order == token)[0])
            others[t], beside[t] = order[:alternatives], said[order[:alternatives]]
        return TokenLogprobs(
            logprobs=columns[:, 0],
            ranks=ranks,
            margins=columns[:, 1],
            sampled=columns[:, 2] if sampling else None,
            means=columns[:, 3],
            spreads=columns[:, 4],
            others=others if alternatives else None,
            other_logprobs=beside if alternatives else None,
        )

    def _next(self, text: list[int]) -> Floats:
        """Return (v,) the log-probabilities of the next letter."""
        context = tuple(text[-_ORDER:])
        known = self._known.get(context)
        if known is None:
            p = np.full(len(SIGNS), 1 / len(SIGNS))
            for size in range(len(context) + 1):
                seen = self._counts.get(context[len(context) - size :])
                if seen is None:
                    break
                p = (seen + _SMOOTHING * p) / (seen.sum() + _SMOOTHING)
            known = self._known[context] = np.log(p)
        return known

    def _check(self, ids: Ints, new_tokens: int) -> None:
        if len(ids) + new_tokens > self.context:
            raise BadInput(
                f"{len(ids) + new_tokens} tokens; {self.name} takes {self.context}.",
                way_out="Cut the text into shorter passages.",
            )


def _scheme(said: Floats, sampling: Sampling) -> Floats:
    """Return (v,) the log-probabilities under a sampling scheme."""
    order = np.argsort(-said, kind="stable")
    shown = np.full(len(said), -np.inf)
    if sampling.greedy:
        shown[order[0]] = 0.0
        return shown
    best = order[: sampling.top_k or len(order)]
    p = np.exp((said[best] - said[best[0]]) / sampling.temperature)
    p /= p.sum()
    stays = np.cumsum(p) - p < sampling.top_p
    shown[best[stays]] = np.log(p[stays] / p[stays].sum())
    return shown
