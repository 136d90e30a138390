from dataclasses import replace
from typing import Any

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.screening import DocumentScreening, apart
from reticent.core.language import Passage
from reticent.testing.ngram_lm import NGramModel
from reticent.testing.planted_passages import plant_passages

SCREEN = DocumentScreening(prompt=10, wanted=12, overlap=10, confirm=2)


def _document() -> tuple[Any, Passage, int]:
    """A long text with one passage in it that the model knows by heart, and where it begins."""
    planted = plant_passages(8, seed=2)
    known = planted.passages[int(np.flatnonzero(planted.is_member)[0])].tokens
    rng = np.random.default_rng(1)
    ids = np.concatenate(
        [rng.integers(1, 63, size=37), known, rng.integers(1, 63, size=50)]
    ).astype(np.int64)
    return planted, Passage(tokens=ids, document="long"), 37


def test_a_window_is_the_sum_of_its_wanted_tokens() -> None:
    planted, document, _ = _document()
    (sums,) = SCREEN.screen(planted.access, [document])
    (said,) = planted.access.target.logprobs([document.tokens], first=[1])
    wanted = [said.logprobs[i + 10 : i + 22].sum() for i in range(len(document) - 21)]
    np.testing.assert_allclose(sums, wanted, atol=1e-9)


def test_a_document_beyond_the_context_is_read_in_parts_that_overlap() -> None:
    planted, document, _ = _document()
    model: NGramModel = planted.access.target
    short = NGramModel(texts=model.texts, context=30)
    (whole,) = SCREEN.screen(planted.access, [document])
    narrow = replace(planted.access, target=short)
    (parts,) = SCREEN.screen(narrow, [document])
    (chosen,) = replace(SCREEN, part=30).screen(planted.access, [document])
    np.testing.assert_allclose(chosen, whole, atol=1e-9)
    np.testing.assert_allclose(parts, whole, atol=1e-9)  # six letters before are all that counts


def test_the_place_known_by_heart_is_found_and_confirmed() -> None:
    planted, document, start = _document()
    plain = Passage(tokens=document.tokens[:37], document="plain")
    claim = SCREEN.run(planted.access, [plain, document], TextKnowledge(), np.random.default_rng(0))
    assert claim.verdicts is not None
    assert claim.verdicts.tolist() == [False, True]
    assert claim.scores[1] > claim.scores[0]
    (sums,) = SCREEN.screen(planted.access, [document])
    best = int(np.argmax(sums))  # its wanted part lies inside what is known
    assert start <= best + 10
    assert best + 22 <= start + 40


def test_a_document_shorter_than_a_window_is_nothing() -> None:
    planted, document, _ = _document()
    tiny = Passage(tokens=document.tokens[:5])
    claim = SCREEN.run(planted.access, [tiny], TextKnowledge(), np.random.default_rng(0))
    assert claim.notes["windows_confirmed"] == 0
    assert np.isfinite(claim.scores).all()


def test_best_places_keep_their_distance() -> None:
    scores = np.array([5.0, 9.0, 8.0, 1.0, 7.0, -np.inf])
    assert apart(scores, 9, gap=2).tolist() == [1, 4]
    assert apart(scores, 9, gap=1).tolist() == [1, 2, 4, 0, 3]
