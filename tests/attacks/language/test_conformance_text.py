"""Every attack on language models on the shelf obeys the laws; the table grows by itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language import TextAttack, text_attack_types
from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.attacks.language.screening import DocumentScreening
from reticent.attacks.language.unprompted import UnpromptedGeneration
from reticent.core.language import TextClaim
from reticent.testing import TEXT_ATTACK_CHECKS, NotConforming


def _made(name: str) -> TextAttack:
    kind: Any = text_attack_types()[name]
    if kind is DocumentScreening:  # the planted documents have forty letters
        return DocumentScreening(prompt=10, wanted=20, overlap=16)
    if kind is UnpromptedGeneration:
        return UnpromptedGeneration(texts=60, length=40)
    attack: TextAttack = kind()
    return attack


@pytest.mark.parametrize("check", TEXT_ATTACK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", text_attack_types())
def test_attack(name: str, check: Callable[[TextAttack], None]) -> None:
    attack = _made(name)
    assert attack.name == name
    check(attack)


class Blind(DiscoverableExtraction):  # type: ignore[misc]  # final by custom only
    def run(self, access: Any, passages: Any, knowledge: Any, rng: Any) -> TextClaim:
        claim = super().run(access, passages, knowledge, rng)
        return replace(claim, scores=np.zeros(len(passages)), verdicts=None)


class Unpaid(DiscoverableExtraction):  # type: ignore[misc]
    def run(self, access: Any, passages: Any, knowledge: Any, rng: Any) -> TextClaim:
        access.target.logprobs([p.tokens for p in passages], first=[1] * len(passages))
        return super().run(access, passages, knowledge, rng)


class Sure(DiscoverableExtraction):  # type: ignore[misc]
    def run(self, access: Any, passages: Any, knowledge: Any, rng: Any) -> TextClaim:
        claim = super().run(access, passages, knowledge, rng)
        return replace(claim, verdicts=np.ones(len(passages), dtype=bool))


@pytest.mark.parametrize(
    ("attack", "check"),
    [
        (Blind(), "finds_planted_text"),
        (Unpaid(), "counts_its_queries"),
        (Sure(), "stays_silent_on_other_text"),
    ],
)
def test_the_laws_catch_who_breaks_them(attack: TextAttack, check: str) -> None:
    law = next(each for each in TEXT_ATTACK_CHECKS if each.__name__ == check)
    with pytest.raises(NotConforming):
        law(attack)
