import numpy as np
import pytest

from reticent.audit.language.grade import grade_passages, grade_written
from reticent.core import BadInput
from reticent.core.language import TextClaim

GROUP = np.array(["member"] * 10 + ["unseen"] * 10 + ["matched"] * 5)


def _claim(**parts: object) -> TextClaim:
    return TextClaim(scores=np.linspace(1, 0, 25), **parts)  # type: ignore[arg-type]


def _grade(claim: TextClaim):  # type: ignore[no-untyped-def]
    return grade_passages(claim, GROUP, draws=100, success=0.5, confidence=0.95)


def test_the_rate_stands_beside_both_nulls_with_exact_limits() -> None:
    verdicts = np.zeros(25, dtype=bool)
    verdicts[:6] = verdicts[10] = verdicts[20:22] = True
    graded = _grade(_claim(verdicts=verdicts))
    rates = {f.metric: f for f in graded.figures}
    assert (rates["greedy"].estimate, rates["greedy_unseen"].estimate) == (0.6, 0.1)
    assert rates["greedy_matched"].estimate == 0.4
    assert rates["greedy"].method == "clopper-pearson"
    assert round(rates["greedy"].lower, 3) == 0.262
    assert graded.primary.metric == "greedy_minus_matched"
    assert graded.primary.estimate == pytest.approx(0.2)
    assert rates["auc"].estimate == 1.0


def test_what_the_public_knows_does_not_count_and_is_printed() -> None:
    verdicts = np.zeros(25, dtype=bool)
    verdicts[:6] = True
    public = np.zeros(25, dtype=bool)
    public[:4] = True
    graded = _grade(_claim(verdicts=verdicts, public=public))
    rates = {f.metric: f.estimate for f in graded.figures}
    assert rates["greedy"] == 0.2
    assert rates["greedy_uncorrected"] == 0.6
    assert graded.primary.estimate == pytest.approx(0.2)
    assert graded.arrays["right"].sum() == 2


def test_probabilities_come_before_verdicts() -> None:
    log_p = np.full(25, -200.0)
    log_p[:3] = np.log(0.01)  # 100 draws give it back with probability 0.63
    log_p[3] = np.log(0.005)
    graded = _grade(_claim(log_p=log_p, verdicts=np.zeros(25, dtype=bool)))
    assert graded.primary.metric == "extractable_in_100_minus_matched"
    assert graded.primary.estimate == pytest.approx(0.3)


def test_scores_alone_are_membership() -> None:
    graded = _grade(_claim(uncorrected=np.zeros(25)))
    assert (graded.primary.metric, graded.primary.estimate) == ("auc", 1.0)
    assert graded.p_value is not None
    assert graded.p_value < 1e-3
    assert {f.metric: f.estimate for f in graded.figures}["auc_uncorrected"] == 0.5


def test_a_strange_group_is_refused() -> None:
    with pytest.raises(BadInput, match="no group 'other'"):
        grade_passages(_claim(), np.array(["other"] * 25), draws=1, success=0.5, confidence=0.95)


def test_written_text_counts_where_it_holds_training_text() -> None:
    corpus, control = [np.arange(100)], [np.arange(1000, 1100)]
    written = (
        np.concatenate([[7, 7], np.arange(30, 50)]),  # twenty tokens of the corpus
        np.arange(1030, 1040),
        np.arange(60, 69),  # one too few
        np.arange(40, 55),
    )
    claim = TextClaim(
        scores=np.array([4.0, 3.0, 2.0, 1.0]),
        written=written,
        public=np.array([False, False, False, True]),
    )
    graded = grade_written(claim, corpus, control, least=10, confidence=0.95)
    rates = [(f.metric, f.estimate) for f in graded.figures]
    assert rates == [
        ("holds_10_tokens", 0.25),
        ("holds_10_tokens", 0.25),
        ("holds_10_tokens_uncorrected", 0.5),
        ("precision_of_the_top_tenth", 1.0),
    ]
    assert graded.primary.estimate == 0.0
