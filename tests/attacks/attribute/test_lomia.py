import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import Table, door_to

from reticent.attacks.attribute.lomia import Lomia, only_one
from reticent.attacks.base import Knowledge
from reticent.core import Candidates, Channel, Domain, NotEnoughKnowledge, NotExposed, Seen
from reticent.testing import plant_attribute


def test_learns_from_the_solved_records() -> None:
    # The model tells the value for a < 0 only; there the hidden value follows from b, and so it
    # does elsewhere, which the attack has to learn from what it has solved.
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    hidden = (x["b"] > 0).to_numpy().astype(np.int64)
    access = door_to(
        Table(
            columns=("a", "b", "h"),
            score=lambda t: np.where(t["a"] < 0, np.where(t["h"] == 1, 0.9, 0.1), 0.9),
        )
    )
    y = np.where(x["a"] < 0, hidden, 1).astype(np.int64)
    claim = Lomia().run(
        access,
        Candidates(x=x, y=y, missing=("h",)),
        Knowledge(domains={"h": Domain(values=np.array([0, 1]))}, columns=("a", "b", "h")),
        rng,
    )
    solved = (x["a"] < 0).to_numpy()
    assert claim.notes["solved"] == solved.sum()
    assert (claim.guesses["h"][solved] == hidden[solved]).all()
    assert (claim.guesses["h"][~solved] == hidden[~solved]).mean() > 0.85
    assert claim.confidence[solved].min() >= claim.confidence[~solved].max() - 0.03


def test_finds_the_planted_leak_by_labels_alone() -> None:
    planted = plant_attribute(reveal=1.0, seed=2, n=500).through(exposed=Channel.LABEL)
    claim = Lomia().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    inside = planted.truth.is_member
    assert right[inside].mean() > 0.95
    assert planted.access.queries == 1500


def test_nothing_solved_falls_back_to_the_domains_prior() -> None:
    planted = plant_attribute(reveal=0.0, seed=2)
    claim = Lomia().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert claim.notes["solved"] == 0
    assert claim.posterior["status"] == pytest.approx(np.full((400, 3), 1 / 3), abs=1e-6)


def test_the_observed_label_stands_in_for_the_outcome() -> None:
    planted = plant_attribute(reveal=1.0, seed=2, seen=Seen.LABEL)
    without = Candidates(
        x=planted.candidates.x, observed=planted.candidates.observed, missing=("status",)
    )
    claim = Lomia().run(planted.access, without, planted.knowledge, np.random.default_rng(0))
    assert claim.notes["solved"] >= planted.truth.is_member.sum()


def test_says_what_it_lacks() -> None:
    planted = plant_attribute(reveal=1.0, seed=1, regression=True)
    with pytest.raises(NotEnoughKnowledge, match="continuous outcome"):
        Lomia().run(planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0))
    classes = plant_attribute(reveal=1.0, seed=1)
    with pytest.raises(NotExposed):
        Lomia().run(
            classes.through(exposed=Channel.SCORES).access,
            classes.candidates,
            classes.knowledge,
            np.random.default_rng(0),
        )


def test_only_one() -> None:
    solved, value = only_one(np.array([[False, True, False], [True, True, False], [False] * 3]))
    assert solved.tolist() == [True, False, False]
    assert value[0] == 1
