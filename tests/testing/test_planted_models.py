"""Models that keep rows, leak in trees, or can be copied, as stated."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from reticent.core import Channel
from reticent.testing import plant_artefact, plant_extraction, plant_tree


def test_a_neighbours_model_keeps_every_member_and_nobody_else() -> None:
    case = plant_artefact(keeps="neighbours", seed=1)
    model = case.access.weights()
    kept = {row.tobytes() for row in model[-1]._fit_X}  # type: ignore[index]  # a pipeline
    asked = model[:-1].transform(case.candidates.x)  # type: ignore[index]  # a pipeline
    found = np.array([row.tobytes() in kept for row in asked])
    np.testing.assert_array_equal(found, case.truth.is_member)


def test_a_margin_model_keeps_the_stated_share() -> None:
    case = plant_artefact(keeps="support vectors", seed=2)
    kept = len(case.access.weights()[-1].support_vectors_)  # type: ignore[index]  # a pipeline
    assert case.known["member_share"] == kept / case.truth.is_member.sum()
    assert 0 < case.known["member_share"] < 1


@pytest.mark.parametrize("leak", [True, False])
def test_a_tree_tells_the_status_exactly_where_stated(leak: bool) -> None:
    case = plant_tree(leak=leak, seed=3)
    y = np.asarray(case.candidates.y)
    fits = []
    for status in (0, 1):
        x = case.candidates.x.assign(status=status)[list(case.knowledge.columns)]  # type: ignore[union-attr]  # a table
        fits.append(case.access.labels(x) == y)
    told = fits[0] != fits[1]
    assert told.all() if leak else not told.any()
    if leak:
        np.testing.assert_array_equal(fits[1], case.truth.records["status"] == 1)  # type: ignore[index]  # a table


@pytest.mark.parametrize("copyable", [True, False])
def test_a_tree_can_be_copied_and_a_coin_cannot(copyable: bool) -> None:
    case = plant_extraction(copyable=copyable, seed=4)
    x = case.knowledge.population.x  # type: ignore[union-attr]  # always given
    copy = DecisionTreeClassifier(random_state=0).fit(x, case.access.labels(x))
    agreed = (copy.predict(case.candidates.x) == case.truth.answer.labels).mean()  # type: ignore[union-attr]  # always given
    # Four standard errors of a share of 1,000 above what the commonest label gets by itself.
    limit = case.known["majority"] + 4 * np.sqrt(0.25 / 1000)
    assert (agreed > limit) is np.bool_(copyable)


def test_a_formula_hands_out_no_weights() -> None:
    case = plant_extraction(copyable=False, seed=5)
    assert not Channel.WEIGHTS & case.access.target.channels
