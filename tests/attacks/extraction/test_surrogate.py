"""The copy learns what can be learnt, within its budget, and says so."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reticent.access import QUERIED
from reticent.attacks._surrogate import copy_model
from reticent.attacks.base import Knowledge
from reticent.attacks.extraction.surrogate import SurrogateModel
from reticent.core import (
    BudgetSpent,
    Channel,
    ExtractionClaim,
    NotEnoughKnowledge,
    Population,
    canonical_rows,
)
from reticent.defences.abstain import Abstain
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget
from reticent.testing import Planted, plant_extraction
from reticent.testing.planted import door


def run(case: Planted, queries: int = 800) -> ExtractionClaim:
    rng = np.random.default_rng(1)
    attack = SurrogateModel(queries=queries)
    return attack.run(case.access, case.candidates, case.knowledge, rng)


def agreement(case: Planted, claim: ExtractionClaim) -> float:
    """Return the share of equal labels among the candidates that the endpoint answers."""
    answer = case.truth.answer
    assert answer is not None
    shown = case.access.policy.apply(answer, case.candidates.x).labels
    assert shown is not None
    assert claim.labels is not None
    answered = shown >= 0
    return float((claim.labels == shown)[answered].mean())


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(
    ("exposed", "policy"),
    [
        (Channel.LABEL, Policy()),
        (Channel.TOP_K, Policy((TopK(k=1),))),
        (Channel.TOP_K | Channel.LABEL, Policy((Abstain(confidence=0.4),))),
    ],
    ids=["labels", "top 1", "abstaining"],
)
def test_copies_a_tree(exposed: Channel, policy: Policy, table: bool) -> None:
    case = plant_extraction(copyable=True, seed=1, policy=policy, table=table)
    case = case.through(exposed=exposed)
    claim = run(case)
    assert agreement(case, claim) > 0.95
    # What the copy says of itself is what a stranger finds: within four standard errors.
    error = 4 * np.sqrt(0.05 * 0.95 / claim.notes["held_out"])
    assert abs(claim.notes["fidelity"] - agreement(case, claim)) < error


def test_copies_a_regressor() -> None:
    case = plant_extraction(copyable=True, seed=2, regression=True)
    claim, answer = run(case), case.truth.answer
    assert answer is not None
    assert answer.values is not None
    assert claim.values is not None
    assert np.mean((claim.values - answer.values) ** 2) < 0.05 * answer.values.var()


@pytest.mark.parametrize("regression", [False, True])
def test_claims_no_fidelity_where_there_is_nothing_to_learn(regression: bool) -> None:
    case = plant_extraction(copyable=False, seed=3, regression=regression)
    claim = run(case)
    if regression:
        assert claim.notes["fidelity"] < 0.1
    else:
        assert claim.notes["fidelity"] < case.known["majority"] + 4 * np.sqrt(
            0.25 / claim.notes["held_out"]
        )


def test_chooses_the_learner_that_copies_best() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(600, 6))
    y = (x @ rng.normal(size=6) > 0).astype(int)
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    copy = copy_model(door(SklearnTarget(line), Policy()), Population(x=x, y=y), rng, queries=600)
    assert copy.learner == "linear"
    assert copy.fidelity is not None
    assert copy.fidelity > 0.95


def test_active_questions_beat_rows_as_they_are() -> None:
    """With few rows of its own, variations near the boundary are what the copy learns from."""
    case = plant_extraction(copyable=True, seed=5, n_population=60)
    shares = [agreement(case, run(case, queries)) for queries in (60, 1200)]
    assert shares[1] > shares[0] + 0.1


def test_keeps_to_its_questions_and_never_asks_about_a_candidate() -> None:
    case = plant_extraction(copyable=True, seed=6, table=True).through(
        exposed=QUERIED, query_budget=300
    )
    asked: list[bytes] = []
    real = case.access.target

    class Listening:
        name, channels, classes, columns = real.name, real.channels, real.classes, real.columns

        def answer(self, x: pd.DataFrame) -> object:
            asked.extend(canonical_rows(x))
            return real.answer(x)

        def weights(self) -> object:
            return real.weights()

    run(replace(case, access=replace(case.access, target=Listening())))  # type: ignore[arg-type]  # a target in all but name
    assert 200 < len(asked) == case.access.queries <= 300
    assert not set(asked) & set(canonical_rows(case.candidates.x))


def test_says_what_it_lacks() -> None:
    case = plant_extraction(copyable=True, seed=7)
    rng = np.random.default_rng(0)
    with pytest.raises(NotEnoughKnowledge, match="rows of its own"):
        SurrogateModel().run(case.access, case.candidates, Knowledge(), rng)
    with pytest.raises(BudgetSpent, match="may ask 19 questions"):
        run(case.through(exposed=QUERIED, query_budget=19))


def test_a_model_that_always_says_the_same_is_copied() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(100, 3))
    model = LogisticRegression().fit(x, np.arange(100) % 2)
    model.coef_[:], model.intercept_[:] = 0.0, 5.0
    access = door(SklearnTarget(model), Policy())
    copy = copy_model(access, Population(x=x, y=np.zeros(100)), rng, queries=100)
    assert copy.fidelity == 1.0
    assert (np.asarray(copy.answer(x).labels) == 1).all()
