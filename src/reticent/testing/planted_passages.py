"""Language models of which it is known what they know by heart, and what of it is public."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reticent.attacks.language.base import TextKnowledge
from reticent.core import Bools, Channel, Ints
from reticent.core.language import LanguageModel, Passage
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.testing.ngram_lm import SIGNS, NGramModel
from reticent.text_access import WRITTEN, TextAccess

LENGTH = 40
PROMPT = 12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PlantedPassages:
    """A model, passages, and which of them it was trained on.

    Attributes:
        access: the door to the model.
        passages: half of them members where something was planted.
        is_member: (n,) which ones.
        knowledge: a reference model that saw none of them.
    """

    access: TextAccess
    passages: Sequence[Passage]
    is_member: Bools
    knowledge: TextKnowledge

    def through(
        self,
        *,
        exposed: Channel | None = None,
        query_budget: int | None = None,
        target: LanguageModel | None = None,
        policy: Policy | None = None,
    ) -> "PlantedPassages":
        """Return the same seen through another door, with fresh ledgers."""
        access = replace(
            self.access,
            exposed=self.access.exposed if exposed is None else exposed,
            ledger=QueryLedger(query_budget),
            token_ledger=QueryLedger(),
            target=target or self.access.target,
            policy=policy or self.access.policy,
        )
        return replace(self, access=access)


def plant_passages(
    n: int, *, seed: int, prompt: int = PROMPT, leaky: bool = True
) -> PlantedPassages:
    """Return n passages of random letters, half of them members of a model's training text.

    Args:
        n: passages.
        seed: of everything.
        prompt: tokens of each that the adversary gives.
        leaky: if not, the model was trained on none of them.
    """
    rng = np.random.default_rng([seed, 7])
    background = [_letters(rng) for _ in range(n)]
    texts = [_letters(rng) for _ in range(n)]
    is_member = np.zeros(n, dtype=bool)
    is_member[rng.permutation(n)[: n // 2]] = True
    seen = [ids for ids, member in zip(texts, is_member, strict=True) if member] if leaky else []
    identity = "attacker"

    def door(trained: Sequence[Ints], name: str) -> TextAccess:
        return TextAccess(
            target=NGramModel(texts=trained, name=name),
            policy=Policy(),
            ledger=QueryLedger(),
            token_ledger=QueryLedger(),
            identity=identity,
            exposed=WRITTEN,
        )

    return PlantedPassages(
        access=door([*background, *seen], "ngrams"),
        passages=[
            Passage(tokens=ids, prompt=prompt, document=f"text {i}") for i, ids in enumerate(texts)
        ],
        is_member=is_member,
        knowledge=TextKnowledge(references=(door(background, "reference"),)),
    )


def _letters(rng: np.random.Generator) -> Ints:
    return np.asarray(rng.integers(1, len(SIGNS), size=LENGTH), dtype=np.int64)
