"""What every attack on language models must do: ours and plug-ins'.

from reticent.testing import TEXT_ATTACK_CHECKS

@pytest.mark.parametrize("check", TEXT_ATTACK_CHECKS, ids=lambda check: check.__name__)
def test_my_attack_conforms(check):
    check(MyAttack())

They need numpy and scipy only: the model is one of n-grams, whose memory is known.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

import numpy as np
from scipy.stats import binom, hypergeom

from reticent.attacks.language.base import TextAttack, TextKnowledge, settings_of
from reticent.core import NO_CHANNEL, BudgetSpent, Channel, Ints, NotEnoughKnowledge, NotExposed
from reticent.core.language import Continuation, LanguageModel, TextClaim, TokenLogprobs
from reticent.testing.conformance import NotConforming
from reticent.testing.planted_passages import PlantedPassages, plant_passages

FOUND = 1e-6  # as for other attacks: a planted leak must be this surprising
SILENT = 1e-3
LARGE, SMALL = 64, 12
_HEART = 12  # letters in a row that chance never writes


def finds_planted_text(attack: TextAttack) -> None:
    """Demand success that chance explains with probability below `FOUND`, on every channel."""
    for exposed in _channels(attack):
        planted = _planted(attack, leaky=True).through(exposed=exposed)
        more, _ = surprise(_run(attack, planted), planted)
        _demand(
            more < FOUND,
            f"{attack.name} misses the planted text ({exposed}): chance alone does as well with "
            f"probability {more:.3g}, at most {FOUND:g} is allowed",
        )


def stays_silent_on_other_text(attack: TextAttack) -> None:
    """Demand success within the exact limits of chance where nothing was planted."""
    for exposed in _channels(attack):
        planted = _planted(attack, leaky=False).through(exposed=exposed)
        claim = _run(attack, planted)
        more, fewer = surprise(claim, planted)
        _demand(
            min(more, fewer) > SILENT,
            f"{attack.name} finds something where nothing is ({exposed}): chance does so with "
            f"probability {min(more, fewer):.3g}, below {SILENT:g}",
        )
        _demand(
            claim.verdicts is None or not claim.verdicts.any(),
            f"{attack.name} says that the model gives back a text it never saw",
        )


def is_deterministic(attack: TextAttack) -> None:
    """Demand the same claim twice from the same generator seed."""
    first, again = (_run(attack, _planted(attack, leaky=True, n=SMALL)) for _ in range(2))
    _demand(
        first.scores.tolist() == again.scores.tolist()
        and [ids.tolist() for ids in first.written or ()]
        == [ids.tolist() for ids in again.written or ()],
        f"{attack.name} claims something else the second time; all randomness must come from the "
        "generator that it is given",
    )


def counts_its_queries(attack: TextAttack) -> None:
    """Demand that the ledger books exactly the texts that reached the target."""
    planted, counted = _counted(_planted(attack, leaky=True, n=SMALL))
    _run(attack, planted)
    _demand(
        planted.access.queries == counted.asked[0] > 0,
        f"{attack.name} was charged {planted.access.queries} queries and asked "
        f"{counted.asked[0]}; ask through the access only",
    )


def keeps_to_its_query_budget(attack: TextAttack) -> None:
    """Demand BudgetSpent, or a claim within the budget, where there are too few queries."""
    for budget in (0, SMALL - 1):
        planted, counted = _counted(_planted(attack, leaky=True, n=SMALL), query_budget=budget)
        with suppress(BudgetSpent):
            _run(attack, planted)
        _demand(
            counted.asked[0] <= budget,
            f"{attack.name} asked {counted.asked[0]} times on a budget of {budget}",
        )


def refuses_shut_channels(attack: TextAttack) -> None:
    """Demand NotExposed where no channel that the attack accepts is open."""
    for exposed in (NO_CHANNEL, (Channel.TOKENS | Channel.LOGPROBS) & ~attack.accepts):
        try:
            _run(attack, _planted(attack, leaky=True, n=SMALL).through(exposed=exposed))
        except NotExposed:
            continue
        raise NotConforming(
            f"{attack.name} made a claim with only {exposed} open; it accepts {attack.accepts} "
            "and must raise NotExposed"
        )


def says_what_it_lacks(attack: TextAttack) -> None:
    """Demand NotEnoughKnowledge without what it wants, and a claim without anything else."""
    planted = dataclasses.replace(_planted(attack, leaky=True, n=SMALL), knowledge=TextKnowledge())
    try:
        _run(attack, planted)
    except NotEnoughKnowledge:
        _demand(bool(attack.wants), f"{attack.name} wants nothing, and lacks something")
        return
    _demand(not attack.wants, f"{attack.name} wants {set(attack.wants)}, and did without")


def claims_in_shape(attack: TextAttack) -> None:
    """Demand finite scores, one a passage or a written text, and parts of the same length."""
    planted = _planted(attack, leaky=True, n=SMALL)
    claim = _run(attack, planted)
    n = len(planted.passages) if claim.written is None else len(claim.written)
    parts = [getattr(claim, f.name) for f in dataclasses.fields(claim)]
    sizes = {len(part) for part in parts if isinstance(part, np.ndarray)}
    _demand(sizes == {n}, f"{attack.name} claims arrays of {sizes} for {n} texts")
    _demand(bool(np.isfinite(claim.scores).all()), f"{attack.name} has scores that are not finite")


def describes_itself(attack: TextAttack) -> None:
    """Demand a name, a cost, a source with an address or reason, settings that JSON carries."""
    facts = (attack.name, attack.cost, attack.source)
    _demand(all(type(fact) is str and fact for fact in facts), f"{attack.name} lacks a fact")
    settings = json.loads(json.dumps(settings_of(attack)))
    _demand(isinstance(settings, dict), f"{attack.name} has settings that JSON cannot carry")
    _demand(
        bool(attack.accepts) and not attack.accepts & ~(Channel.TOKENS | Channel.LOGPROBS),
        f"{attack.name} accepts {attack.accepts}; a text has tokens and log-probabilities",
    )


TEXT_ATTACK_CHECKS: tuple[Callable[[TextAttack], None], ...] = (
    finds_planted_text,
    stays_silent_on_other_text,
    is_deterministic,
    counts_its_queries,
    keeps_to_its_query_budget,
    refuses_shut_channels,
    says_what_it_lacks,
    claims_in_shape,
    describes_itself,
)


def surprise(claim: TextClaim, planted: PlantedPassages) -> tuple[float, float]:
    """Return P(at least so much success) and P(at most so much) if nothing leaked.

    Passages: members among the better half, hypergeometric. Written texts: those that hold a
    stretch of a member, of all that hold one of any passage, binomial at the members' share.
    """
    member = planted.is_member
    if claim.written is None:
        best = np.argsort(-claim.scores, kind="stable")[: len(member) // 2]
        hits, total = int(member[best].sum()), int(member.sum())
        law: Any = hypergeom(len(member), total, len(best))
        return float(law.sf(hits - 1)), float(law.cdf(hits))
    heart = [_stretches(passage.tokens) for passage in planted.passages]
    inside = set().union(*(heart[i] for i in np.flatnonzero(member)))
    outside = set().union(*(heart[i] for i in np.flatnonzero(~member)))
    mine = [_stretches(ids) for ids in claim.written]
    hits = sum(bool(each & inside) for each in mine)
    total = hits + sum(bool(each & outside) for each in mine)
    law = binom(total, 0.5)
    return float(law.sf(hits - 1)), float(law.cdf(hits))


def _stretches(ids: Ints) -> set[bytes]:
    return {ids[i : i + _HEART].tobytes() for i in range(len(ids) - _HEART + 1)}


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """A language model that counts what reaches it."""

    model: LanguageModel
    asked: list[int] = field(default_factory=lambda: [0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def logprobs(self, texts: Sequence[Ints], **settings: Any) -> list[TokenLogprobs]:
        self.asked[0] += len(texts)
        return self.model.logprobs(texts, **settings)

    def generate(self, prompts: Sequence[Ints], **settings: Any) -> list[Continuation]:
        self.asked[0] += len(prompts) * settings.get("n", 1)
        return self.model.generate(prompts, **settings)


def _counted(
    planted: PlantedPassages, *, query_budget: int | None = None
) -> tuple[PlantedPassages, _Counted]:
    counted: Any = _Counted(planted.access.target)
    return planted.through(target=counted, query_budget=query_budget), counted


@cache
def _texts(n: int, prompt: int, leaky: bool) -> PlantedPassages:
    return plant_passages(n, seed=5, prompt=prompt, leaky=leaky)


def _planted(attack: TextAttack, *, leaky: bool, n: int = LARGE) -> PlantedPassages:
    from reticent.testing.planted_passages import PROMPT

    return _texts(n, PROMPT if attack.prompted else 0, leaky).through()


def _channels(attack: TextAttack) -> list[Channel]:
    both = Channel.TOKENS | Channel.LOGPROBS
    return [both, *(one for one in attack.accepts if one is not Channel.LOGPROBS)]


def _run(attack: TextAttack, planted: PlantedPassages) -> TextClaim:
    return attack.run(planted.access, planted.passages, planted.knowledge, np.random.default_rng(3))


def _demand(holds: bool, broken: str) -> None:
    if not holds:
        raise NotConforming(broken)
