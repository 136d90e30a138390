"""What a model writes once it has left the word that it was asked for."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language._public import PublicText
from reticent.attacks.language.divergence import Divergence
from reticent.core import Ints
from reticent.core.language import Continuation
from reticent.testing.ngram_lm import NGramModel
from reticent.testing.planted_passages import plant_passages


@dataclass
class Loses:
    """Says the word a few times more and then a secret; or the word alone."""

    model: NGramModel
    secret: str
    asked: list[Ints]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def generate(self, prompts: Any, *, new_tokens: int, n: int = 1, **_: Any) -> Any:
        self.asked += list(prompts)
        said = []
        for i, ids in enumerate(prompts):
            word = self.model.text(ids).split()[-1]
            for j in range(n):
                text = f" {word}" * 3 + (f" {self.secret}" if (i + j) % 2 == 0 else f" {word}" * 9)
                said.append(Continuation(prompt=i, tokens=self.model.tokens(text)[:new_tokens]))
        return said


def _run(knowledge: TextKnowledge | None = None, *, secret: str = "ZQXJ 17", **more: Any) -> Any:
    planted = plant_passages(4, seed=1)
    model = Loses(planted.access.target, secret, [])  # type: ignore[arg-type]  # it is one
    access = replace(planted.access, target=model)
    attack = Divergence(words=("poem", "book"), draws=2, length=40, **more)
    return model, attack.run(access, (), knowledge or TextKnowledge(), np.random.default_rng(0))


def test_only_what_follows_the_word_is_claimed_the_longest_first() -> None:
    model, claim = _run(times=5)
    said = [model.text(ids) for ids in claim.written]
    assert said == ["ZQXJ 17", "", "", "ZQXJ 17"]
    assert claim.scores.tolist() == [7, 0, 0, 7]
    assert claim.notes == {"diverged": 2, "texts": 4}
    assert [model.text(ids) for ids in model.asked] == [
        "poem poem poem poem poem",
        "book book book book book",
    ]


def test_an_instruction_stands_before_the_word_and_room_is_left_for_the_answer() -> None:
    model, _ = _run(times=2, request="Say {word} for ever")
    assert model.text(model.asked[0]) == "Say poem for ever poem poem"
    model, _ = _run(times=500)
    assert all(len(ids) == 512 - 40 for ids in model.asked)


def test_what_the_public_knows_is_said() -> None:
    public = PublicText(["it is ab ZQXJ 17 ok by all"], least=3)
    _, claim = _run(TextKnowledge(public=public), times=5, secret="ab ZQXJ 17 ok")
    assert claim.public.tolist() == [True, False, False, True]
