"""A recalled person is given away at the stated rate; nobody else is."""

import numpy as np
import pytest

from reticent.core import BadAnswer, Floats, Seen
from reticent.testing import Planted, plant_attribute, plant_record

FOUR_STANDARD_ERRORS = 4 * 0.5 / np.sqrt(2000)


def answers_by_status(case: Planted) -> Floats:
    """Return (3, n) how well each value of the hidden status explains the outcome."""
    found = []
    for status in case.knowledge.domains["status"].values:
        x = case.candidates.x.assign(status=status)[list(case.knowledge.columns)]  # type: ignore[union-attr]  # a table
        answer = case.access.ask(x)
        if answer.scores is None:
            found.append(-np.abs(answer.values - case.candidates.y))
        else:
            found.append(answer.scores[np.arange(len(x)), case.candidates.y])
    return np.array(found)


def right(case: Planted) -> Floats:
    """Return (n,) whether the best adversary guesses right."""
    explains = answers_by_status(case)
    values = case.knowledge.domains["status"].values
    place = {"north": 0, "south": 1, "west": 2}
    imputed = np.array([place[r] for r in case.candidates.x["region"]])  # type: ignore[call-overload]  # a table
    guess = np.where(np.ptp(explains, axis=0) < 1e-9, imputed, explains.argmax(axis=0))
    return np.asarray(values[guess] == case.truth.records["status"].to_numpy(), dtype=float)  # type: ignore[index]  # a table


@pytest.mark.parametrize("reveal", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("regression", [False, True])
def test_the_best_guess_is_right_as_often_as_stated(reveal: float, regression: bool) -> None:
    case = plant_attribute(reveal=reveal, seed=1, n=4000, regression=regression)
    guessed, is_member = right(case), case.truth.is_member
    assert guessed[is_member].mean() == pytest.approx(
        case.known["member_accuracy"], abs=FOUR_STANDARD_ERRORS
    )
    assert guessed[~is_member].mean() == pytest.approx(
        case.known["non_member_accuracy"], abs=FOUR_STANDARD_ERRORS
    )


def test_silence_means_the_hidden_column_changes_no_answer() -> None:
    explains = answers_by_status(plant_attribute(reveal=0.0, seed=2))
    assert np.ptp(explains, axis=0).max() == 0


def test_shadows_give_away_their_own_members_and_nobody_else() -> None:
    case = plant_attribute(reveal=1.0, seed=3, shadows=1)
    shadow = case.knowledge.shadows[0]
    table, y = shadow.population.x, np.asarray(shadow.population.y)
    p = shadow.access.scores(table)[np.arange(len(y)), y]
    assert (p[shadow.contains] > 0.95).all()
    assert (p[~shadow.contains] < 0.95).mean() > 0.9
    assert right(case)[case.truth.is_member].all()


def test_a_record_comes_right_step_by_step() -> None:
    case = plant_record(reveal=1.0, seed=4)
    row = case.truth.records.iloc[np.flatnonzero(case.truth.is_member)[:1]]  # type: ignore[union-attr]  # a table
    y = int(np.asarray(case.candidates.y)[np.flatnonzero(case.truth.is_member)[0]])
    wrong = "single" if row["status"].item() != "single" else "married"
    level = (row["level"].item() + 5) % 10
    steps = [row.assign(status=wrong, level=level), row.assign(status=wrong), row]
    p = [case.access.scores(step)[0, y] for step in steps]
    assert p[0] < p[1] < p[2]


@pytest.mark.parametrize("seen", list(Seen))
def test_the_adversary_has_seen_what_is_stated_and_no_more(seen: Seen) -> None:
    case = plant_attribute(reveal=1.0, seed=5, seen=seen)
    observed = case.candidates.observed
    assert (case.candidates.y is None) == (seen is Seen.NOTHING)
    assert (observed is not None) == (seen in {Seen.LABEL, Seen.SCORES})
    assert (observed is not None and observed.scores is not None) == (seen is Seen.SCORES)
    assert "status" not in case.candidates.x


def test_a_table_with_other_columns_is_refused() -> None:
    case = plant_attribute(reveal=1.0, seed=6)
    with pytest.raises(BadAnswer, match="takes a table with the columns"):
        case.access.ask(case.candidates.x)
