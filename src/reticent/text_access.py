"""The only door between an attack and a language model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reticent.core import (
    Answer,
    BudgetSpent,
    Channel,
    Choice,
    Ints,
    NotExposed,
    TextReply,
    TokenScores,
)
from reticent.core.language import (
    GREEDY,
    Continuation,
    LanguageModel,
    Sampling,
    TokenLogprobs,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_policy import shape_text

WRITTEN = Channel.TOKENS | Channel.LOGPROBS


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAccess:
    """A language model seen through a policy and paid for from two ledgers.

    Under an empty policy an adversary sees all that the target gives. Under any other it sees
    what callers of a guarded endpoint see: they may ask for the next token after a prompt and
    some alternatives, so scoring a text costs a query a token, and tells of the alternatives only.

    Attributes:
        target: the model before any policy.
        policy: what its endpoint does to every answer.
        ledger: where queries are booked: one a text written or scored, or one a token scored.
        token_ledger: where tokens are booked: those of prompts and those written.
        identity: who is asking.
        exposed: the channels this adversary can reach; narrowed further by the policy.
        secret: key of the policy's noise.
        alternatives: tokens whose scores an endpoint under a policy shows at each place.
    """

    target: LanguageModel
    policy: Policy
    ledger: QueryLedger
    token_ledger: QueryLedger
    identity: str
    exposed: Channel = WRITTEN
    secret: bytes = b""
    alternatives: int = 5

    @property
    def name(self) -> str:
        """Return how messages call the model."""
        return self.target.name

    @property
    def channels(self) -> Channel:
        """Return the channels that are open here. WEIGHTS are beyond any policy's reach (A15)."""
        offered = self.target.channels & self.exposed
        beyond = offered & Channel.WEIGHTS
        return self.policy.exposes(offered & ~Channel.WEIGHTS) | beyond

    @property
    def queries(self) -> int:
        """Return the queries booked for this identity."""
        return self.ledger.spent(self.identity)

    @property
    def tokens_spent(self) -> int:
        """Return the tokens booked for this identity."""
        return self.token_ledger.spent(self.identity)

    def only(self, exposed: Channel) -> "TextAccess":
        """Return this door with fewer channels."""
        return replace(self, exposed=self.exposed & exposed)

    @property
    def begin(self) -> int | None:
        """Return the id that stands at the beginning of a text; None if there is none."""
        return self.target.begin

    @property
    def context(self) -> int:
        """Return the most ids that prompt and continuation may have together."""
        return self.target.context

    @property
    def tie_margin(self) -> float:
        """Return the margin below which rounding may decide; see `LanguageModel`."""
        return self.target.tie_margin

    def tokens(self, text: str) -> Ints:
        """Return (t,) the ids of a text; tokenisers are public, this costs nothing."""
        return self.target.tokens(text)

    def text(self, tokens: Ints) -> str:
        """Return what ids say; costs nothing."""
        return self.target.text(tokens)

    @property
    def scores_whole(self) -> bool:
        """Return whether a text costs one query to score; if not, each of its tokens does."""
        return self.target.forces_whole and not self.policy.defences

    def logprobs(
        self,
        texts: Sequence[Ints],
        *,
        first: Sequence[int],
        sampling: Sampling | None = None,
        moments: bool = False,
    ) -> list[TokenLogprobs]:
        """Return what the endpoint tells of each token of given texts.

        Under a policy, a token that is not among the alternatives shown has NaN for its score and
        their number for its rank, and `sampled` is given for plain sampling only.

        Args:
            texts: ids.
            first: for each text, the position from which on its tokens are asked about, from 1.
            sampling: the scheme that `TokenLogprobs.sampled` is about.
            moments: also return `means` and `spreads`, where they are told.

        Raises: NotExposed, BudgetSpent, BadInput, BadAnswer.
        """
        self._open(Channel.LOGPROBS)
        asked = [max(len(ids) - start, 0) for ids, start in zip(texts, first, strict=True)]
        if self.scores_whole:
            self._charge(len(texts), sum(len(ids) for ids in texts))
            return self.target.logprobs(texts, first=first, sampling=sampling, moments=moments)
        read = sum(
            sum(range(start, len(ids)))
            for ids, start in zip(texts, first, strict=True)
            if start < len(ids)
        )
        self._charge(sum(asked), read + sum(asked))
        if not self.policy.defences:
            return self.target.logprobs(texts, first=first, sampling=sampling, moments=moments)
        raw = self.target.logprobs(texts, first=first, alternatives=self.alternatives)
        return [
            self._shown(ids, start, each, sampling)
            for ids, start, each in zip(texts, first, raw, strict=True)
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
        """Return `n` continuations of each prompt, those of one prompt together.

        Each continuation is a query; a prompt's tokens are booked once, as endpoints do. Scores of
        the written tokens are shown where LOGPROBS is open and no policy shapes them.

        Raises: NotExposed, BudgetSpent, BadInput, BadAnswer.
        """
        self._open(Channel.TOKENS)
        most = sum(len(ids) for ids in prompts) + len(prompts) * n * new_tokens
        self._charge(len(prompts) * n, most)
        written = self.target.generate(
            prompts, new_tokens=new_tokens, n=n, sampling=sampling, seed=seed
        )
        if Channel.LOGPROBS & self.channels and not self.policy.defences:
            return written
        return [replace(each, logprobs=None) for each in written]

    def weights(self) -> object:
        """Return the model itself; no policy stands between (A15)."""
        self._open(Channel.WEIGHTS)
        return self.target.weights()

    def _shown(
        self, ids: Ints, first: int, raw: TokenLogprobs, sampling: Sampling | None
    ) -> TokenLogprobs:
        """Return what is left of a text's scores if each was asked for as a next token."""
        places = range(first, len(ids))
        logprobs = np.full(len(ids), np.nan)
        ranks = np.full(len(ids), -1, dtype=np.int64)
        margins = np.full(len(ids), np.nan)
        for t in places:
            shown = self._next(ids[:t], raw, t)
            found = {} if shown is None else shown
            own = found.pop(str(ids[t]), None)
            best = max((p for p in found.values() if p == p), default=0.0)
            if own is None or own != own or own <= 0:
                ranks[t] = len(found) if shown is not None and found else -1
                continue
            logprobs[t] = np.log(own)
            ranks[t] = sum(p > own for p in found.values())
            margins[t] = np.log(own) - np.log(best) if best > 0 else np.inf
        plain = sampling is not None and sampling.plain
        return TokenLogprobs(
            logprobs=logprobs, ranks=ranks, margins=margins, sampled=logprobs if plain else None
        )

    def _next(self, given: Ints, raw: TokenLogprobs, place: int) -> dict[str, float] | None:
        """Return what an endpoint shows of the next token: id -> probability; None for nothing."""
        if raw.others is None or raw.other_logprobs is None:
            raise NotExposed(
                f"{self.name} shows no alternatives to which a policy could be applied.",
                way_out="Audit it through its guard, or without a policy on top.",
            )
        kept = raw.others[place] >= 0
        texts = tuple(str(i) for i in raw.others[place][kept])
        table = np.exp(raw.other_logprobs[place][kept])[None, :]
        answer = Answer(labels=np.zeros(1, dtype=np.int64), scores=table)
        choice = Choice(index=0, text="", token_scores=TokenScores(tokens=(texts,), answer=answer))
        shaped = shape_text(
            TextReply(choices=(choice,)),
            self.policy,
            prompt_row=self._row(given),
            secret=self.secret,
        )
        scores = shaped.choices[0].token_scores if shaped.choices else None
        if scores is None or scores.answer.scores is None:
            return None
        return dict(zip(scores.tokens[0], scores.answer.scores[0].tolist(), strict=False))

    def _row(self, given: Ints) -> str:
        """Return the question as the guard's completions endpoint would have it."""
        fields: dict[str, Any] = {
            "logprobs": self.alternatives,
            "max_tokens": 1,
            "prompt": self.target.text(given),
            "temperature": 0.0,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def _charge(self, queries: int, tokens: int) -> None:
        """Book queries and tokens, both or neither."""
        left = self.token_ledger.left(self.identity)
        if left is not None and tokens > left:
            raise BudgetSpent(
                f"{self.identity!r} asked for {tokens} tokens with {left} left.",
                way_out="Raise token_budget, or choose an attack that asks less.",
            )
        self.ledger.charge(self.identity, queries)
        self.token_ledger.charge(self.identity, tokens)

    def _open(self, wanted: Channel) -> None:
        if not wanted & self.channels:
            shut = "/".join(c.name or "" for c in wanted)
            open_ = "/".join(c.name or "" for c in self.channels) or "nothing"
            raise NotExposed(
                f"{self.name} under policy {self.policy.digest[:12]} does not expose {shut} to "
                f"this adversary, only {open_}.",
                way_out="Choose an attack that needs less, or audit a more open exposure.",
            )
