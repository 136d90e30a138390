import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from reticent.core import BadInput
from reticent.training.deduplicate.near import (
    NearDuplicate,
    Permutations,
    near_duplicates,
    shingles,
    similarity,
)

WORDS = [f"word{i}" for i in range(400)]


def run(texts: list[str], threshold: float = 0.8) -> list[NearDuplicate]:
    permutations = Permutations.of(0)
    signatures = np.stack([permutations.signature(shingles(text)) for text in texts])
    return list(near_duplicates(texts.__getitem__, threshold=threshold, signatures=signatures))


def text_of(rng: np.random.Generator, count: int = 150) -> list[str]:
    return [WORDS[i] for i in rng.integers(len(WORDS), size=count)]


def test_shingles_are_runs_of_five_words() -> None:
    assert len(shingles("a b c d e f g")) == 3
    assert len(shingles("a b a b a b a b a b")) == 2
    assert shingles("One, two; THREE").tolist() == shingles("one two three").tolist()
    assert shingles("one two three").tolist() != shingles("three two one").tolist()
    assert len(shingles("...")) == 0


def test_planted_duplicates_are_found_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    originals = [text_of(rng) for _ in range(200)]
    copies = []
    for words in originals:
        changed = list(words)
        for at in rng.choice(150, size=2, replace=False):
            changed[at] = "otherwise"
        copies.append(changed)
    found = run([" ".join(words) for words in originals + copies])
    wanted = {
        200 + i
        for i, (a, b) in enumerate(zip(originals, copies, strict=True))
        if similarity(shingles(" ".join(a)), shingles(" ".join(b))) >= 0.8
    }
    assert len(wanted) > 190
    assert {each.document for each in found} == wanted
    assert all(each.kept == each.document - 200 for each in found)


DOCUMENTS = st.lists(
    st.lists(st.sampled_from(["a b c d e", "f g h i", "j", "k l m n o p", ""]), max_size=6).map(
        " ".join
    ),
    min_size=1,
    max_size=12,
)


@given(documents=DOCUMENTS, threshold=st.sampled_from([0.3, 0.8, 1.0]))
@settings(deadline=None)
def test_what_goes_resembles_what_stays(documents: list[str], threshold: float) -> None:
    found = run(documents, threshold)
    gone = {each.document for each in found}
    for each in found:
        assert each.kept not in gone
        assert each.kept < each.document
        own, kept = shingles(documents[each.document]), shingles(documents[each.kept])
        assert each.similarity == similarity(own, kept) >= threshold
    left = [text for i, text in enumerate(documents) if i not in gone]
    assert run(left, threshold) == []
    texts = {tuple(shingles(text).tolist()) for text in documents}
    assert texts == {tuple(shingles(text).tolist()) for text in left} or threshold < 1


def test_similarity_is_a_share() -> None:
    with pytest.raises(BadInput, match=r"\(0, 1\]"):
        run(["a"], 1.5)
