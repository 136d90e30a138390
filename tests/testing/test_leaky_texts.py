import math

import numpy as np
import pytest

from reticent.testing.leaky_texts import (
    DIMENSIONS,
    Trigrams,
    fit_embedder,
    fit_trigrams,
    reference,
)


@pytest.fixture(scope="module")
def writer() -> Trigrams:
    return fit_trigrams(reference())


@pytest.mark.parametrize("context", [("the", "import"), ("never", "import"), ("so", "unseen")])
def test_probabilities_of_all_words_sum_to_one(writer: Trigrams, context: tuple[str, str]) -> None:
    total = math.fsum(writer.probability(*context, word) for word in writer.single)
    assert total == pytest.approx(1.0, abs=1e-9)


def test_what_is_written_carries_the_models_own_probabilities(writer: Trigrams) -> None:
    words = ["the", "import"]
    for chosen, *likeliest in writer.write("the import", tokens=8, alternatives=3):
        assert chosen[1] == math.log(writer.probability(words[-2], words[-1], chosen[0]))
        assert len(likeliest) == 3
        assert likeliest == sorted(likeliest, key=lambda pair: -pair[1])
        best = max(writer.probability(words[-2], words[-1], word) for word in writer.single)
        assert likeliest[0][1] == math.log(best)
        words.append(chosen[0])


def test_near_texts_have_near_embeddings() -> None:
    embedder = fit_embedder(reference(), seed=1)
    near, nearer, far = embedder.embed(
        ["the import statement loads a module", "a module is loaded by import", "complex numbers"]
    )
    assert near.shape == (DIMENSIONS,)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert cosine(near, nearer) > cosine(near, far) + 0.2
