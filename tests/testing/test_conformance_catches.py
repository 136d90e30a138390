"""The conformance tests turn red: one broken attack or defence for every law."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    Candidates,
    Channel,
    Family,
    MembershipClaim,
    NotEnoughKnowledge,
    NotExposed,
)
from reticent.defences import Keyed
from reticent.testing import ATTACK_CHECKS, DEFENCE_CHECKS, NotConforming
from reticent.testing.cases import LARGE, cases_for
from reticent.testing.conformance_defence import examples_of

ATTACK = {check.__name__: check for check in ATTACK_CHECKS}
DEFENCE = {check.__name__: check for check in DEFENCE_CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """A plain loss attack that can be broken in one place."""

    name: ClassVar[str] = "toy"
    family: ClassVar[Family] = Family.MEMBERSHIP
    accepts: ClassVar[Channel] = Channel.SCORES
    wants: ClassVar[frozenset[str]] = frozenset({"references"})
    cost: ClassVar[str] = "1 query a candidate"
    source: ClassVar[str] = "Yeom et al. 2018, https://arxiv.org/abs/1709.01604"

    broken: str = ""
    setting: Any = 1.0

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> MembershipClaim:
        """Return the log-odds of the outcome."""
        x, y = candidates.x, np.asarray(candidates.y)
        if not knowledge.references and self.broken != "lacks":
            raise NotEnoughKnowledge("toy has no reference models.")
        if self.broken == "bypass":
            p = access.target.answer(x).scores
        elif self.broken == "shut":
            try:
                p = access.scores(x)
            except NotExposed:
                p = np.full((len(x), 2), 0.5)
        else:
            p = access.scores(x)
        assert p is not None
        scores = np.log(p[np.arange(len(y)), y]) - np.log1p(-p[np.arange(len(y)), y])
        if self.broken == "sign":
            scores = -scores
        elif self.broken == "blind":
            scores = rng.normal(size=len(y))
        elif self.broken == "clock":
            scores = scores + time.perf_counter_ns()
        elif self.broken == "mutates":
            y[:] = 0
        elif self.broken == "short":
            scores = scores[:-1]
        return MembershipClaim(scores=scores)


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
def test_an_honest_attack_passes(check: Callable[[Toy], None]) -> None:
    check(Toy())


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        ("sign", "finds_the_planted_leak"),
        ("blind", "finds_the_planted_leak"),
        ("clock", "is_deterministic"),
        ("bypass", "counts_its_queries"),
        ("bypass", "keeps_to_its_query_budget"),
        ("shut", "refuses_shut_channels"),
        ("lacks", "says_what_it_lacks"),
        ("mutates", "leaves_its_inputs_alone"),
        ("short", "answers_every_candidate"),
    ],
)
def test_a_broken_attack_is_caught(broken: str, law: str) -> None:
    with pytest.raises(NotConforming, match="toy"):
        ATTACK[law](Toy(broken=broken))


def test_settings_that_are_no_json_are_caught() -> None:
    with pytest.raises(NotConforming, match="no JSON"):
        ATTACK["serialises_its_settings"](Toy(setting=np.ones(2)))
    with pytest.raises(NotConforming, match="no JSON"):
        ATTACK["serialises_its_settings"](Toy(setting=float("nan")))


def test_a_finding_where_nothing_is_is_caught() -> None:
    """An attack that knows who is a member finds "leaks" in silence."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Seer(Toy):
        def run(self, access: Access, *_: object) -> MembershipClaim:  # type: ignore[override]  # only one argument matters
            twin = cases_for(Toy())[0].silent(LARGE)
            return MembershipClaim(scores=twin.truth.is_member.astype(float))

    with pytest.raises(NotConforming, match="finds something where nothing is"):
        ATTACK["stays_silent_on_none"](Seer())


def test_an_attack_without_a_source_is_caught() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Uncited(Toy):
        source: ClassVar[str] = "everybody knows"

    with pytest.raises(NotConforming, match="cites no source"):
        ATTACK["describes_itself"](Uncited())


@dataclass(frozen=True, slots=True)
class Shade:
    """A rounding step that can be broken in one place."""

    kind: ClassVar[str] = "shade"
    keyed: ClassVar[bool] = False

    broken: str = ""

    def narrows(self, channels: Channel) -> Channel:
        """Leave the channels as they are."""
        if self.broken == "widens":
            return channels | Channel.LABEL
        return channels & ~Channel.SCORES if self.broken == "says" else channels

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Round the scores."""
        scores = answer.scores
        if scores is None:
            return answer
        if self.broken == "adds":
            scores = np.nan_to_num(scores, nan=0.1)
        elif self.broken == "neighbours":
            scores = scores - np.nanmean(scores)
        elif self.broken == "keyed":
            scores = scores + noise.uniforms(1)
        elif self.broken == "impure":
            scores += 0.001
        elif self.broken == "drops":
            scores = scores[1:]
        return Answer(labels=answer.labels, scores=scores.round(2), values=answer.values)


@pytest.mark.parametrize(
    "law", [law for law in DEFENCE if law.split("_")[0] not in {"survives", "is"}]
)
def test_an_honest_defence_passes(law: str) -> None:
    DEFENCE[law](Shade())


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        ("widens", "narrows_and_never_widens"),
        ("adds", "withholds_and_never_adds"),
        ("drops", "withholds_and_never_adds"),
        ("says", "keeps_to_the_channels_it_leaves"),
        ("neighbours", "treats_every_row_alone"),
        ("keyed", "draws_by_the_key_alone"),
        ("impure", "is_pure"),
        ("", "is_on_the_shelf_under_its_kind"),
    ],
)
def test_a_broken_defence_is_caught(broken: str, law: str) -> None:
    with pytest.raises(NotConforming):
        DEFENCE[law](Shade(broken=broken))  # type: ignore[arg-type]  # structurally a defence


def test_examples_are_found_by_trying() -> None:
    @dataclass(frozen=True, slots=True)
    class Picky(Shade):
        level: float = 7.0

        def __post_init__(self) -> None:
            if self.level != 2:
                raise ValueError("level must be 2")

    assert [d.level for d in examples_of(Picky)] == [2]  # type: ignore[attr-defined]  # its own field
