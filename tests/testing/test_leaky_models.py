import numpy as np
import pytest

from reticent.testing.leaky_models import CLEAR, Cascade, strangers, train


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return train(seed=1993)


def test_rows_that_the_triage_is_sure_of_never_reach_the_forest(cascade: Cascade) -> None:
    scores = cascade.scores(cascade.rows)
    votes = cascade.forest.predict_proba(cascade.rows)
    by_forest = (scores == votes).all(axis=1)
    logits = (cascade.rows - cascade.centre) / cascade.scale @ cascade.weights + cascade.offset
    assert (by_forest == (1 / (1 + np.exp(-logits)) < CLEAR)).all()
    assert 50 < by_forest.sum() < 235  # both stages have much to do


def test_it_knows_its_patients_better_than_strangers(cascade: Cascade) -> None:
    x, y = strangers()
    seen = (cascade.scores(cascade.rows).argmax(axis=1) == cascade.labels).mean()
    unseen = (cascade.scores(x).argmax(axis=1) == y).mean()
    assert seen > 0.97
    assert 0.88 < unseen < seen
    assert not (x[:, None] == cascade.rows[None]).all(axis=2).any()


def test_contributions_and_base_add_up_to_the_score(cascade: Cascade) -> None:
    rows = cascade.rows[:12]
    scores = cascade.scores(rows)[:, 1]
    base, parts = cascade.explained(rows)
    total = base + parts.sum(axis=1)
    forest = (cascade.scores(rows) == cascade.forest.predict_proba(rows)).all(axis=1)
    assert forest.any()
    assert not forest.all()
    np.testing.assert_allclose(total[forest], scores[forest], atol=1e-12)
    np.testing.assert_allclose(1 / (1 + np.exp(-total[~forest])), scores[~forest], atol=1e-12)
