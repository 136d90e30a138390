"""Documents are long enough for the passages, or refused; no more of them is read than it takes."""

import numpy as np
import pytest

from reticent.audit.language.experiment import TextExperiment, check_lengths
from reticent.core import BadInput
from reticent.core.language import Passage
from reticent.testing.ngram_lm import NGramModel


@pytest.mark.parametrize(
    ("training", "unseen", "most", "said"),
    [
        ([50], [100], 6, None),
        ([10] * 5, [10] * 10, 6, None),
        ([49], [100], 6, "member text has 4 passages of 10 tokens"),
        ([9] * 100, [100], 6, "member text has 0 passages"),
        ([50], [99], 6, "unseen text has 4 passages"),  # half of them are for matching
        ([50], [], 6, "unseen text has 0 passages"),
        ([500], [500], 4, "member text has 4 passages"),  # as many as are to be attacked
    ],
)
def test_five_passages_are_needed_on_each_side(training, unseen, most, said):
    if said is None:
        check_lengths(training, unseen, size=10, most=most, unit="token")
        return
    with pytest.raises(BadInput, match=said):
        check_lengths(training, unseen, size=10, most=most, unit="token")


def test_no_document_is_measured_once_there_are_enough():
    measured = []

    def lengths(side):
        for length in (40, 30, 80, 10):
            measured.append((side, length))
            yield length

    check_lengths(lengths("member"), lengths("unseen"), size=10, most=200, unit="token")
    assert measured == [
        ("member", 40), ("member", 30), ("unseen", 40), ("unseen", 30), ("unseen", 80),
    ]  # fmt: skip


def test_as_many_are_counted_as_will_be_under_attack():
    rng = np.random.default_rng(3)
    for _ in range(20):
        sides = [
            [
                Passage(tokens=rng.integers(1, 20, size=size), document=f"{side} {i}")
                for i, size in enumerate(rng.integers(1, 60, size=8))
            ]
            for side in ("training", "unseen")
        ]
        experiment = TextExperiment(
            target=NGramModel(texts=[]),
            owner="Test",
            kind="ngrams",
            model_digest="0" * 64,
            training=sides[0],
            unseen=sides[1],
            prompt=5,
            wanted=10,
        )
        _, group = experiment.passages()
        enough = all((group == name).sum() >= 5 for name in ("member", "unseen"))
        try:
            check_lengths(*(map(len, side) for side in sides), size=15, most=200, unit="token")
        except BadInput:
            assert not enough
        else:
            assert enough
