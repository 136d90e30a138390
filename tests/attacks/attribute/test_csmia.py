import numpy as np
import pandas as pd
import pytest
from attacks.attribute.models import Table, door_to

from reticent.attacks.attribute.csmia import Csmia, case_confidence, preference
from reticent.attacks.base import Knowledge
from reticent.core import (
    BadInput,
    Candidates,
    Channel,
    Domain,
    NotEnoughKnowledge,
    NotExposed,
    Seen,
)
from reticent.testing import plant_attribute


def test_the_three_cases_by_hand() -> None:
    # p(class 1) under h = 0 and h = 1, for three people whose outcome is 1.
    figures = {1.0: (0.9, 0.2), 2.0: (0.6, 0.8), 3.0: (0.1, 0.3)}

    def score(x: pd.DataFrame) -> list[float]:
        return [figures[a][h] for a, h in zip(x["a"], x["h"], strict=True)]

    access = door_to(Table(columns=("a", "h"), score=score))
    candidates = Candidates(
        x=pd.DataFrame({"a": [1.0, 2.0, 3.0]}), y=np.array([1, 1, 1]), missing=("h",)
    )
    knowledge = Knowledge(domains={"h": Domain(values=np.array([0, 1]))}, columns=("a", "h"))
    claim = Csmia().run(access, candidates, knowledge, np.random.default_rng(0))
    # Only 0 is right; both are and 1 is surer; neither is, and 1 is less sure of it.
    assert claim.guesses["h"].tolist() == [0, 1, 1]
    assert claim.notes["only_one_right"] == 1
    assert claim.confidence[0] > claim.confidence[1] > claim.confidence[2]
    assert access.queries == 6


def test_ties_go_to_the_commoner_value() -> None:
    access = door_to(Table(columns=("a", "h"), score=lambda x: x["a"] * 0 + 0.7))
    domain = Domain(values=np.array([0, 1]), prior=np.array([0.2, 0.8]))
    candidates = Candidates(x=pd.DataFrame({"a": [1.0]}), y=np.array([1]), missing=("h",))
    claim = Csmia().run(
        access,
        candidates,
        Knowledge(domains={"h": domain}, columns=("a", "h")),
        np.random.default_rng(0),
    )
    assert claim.guesses["h"].tolist() == [1]


@pytest.mark.parametrize("exposed", [Channel.SCORES | Channel.LABEL, Channel.TOP_K])
def test_finds_the_planted_leak_among_members(exposed: Channel) -> None:
    planted = plant_attribute(reveal=1.0, seed=1).through(exposed=exposed)
    claim = Csmia().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    assert planted.truth.records is not None
    right = claim.guesses["status"] == planted.truth.records["status"].to_numpy()
    inside = planted.truth.is_member
    assert right[inside].mean() > 0.95
    assert right[~inside].mean() < 0.5


def test_says_what_it_lacks() -> None:
    planted = plant_attribute(reveal=1.0, seed=1, seen=Seen.NOTHING)
    run = (planted.candidates, planted.knowledge, np.random.default_rng(0))
    with pytest.raises(NotEnoughKnowledge, match="neither outcome nor answer"):
        Csmia().run(planted.access, *run)
    known = plant_attribute(reveal=1.0, seed=1)
    shut = known.through(exposed=Channel.LABEL)
    with pytest.raises(NotExposed, match="lomia"):
        Csmia().run(shut.access, known.candidates, known.knowledge, np.random.default_rng(0))
    with pytest.raises(BadInput, match="3 combinations"):
        Csmia(max_completions=2).run(
            known.access, known.candidates, known.knowledge, np.random.default_rng(0)
        )


def test_rule_and_confidence() -> None:
    right = np.array([[True, False], [True, True], [False, False]])
    liked = preference(right, np.array([[0.6, 0.9], [0.7, 0.8], [0.9, 0.6]]))
    assert liked.argmax(axis=1).tolist() == [0, 1, 1]
    sure = case_confidence(right, liked)
    assert sure[0] > sure[1] > sure[2]
