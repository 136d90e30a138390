"""What every attack must do, for any attack: ours and plug-ins'.

from reticent.testing import ATTACK_CHECKS

@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
def test_my_attack_conforms(check):
    check(MyAttack())
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reticent.attacks.base import Attack, Knowledge, settings_of
from reticent.core import (
    NO_CHANNEL,
    Answer,
    ArtefactClaim,
    AttributeClaim,
    BudgetSpent,
    Channel,
    Claim,
    ExtractionClaim,
    Family,
    Inputs,
    MembershipClaim,
    NotEnoughKnowledge,
    NotExposed,
    RangeClaim,
    ReconstructionClaim,
    RecordClaim,
    TextReconstructionClaim,
    canonical_rows,
)
from reticent.targets.base import Target
from reticent.testing.cases import LARGE, SMALL, cases_for
from reticent.testing.planted import Planted
from reticent.testing.surprise import chances

FOUND = 1e-6  # a planted leak this plain must be this surprising
SILENT = 1e-3  # silence must look this ordinary, in both directions
EMPTY: Mapping[str, Any] = {"population": None, "domains": {}, "images": None, "template": ""}
CLAIMS: Mapping[Family, tuple[type[Claim], ...]] = {
    Family.MEMBERSHIP: (MembershipClaim,),
    Family.RANGE: (RangeClaim,),
    Family.ATTRIBUTE: (AttributeClaim,),
    Family.RECORD: (RecordClaim,),
    Family.CHAIN: (RecordClaim, AttributeClaim),
    Family.ARTEFACT: (ArtefactClaim,),
    Family.EXTRACTION: (ExtractionClaim,),
    Family.EMBEDDING: (TextReconstructionClaim,),
    Family.RECONSTRUCTION: (ReconstructionClaim,),
}


class NotConforming(AssertionError):
    """An attack or a defence breaks a law that all of them obey."""


def finds_the_planted_leak(attack: Attack) -> None:
    """Demand success that chance explains with probability below `FOUND`, on every channel.

    A blind attack must find nothing even so: it is there to say what needs no model.
    """
    for case in cases_for(attack):
        planted = case.leaky(LARGE)
        more, _ = chances(_run(attack, planted), planted)
        if not attack.accepts:
            _demand(more > SILENT, f"{attack.name} accepts no channel and finds a model's leak")
            continue
        _demand(
            more < FOUND,
            f"{attack.name} misses the planted leak ({case.name}): chance alone does as well with "
            f"probability {more:.3g}, at most {FOUND:g} is allowed",
        )


def stays_silent_on_none(attack: Attack) -> None:
    """Demand success within the exact limits of chance where nothing was planted."""
    for case in cases_for(attack):
        planted = case.silent(LARGE)
        claim = _run(attack, planted)
        more, fewer = chances(claim, planted)
        # Worse than chance is suspicious only of scores: a bad guess of an attribute is honest.
        least = min(more, fewer) if isinstance(claim, (MembershipClaim, RangeClaim)) else more
        _demand(
            least > SILENT,
            f"{attack.name} finds something where nothing is ({case.name}): chance does so with "
            f"probability {least:.3g}, below {SILENT:g}",
        )


def is_deterministic(attack: Attack) -> None:
    """Demand the same claim twice from the same generator seed."""
    for case in cases_for(attack):
        first, again = (_fingerprint(_run(attack, case.leaky(SMALL), seed=3)) for _ in range(2))
        _demand(
            first == again,
            f"{attack.name} claims something else the second time ({case.name}); all randomness "
            "must come from the generator that it is given",
        )


def counts_its_queries(attack: Attack) -> None:
    """Demand that the ledger books exactly the rows that reached the target."""
    for case in cases_for(attack):
        planted, counted = _counted(case.leaky(SMALL))
        _run(attack, planted)
        _demand(
            planted.access.queries == counted.rows,
            f"{attack.name} was charged {planted.access.queries} queries and asked {counted.rows} "
            f"({case.name}); ask through the access only",
        )


def keeps_to_its_query_budget(attack: Attack) -> None:
    """Demand BudgetSpent, or a claim within the budget, where there are too few queries."""
    for i, case in enumerate(cases_for(attack)):
        for budget in (0, SMALL - 1) if i == 0 else (SMALL - 1,):
            planted = case.leaky(SMALL)
            exposed = planted.access.exposed
            planted, counted = _counted(planted.through(exposed=exposed, query_budget=budget))
            with suppress(BudgetSpent, NotEnoughKnowledge):
                _run(attack, planted)
            _demand(
                counted.rows <= budget,
                f"{attack.name} asked {counted.rows} rows on a budget of {budget} ({case.name})",
            )


def refuses_shut_channels(attack: Attack) -> None:
    """Demand NotExposed where no channel that the attack accepts is open."""
    for case in cases_for(attack)[:1] if attack.accepts else ():
        planted = case.leaky(SMALL)
        # Both are one field of the answer: what is open through TOP_K is a call to scores.
        joint = Channel.TOP_K if Channel.SCORES & attack.accepts else NO_CHANNEL
        for exposed in (NO_CHANNEL, ~(attack.accepts | joint)):
            try:
                _run(attack, planted.through(exposed=exposed))
            except NotExposed:
                continue
            raise NotConforming(
                f"{attack.name} made a claim with only {exposed} open ({case.name}); it accepts "
                f"{attack.accepts} and must raise NotExposed"
            )


def says_what_it_lacks(attack: Attack) -> None:
    """Demand NotEnoughKnowledge where a wanted part of the knowledge is missing."""
    fields = {field.name: field for field in dataclasses.fields(Knowledge)}
    _demand(
        attack.wants <= fields.keys(),
        f"{attack.name} wants {sorted(attack.wants - fields.keys())}, which is no knowledge",
    )
    for case in cases_for(attack)[:1]:
        planted = case.leaky(SMALL)
        for name in sorted(attack.wants):
            empty: Any = EMPTY.get(name, ())
            lacking = replace(planted, knowledge=replace(planted.knowledge, **{name: empty}))
            try:
                _run(attack, lacking)
            except NotEnoughKnowledge:
                continue
            raise NotConforming(
                f"{attack.name} wants {name} and made a claim without ({case.name}); it must "
                "raise NotEnoughKnowledge"
            )


def leaves_its_inputs_alone(attack: Attack) -> None:
    """Demand that candidates, knowledge and settings are the same after the run."""
    for case in cases_for(attack)[:1]:
        planted = case.leaky(SMALL)
        held = (planted.candidates, planted.knowledge.population, planted.knowledge.domains)
        before, settings = _fingerprint(held), _fingerprint(settings_of(attack))
        _run(attack, planted)
        _demand(
            _fingerprint(held) == before and _fingerprint(settings_of(attack)) == settings,
            f"{attack.name} changed what it was given ({case.name})",
        )


def answers_every_candidate(attack: Attack) -> None:
    """Demand a claim of the family's type with one entry a candidate."""
    for case in cases_for(attack):
        planted = case.leaky(SMALL)
        claim = _run(attack, planted)
        _demand(
            isinstance(claim, CLAIMS[attack.family]),
            f"{attack.name} is of the {attack.family} family and returned a {type(claim).__name__}",
        )
        if isinstance(claim, ArtefactClaim):
            continue
        for name, part in _columns(claim, planted):
            _demand(
                len(part) == SMALL,
                f"{attack.name} gave {len(part)} {name} for {SMALL} candidates ({case.name})",
            )


def serialises_its_settings(attack: Attack) -> None:
    """Demand settings that survive JSON and make the same attack again."""
    settings = settings_of(attack)
    try:
        text = json.dumps(settings, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NotConforming(f"{attack.name}'s settings are no JSON: {error}") from error
    again = settings_of(type(attack)(**json.loads(text)))
    _demand(
        json.dumps(again, sort_keys=True) == text,
        f"{attack.name}'s settings {text} came back as {again}",
    )


def describes_itself(attack: Attack) -> None:
    """Demand a frozen, final-looking class with a usable name, cost and source."""
    params = getattr(type(attack), "__dataclass_params__", None)
    _demand(params is not None and params.frozen, f"{attack.name} is no frozen dataclass")
    _demand(
        re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", attack.name) is not None,
        f"{attack.name!r} is no name of lower-case words joined by hyphens",
    )
    _demand(bool(attack.cost.strip()), f"{attack.name} does not say what it costs")
    cites = re.search(r"https?://|\b(19|20)\d\d\b", attack.source)
    _demand(cites is not None, f"{attack.name} cites no source: {attack.source!r}")
    _demand(bool((type(attack).__doc__ or "").strip()), f"{attack.name} has no docstring")


ATTACK_CHECKS: tuple[Callable[[Attack], None], ...] = (
    finds_the_planted_leak,
    stays_silent_on_none,
    is_deterministic,
    counts_its_queries,
    keeps_to_its_query_budget,
    refuses_shut_channels,
    says_what_it_lacks,
    leaves_its_inputs_alone,
    answers_every_candidate,
    serialises_its_settings,
    describes_itself,
)


@dataclass(slots=True, eq=False)
class _Counting:
    """A target that counts the rows that reach it."""

    inner: Target
    rows: int = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def channels(self) -> Channel:
        return self.inner.channels

    @property
    def classes(self) -> tuple[object, ...]:
        return self.inner.classes

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def answer(self, x: Inputs) -> Answer:
        self.rows += len(x)
        return self.inner.answer(x)

    def weights(self) -> object:
        return self.inner.weights()


def _run(attack: Attack, case: Planted, seed: int = 0) -> Claim:
    rng = np.random.default_rng(seed)
    return attack.run(case.access, case.candidates, case.knowledge, rng)


def _counted(case: Planted) -> tuple[Planted, _Counting]:
    counted = _Counting(case.access.target)
    return replace(case, access=replace(case.access, target=counted)), counted


def _columns(claim: Claim, case: Planted) -> list[tuple[str, Any]]:
    if isinstance(claim, (MembershipClaim, RangeClaim)):
        return [("scores", claim.scores)]
    if isinstance(claim, AttributeClaim):
        guesses = [(f"guesses of {c}", claim.guesses[c]) for c in case.candidates.missing]
        return [*guesses, ("confidences", claim.confidence)]
    if isinstance(claim, RecordClaim):
        return [("records", claim.records), ("confidences", claim.confidence)]
    if isinstance(claim, TextReconstructionClaim):
        return [("texts", claim.texts), ("confidences", claim.confidence)]
    if isinstance(claim, ExtractionClaim):
        return [("labels", claim.labels if claim.labels is not None else claim.values)]
    if isinstance(claim, ReconstructionClaim):
        return [("pictures", claim.images), ("confidences", claim.confidence)]
    return []


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise NotConforming(otherwise + ".")


def _fingerprint(value: Any) -> str:
    """Return a digest of plain data, arrays and tables, however nested."""
    digest = hashlib.sha256()

    def feed(part: Any) -> None:
        digest.update(type(part).__name__.encode())
        if dataclasses.is_dataclass(part):
            for field in dataclasses.fields(part):
                feed(getattr(part, field.name))
        elif isinstance(part, Mapping):
            for key in part:
                feed(key)
                feed(part[key])
        elif isinstance(part, (list, tuple)):
            for item in part:
                feed(item)
        elif isinstance(part, np.ndarray):
            digest.update(repr(part.tolist()).encode())
        elif hasattr(part, "columns"):
            digest.update(repr([part.columns.tolist(), part.dtypes.tolist()]).encode())
            digest.update(b"".join(canonical_rows(part)))
        else:
            digest.update(repr(part).encode())

    feed(value)
    return digest.hexdigest()
