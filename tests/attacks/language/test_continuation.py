"""What comes back when a model is asked to go on."""

from typing import Any

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language._public import PublicText
from reticent.attacks.language.continuation import Continuation
from reticent.core import Channel
from reticent.core.language import Passage, TextClaim
from reticent.testing.planted_passages import PlantedPassages, plant_passages


def _run(
    planted: PlantedPassages, knowledge: Any = None, passages: Any = None, **more: Any
) -> TextClaim:
    return Continuation(**more).run(
        planted.access,
        passages or planted.passages,
        knowledge or TextKnowledge(),
        np.random.default_rng(0),
    )


def test_members_come_back_word_for_word_through_words_alone() -> None:
    planted = plant_passages(20, seed=5).through(exposed=Channel.TOKENS)
    claim = _run(planted)
    assert claim.verdicts is not None
    assert claim.similarity is not None
    assert claim.longest is not None
    back = claim.verdicts
    assert back[planted.is_member].mean() >= 0.9
    assert not back[~planted.is_member].any()
    assert (claim.similarity[back] == 1).all()
    assert (claim.longest[back] == 28).all()
    assert claim.similarity[~planted.is_member].max() < 1
    assert claim.notes["given_back"] == int(back.sum())


def test_wanted_parts_of_other_lengths_go_each_with_its_own() -> None:
    planted = plant_passages(6, seed=5)
    known = planted.passages[int(np.argmax(planted.is_member))].tokens
    passages = [Passage(tokens=known[:size], prompt=12) for size in (20, 40, 13, 20)]
    claim = _run(planted, passages=passages)
    assert claim.longest is not None
    assert claim.longest.tolist() == [8, 28, 1, 8]


def test_what_a_reference_or_the_public_knows_is_taken_off() -> None:
    planted = plant_passages(12, seed=5)
    alike = TextKnowledge(references=[plant_passages(12, seed=5).access])
    claim = _run(planted, alike)
    assert claim.public is not None
    assert claim.uncorrected is not None
    assert claim.public[planted.is_member].all()
    assert (claim.scores[planted.is_member] == 0).all()
    assert (claim.uncorrected[planted.is_member] == 1).all()
    said_often = "Once upon a time there were words that all of us know by heart"
    passages = [Passage(tokens=planted.access.tokens(said_often), prompt=12), planted.passages[0]]
    said = _run(
        planted, TextKnowledge(public=PublicText([f"And {said_often}."], least=20)), passages
    )
    assert said.public is not None
    assert said.public.tolist() == [True, False]


def test_several_draws_keep_the_best_and_give_no_greedy_verdict() -> None:
    planted = plant_passages(12, seed=5)
    one, many = _run(planted, top_k=2, draws=2), _run(planted, top_k=2, draws=8)
    assert one.verdicts is None
    assert one.similarity is not None
    assert many.similarity is not None
    assert many.similarity.mean() >= one.similarity.mean()
    assert planted.access.queries == 12 * 10
