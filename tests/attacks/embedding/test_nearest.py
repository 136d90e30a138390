"""The nearest own text, against looking at all of them."""

import numpy as np

from reticent.attacks.embedding.nearest import NearestText
from reticent.core.texts import texts_of
from reticent.testing.planted_texts import plant_texts


def test_each_claim_is_the_own_text_of_the_greatest_cosine() -> None:
    case = plant_texts(leak=True, seed=4, n=300, n_population=90)
    claim = NearestText().run(
        case.access, case.candidates, case.knowledge, np.random.default_rng(0)
    )
    assert case.knowledge.population is not None
    own = list(dict.fromkeys(texts_of(case.knowledge.population.x)))
    vectors = case.access.target.embed(own)
    goals = case.candidates.observed.embeddings
    cosine = (goals / np.linalg.norm(goals, axis=1, keepdims=True)) @ (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ).T
    np.testing.assert_allclose(claim.confidence, cosine.max(axis=1), atol=1e-6)
    for i, text in enumerate(claim.texts):
        assert cosine[i, own.index(text)] > cosine[i].max() - 1e-6
