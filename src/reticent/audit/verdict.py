"""Turn measured cells into verdicts: multiplicity first, then the tiers of `stats.tiers`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reticent.audit.pieces import Measured
from reticent.audit.plan import Task
from reticent.audit.record import Cell, Control, Figure, NotRun, Tier, Verdict
from reticent.core import Family, Leakage
from reticent.stats.multiplicity import benjamini_hochberg, holm
from reticent.stats.tiers import Individuals, judge, overall as of_tiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The verdict on an audit."""

    tier: Tier
    verdict: Verdict
    exit_code: Literal[0, 1, 2, 3]


def decide(
    measured: Sequence[Measured],
    *,
    planned: Sequence[Task],
    confidence: float,
    ppv_declared: float,
) -> list[Cell]:
    """Return the cells with adjusted p-values, tiers and verdicts.

    Args:
        measured: what was measured.
        planned: every task, because a declared one that was not run keeps its place in Holm's
            family: a question dropped after the fact must not make the others look better.
        confidence: of the intervals; one end's error is the family's.
        ppv_declared: precision from which individuals count as exposed.
    """
    done = {m.cell.id: m for m in measured}
    family = [task.id for task in planned if task.declared]
    adjusted = dict(
        zip(
            family, holm([done[i].cell.p_value if i in done else None for i in family]), strict=True
        )
    )
    rest = [m.cell.id for m in measured if m.cell.id not in adjusted]
    adjusted |= dict(
        zip(rest, benjamini_hochberg([done[i].cell.p_value for i in rest]), strict=True)
    )
    return [
        _judged(
            m,
            adjusted[m.cell.id],
            family_alpha=(1 - confidence) / 2,
            family=len(family) if m.cell.declared else 1,
            ppv_declared=ppv_declared,
        )
        for m in measured
    ]


def _judged(
    m: Measured,
    p_adjusted: float | None,
    *,
    family_alpha: float,
    family: int,
    ppv_declared: float,
) -> Cell:
    cell, singled = m.cell, m.individuals
    # Holm asks the smallest p-value to pass at alpha / family, so that is what a lone effect met.
    effect = None if m.reach is None else m.reach.effect(family_alpha / max(family, 1))
    judgement = judge(
        leakage_of(cell.primary),
        minimum_detectable_effect=effect,
        tolerance=cell.tolerance,
        p_adjusted=p_adjusted,
        individuals=None
        if singled is None
        else Individuals(
            confirmed=len(singled.rows) if singled.confirmed else 0,
            ppv=leakage_of(singled.precision),
            tpr=None if singled.tpr is None else leakage_of(singled.tpr),
            fpr=None if singled.fpr is None else leakage_of(singled.fpr),
        ),
        content=None if m.content is None else leakage_of(m.content),
        family_alpha=family_alpha,
        declared_ppv=ppv_declared,
    )
    return cell.model_copy(
        update={
            "p_adjusted": p_adjusted,
            "minimum_detectable_effect": effect,
            "tier": judgement.tier,
            "verdict": judgement.verdict,
            "why": judgement.why,
        }
    )


def overall(
    cells: Sequence[Cell],
    controls: Sequence[Control],
    *,
    failed: Sequence[NotRun],
    complete: bool,
) -> Whole:
    """Return the verdict on the audit.

    Extraction stays out: it says how well the model can be copied, not what it says of people. A
    failed attack or a run that was stopped cannot end in "nothing found".
    """
    tiers: list[Tier] = [c.tier for c in cells if c.family != Family.EXTRACTION.value]
    if failed or not complete:
        tiers.append("E?")
    passed = all(control.passed for control in controls)
    if not controls and tiers:
        # They come last, so a run that was stopped has none: not run is not failed, and "E?" is
        # above already. A whole run about people without a single control proves nothing.
        passed = not complete
    tier, verdict, code = of_tiers(tiers, controls_passed=passed)
    return Whole(tier=tier, verdict=verdict, exit_code=code)


def leakage_of(figure: Figure) -> Leakage:
    """Return a figure of the record as the statistics know it."""
    return Leakage(**figure.model_dump(exclude={"formula"}))
