import numpy as np
import pytest

from reticent.attacks._complete import Answers
from reticent.attacks.attribute._evidence import (
    MISS_NATS,
    Performance,
    confusion_matrix,
    of_confidence,
    of_match,
    of_outcome,
    shown_of_class,
)
from reticent.core import Answer, Floats


def _scored(scores: Floats) -> Answers:
    n, k, classes = scores.shape
    flat = scores.reshape(-1, classes)
    labels = np.where(np.isfinite(flat), flat, -1).argmax(axis=1)
    return Answers(flat=Answer(labels=labels, scores=flat), asked=np.ones(n, dtype=bool), k=k)


def test_an_exact_match_wins_and_others_lose() -> None:
    answers = _scored(np.array([[[0.3, 0.7], [0.4, 0.6]]]))
    found = of_match(answers, Answer(scores=np.array([[0.4, 0.6]])))
    assert found.tolist() == [[-MISS_NATS, 0.0]]


def test_two_matches_are_not_told_apart() -> None:
    answers = _scored(np.array([[[0.3, 0.7], [0.4, 0.6], [0.4, 0.6]]]))
    found = of_match(answers, Answer(scores=np.array([[0.4, 0.6]])))
    assert found.tolist() == [[-MISS_NATS, 0.0, 0.0]]


def test_without_an_exact_match_nearer_is_likelier() -> None:
    answers = _scored(np.array([[[0.44, 0.56], [0.46, 0.54], [0.48, 0.52]]]))
    found = of_match(answers, Answer(scores=np.array([[0.5, 0.5]])))
    assert found[0].argmax() == 2
    assert found[0, 0] < found[0, 1] < found[0, 2] == 0.0


def test_labels_alone_match_or_say_nothing() -> None:
    answers = _scored(np.array([[[0.3, 0.7], [0.6, 0.4]], [[0.6, 0.4], [0.6, 0.4]]]))
    found = of_match(answers, Answer(labels=np.array([0, 1])))
    assert found.tolist() == [[-MISS_NATS, 0.0], [0.0, 0.0]]


def test_which_scores_are_withheld_is_an_answer_too() -> None:
    nan = np.nan
    answers = _scored(np.array([[[0.6, nan, nan], [nan, 0.6, nan]]]))
    found = of_match(answers, Answer(scores=np.array([[nan, 0.6, nan]])))
    assert found.tolist() == [[-MISS_NATS, 0.0]]


def test_outcome_likelihood_is_the_score_of_the_outcome() -> None:
    answers = _scored(np.array([[[0.3, 0.7], [0.6, 0.4]]]))
    found = of_outcome(answers, np.array([1]), Performance())
    assert np.exp(found[0]).tolist() == pytest.approx([0.7, 0.4])


def test_outcome_likelihood_of_a_label_is_its_column_of_the_confusion_matrix() -> None:
    flat = Answer(labels=np.array([0, 1, -1]))
    answers = Answers(flat=flat, asked=np.ones(1, dtype=bool), k=3)
    confusion = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    found = of_outcome(answers, np.array([1]), Performance(confusion=confusion))
    assert np.exp(found[0]).tolist() == pytest.approx([0.1, 0.7, 0.4])


def test_outcome_likelihood_of_a_value_is_normal() -> None:
    answers = Answers(flat=Answer(values=np.array([10.0, 12.0])), asked=np.ones(1, dtype=bool), k=2)
    spread = Performance(residuals=np.array([-2.0, 2.0]))  # root mean square 2
    found = of_outcome(answers, np.array([10.0]), spread)
    assert found[0].tolist() == pytest.approx([0.0, -0.5])


def test_withheld_scores_are_bounded() -> None:
    nan = np.nan
    # 0.3 is left for two classes, so at most 0.15 each on average; and never above the shown 0.7.
    assert shown_of_class(np.array([[[0.7, nan, nan]]]), np.array([2])) == pytest.approx(0.075)
    assert np.isnan(shown_of_class(np.array([[[nan, nan]]]), np.array([0]))).all()


def test_confidence_is_the_top_score() -> None:
    answers = _scored(np.array([[[0.3, 0.7], [0.9, 0.1]]]))
    assert np.exp(of_confidence(answers)[0]).tolist() == pytest.approx([0.7, 0.9])


def test_confusion_matrix_counts_and_smooths() -> None:
    found = confusion_matrix(np.array([0] * 9 + [1]), np.array([0] * 9 + [1]), 2)
    assert found[0].tolist() == pytest.approx([9.5 / 10, 0.5 / 10])
    assert found.sum(axis=1).tolist() == pytest.approx([1.0] * 3)
