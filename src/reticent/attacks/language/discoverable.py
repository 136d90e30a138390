"""How likely is a passage to come back, and within how many tries?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import drawn_plainly, log_p, said_to, verdicts_where_written
from reticent.attacks.language._correct import corrected
from reticent.attacks.language._signals import LEAST, ranked
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Channel
from reticent.core.language import (
    Passage,
    Sampling,
    TextClaim,
    draws_needed,
    extractable,
)
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverableExtraction:
    """Read the probability of every passage off one teacher-forced pass; write nothing.

    The probability of drawing the wanted part, token by token after the true tokens, is the
    product of the scheme's probabilities; greedy generation gives it back exactly where each of
    its tokens is the likeliest. Only where rounding decides a tie is the text generated.

    Differs from the paper: where a scheme's distribution is not shown (under a policy), plain
    sampling stands in for it, and the notes say so.

    Attributes:
        temperature: of the scheme.
        top_k: of the scheme; 0 for all tokens.
        top_p: of the scheme.
        draws: n of (n, p)-discoverable extraction.
        success: p of it.
    """

    name: ClassVar[str] = "discoverable-extraction"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = True
    cost: ClassVar[str] = "1 query a passage (behind a policy 1 a token), nothing written"
    source: ClassVar[str] = (
        "Hayes et al. 2024, Measuring memorization through probabilistic discoverable extraction, "
        "https://arxiv.org/abs/2410.19482"
    )

    temperature: float = 1.0
    top_k: int = 40
    top_p: float = 1.0
    draws: int = 100
    success: float = 0.5

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return log-probabilities and greedy verdicts of each passage.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        sampling = Sampling(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)
        said = said_to(access, passages, sampling=sampling)
        if not sampling.plain and all(each.sampled is None for each in said):
            sampling = Sampling()
            said = drawn_plainly(said)
        found = log_p(passages, said)
        greedy, ties = verdicts_where_written(access, passages, said)
        claim = TextClaim(
            scores=ranked(np.maximum(found, LEAST)),
            verdicts=greedy,
            log_p=found,
            sampling=sampling,
            notes={
                "scheme": f"temperature {sampling.temperature:g}, top_k {sampling.top_k}, "
                f"top_p {sampling.top_p:g}",
                "draws": self.draws,
                "success": self.success,
                "extractable": int(
                    extractable(found, draws=self.draws, success=self.success).sum()
                ),
                "fewest_draws": float(
                    np.min(draws_needed(found, success=self.success), initial=np.inf)
                ),
                "ties_generated": ties,
                "not_told": int(np.isnan(found).sum()),
            },
        )
        return corrected(
            claim,
            access,
            passages,
            knowledge,
            sampling=sampling,
            draws=self.draws,
            success=self.success,
        )
