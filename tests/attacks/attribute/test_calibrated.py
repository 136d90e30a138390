from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import door_to
from sklearn.ensemble import RandomForestClassifier

from reticent.attacks.attribute.calibrated import Calibrated
from reticent.attacks.attribute.imputation import Imputation
from reticent.attacks.attribute.map import Map
from reticent.attacks.base import Attack, Knowledge, Shadow
from reticent.core import (
    AttributeClaim,
    BadInput,
    Bools,
    Candidates,
    Channel,
    Column,
    Domain,
    NotEnoughKnowledge,
    Population,
    Seen,
)
from reticent.targets.sklearn import SklearnTarget
from reticent.testing import plant_attribute

COLUMNS = ("a", "b", "h")


def _forest(seed: int) -> tuple[Candidates, Knowledge, Column, SklearnTarget]:
    """Return 250 members then 250 others of a forest that learnt nothing but its people."""
    rng = np.random.default_rng(seed)
    n = 250
    x = pd.DataFrame(
        {
            "a": rng.normal(size=4 * n),
            "b": rng.normal(size=4 * n),
            "h": rng.choice(2, p=[0.7, 0.3], size=4 * n),
        }
    )
    y = rng.integers(2, size=4 * n).astype(np.int64)

    def fit(rows: Bools | slice, state: int) -> SklearnTarget:
        model = RandomForestClassifier(40, random_state=state)
        return SklearnTarget(model.fit(x[rows], y[rows]))

    population = Population(x=x[2 * n :].reset_index(drop=True), y=y[2 * n :])
    shadows = []
    for i in range(3):
        contains = rng.random(2 * n) < 0.5
        inside = np.append(np.zeros(2 * n, dtype=bool), contains)
        shadows.append(
            Shadow(access=door_to(fit(inside, i)), population=population, contains=contains)
        )
    knowledge = Knowledge(
        population=population,
        shadows=shadows,
        domains={"h": Domain(values=np.array([0, 1]))},
        columns=COLUMNS,
    )
    candidates = Candidates(x=x[: 2 * n][["a", "b"]], y=y[: 2 * n], missing=("h",))
    return candidates, knowledge, x["h"][: 2 * n].to_numpy(), fit(slice(0, n), 99)


def test_finds_in_forests_what_raw_map_misses() -> None:
    candidates, knowledge, truth, target = _forest(0)

    def members(attack: Attack) -> float:
        claim = attack.run(door_to(target), candidates, knowledge, np.random.default_rng(0))
        assert isinstance(claim, AttributeClaim)
        return float((claim.guesses["h"] == truth)[:250].mean())

    assert members(Calibrated()) > members(Map()) + 0.02
    assert members(Calibrated()) > members(Imputation()) + 0.08


@pytest.mark.parametrize("seen", list(Seen))
def test_finds_the_planted_leak_at_every_level(seen: Seen) -> None:
    planted = plant_attribute(reveal=1.0, seed=3, seen=seen)
    claim = Calibrated().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    inside = planted.truth.is_member
    assert right[inside].mean() > (0.6 if seen is Seen.NOTHING else 0.95)
    assert right[~inside].mean() < 0.75


def test_silence_leaves_imputation() -> None:
    planted = plant_attribute(reveal=0.0, seed=4, n=600, n_population=600)
    run = (planted.access, planted.candidates, planted.knowledge)
    assert planted.truth.records is not None
    truth = planted.truth.records["status"].to_numpy()
    ours = (Calibrated().run(*run, np.random.default_rng(0)).guesses["status"] == truth).mean()
    best = planted.known["imputation_accuracy"]
    assert best - 0.12 < ours < best + 0.05


@pytest.mark.parametrize("exposed", [Channel.LABEL, Channel.TOP_K])
def test_shadows_are_read_through_the_same_channels(exposed: Channel) -> None:
    planted = plant_attribute(reveal=1.0, seed=3).through(exposed=exposed)
    claim = Calibrated().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    assert right[planted.truth.is_member].mean() > 0.9
    assert planted.access.queries == 1200


def test_regressors_and_two_columns() -> None:
    planted = plant_attribute(
        reveal=1.0, seed=3, regression=True, hidden=("status", "level"), n=150, n_population=300
    )
    claim = Calibrated().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    inside = planted.truth.is_member
    for column in ("status", "level"):
        right = claim.guesses[column] == planted.truth.records[column].to_numpy()
        assert right[inside].mean() > 0.7
        assert right[inside].mean() - right[~inside].mean() > 0.1


def test_says_what_it_lacks() -> None:
    planted = plant_attribute(reveal=1.0, seed=3)
    run = (planted.access, planted.candidates)
    with pytest.raises(NotEnoughKnowledge, match="no shadow models"):
        Calibrated().run(*run, replace(planted.knowledge, shadows=()), np.random.default_rng(0))
    empty = [
        replace(s, contains=np.zeros(len(s.contains), dtype=bool))
        for s in planted.knowledge.shadows
    ]
    with pytest.raises(NotEnoughKnowledge, match="found no record"):
        Calibrated().run(*run, replace(planted.knowledge, shadows=empty), np.random.default_rng(0))
    with pytest.raises(BadInput, match="learn_from"):
        Calibrated(learn_from="nobody")  # type: ignore[arg-type]  # what is tested
