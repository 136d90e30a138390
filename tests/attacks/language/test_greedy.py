"""Greedy verdicts without generating, against really generating."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.greedy import GreedyExtraction
from reticent.core.language import GREEDY, Passage
from reticent.testing.planted_passages import PlantedPassages, plant_passages


@dataclass
class Counting:
    """Another model, and how many tokens it was asked to read."""

    model: Any
    read: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def logprobs(self, texts: Any, **settings: Any) -> Any:
        self.read += [len(ids) for ids in texts]
        return self.model.logprobs(texts, **settings)


def _really(planted: PlantedPassages, passages: Any) -> list[bool]:
    written = [
        planted.access.target.generate([p.given], new_tokens=len(p.wanted), sampling=GREEDY)[0]
        for p in passages
    ]
    return [
        bool(np.array_equal(w.tokens, p.wanted)) for w, p in zip(written, passages, strict=True)
    ]


@pytest.mark.parametrize("looks", [(), (1,), (5, 16), (100,)])
def test_verdicts_are_those_of_real_generation(looks: tuple[int, ...]) -> None:
    planted = plant_passages(24, seed=5)
    spoiled = []
    for place in (12, 20, 39):  # one token changed: at once, on the way, and at the very end
        ids = planted.passages[int(np.argmax(planted.is_member))].tokens.copy()
        ids[place] = (ids[place] + 1) % 60 + 1
        spoiled.append(Passage(tokens=ids, prompt=12))
    passages = [*planted.passages, *spoiled]
    claim = GreedyExtraction(looks=looks).run(
        planted.access, passages, TextKnowledge(), np.random.default_rng(0)
    )
    assert claim.verdicts is not None
    real = _really(planted, passages)
    assert claim.verdicts.tolist() == real
    assert sum(real) >= 10
    # Tokens that surely come back before the first miss.
    assert claim.scores[-2] == 8
    assert claim.scores[-1] == 27


def test_a_text_that_is_out_at_once_is_read_no_further() -> None:
    planted = plant_passages(24, seed=5)
    counting = Counting(planted.access.target)
    access = replace(planted.access, target=counting)
    strangers = [
        p for p, known in zip(planted.passages, planted.is_member, strict=True) if not known
    ]
    GreedyExtraction(looks=(5, 16)).run(
        access, strangers, TextKnowledge(), np.random.default_rng(0)
    )
    assert len(counting.read) < 2 * len(strangers)
    assert sum(counting.read) < 20 * len(strangers)  # prompts of 12 and looks of 5; texts of 40
