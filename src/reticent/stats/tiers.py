"""From figures to a tier, a verdict and an exit code.

| tier | means |
|---|---|
| E0 | tested; nothing found, and an effect as large as the tolerance would have been |
| E? | inconclusive |
| E1 | a group leaks: the lower end of the gain is above its null, after multiplicity |
| E2 | individuals are exposed: confirmed on a second split |
| E3 | content was recovered, beyond what the control gives |

All thresholds are arguments. The defaults are ours, not a standard's: print them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reticent.core import Leakage
from reticent.stats.intervals import clopper_pearson

Tier = Literal["E0", "E?", "E1", "E2", "E3"]
Verdict = Literal["nothing found", "finding", "inconclusive", "invalid"]

#: From the least to the most severe; unknown is worse than nothing found.
TIERS: tuple[Tier, ...] = ("E0", "E?", "E1", "E2", "E3")

#: Error of the declared family, one-sided: that of one end of a 95 % interval.
FAMILY_ALPHA = 0.025
#: A call on an individual must be right this often, at its lower end.
DECLARED_PPV = 0.9
#: TPR_L must be this many times FPR_U ...
LIFT = 10.0
#: ... at a false positive rate that is certified to be at most this.
LOW_FPR = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Individuals:
    """What the second split said about the people chosen on the first.

    Attributes:
        confirmed: people chosen on split 1 who are still exposed on split 2.
        ppv: at the declared prior, on split 2; see `confirm.best_threshold_split`.
        tpr: on split 2 at the threshold of split 1, or None.
        fpr: on split 2 at the threshold of split 1, or None; needs its counts "hits" and "n".
    """

    confirmed: int
    ppv: Leakage | None = None
    tpr: Leakage | None = None
    fpr: Leakage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A tier, its verdict, and one sentence that says why."""

    tier: Tier
    verdict: Verdict
    why: str


def judge(
    effect: Leakage,
    *,
    minimum_detectable_effect: float | None,
    tolerance: float,
    p_adjusted: float | None = None,
    individuals: Individuals | None = None,
    content: Leakage | None = None,
    family_alpha: float = FAMILY_ALPHA,
    declared_ppv: float = DECLARED_PPV,
    lift: float = LIFT,
    low_fpr: float = LOW_FPR,
) -> Judgement:
    """Return the verdict on one cell.

    The strongest tier that holds wins. "Nothing found" needs both a minimum detectable effect and
    an upper end within the tolerance; whatever is neither is inconclusive.

    Args:
        effect: the gain (or AUC, TPR, ...); its `null` (0 if None) is what no leakage gives.
        minimum_detectable_effect: in the effect's unit, over its null; None if not known.
        tolerance: the effect over its null that matters.
        p_adjusted: after Holm over the declared family; None if the cell stands alone.
        individuals: of the second split, if there was one.
        content: records recovered minus the control's rate, if content was sought.
        family_alpha: what `p_adjusted` must not exceed.
        declared_ppv: see `DECLARED_PPV`.
        lift: see `LIFT`.
        low_fpr: see `LOW_FPR`.
    """
    if content is not None and _above_null(content):
        return Judgement(
            tier="E3",
            verdict="finding",
            why=f"Content was recovered beyond the control: {_text(content)}.",
        )
    if individuals is not None:
        why = _exposed(individuals, declared_ppv, lift, low_fpr)
        if why:
            return Judgement(tier="E2", verdict="finding", why=why)
    if effect.estimate is None or effect.lower is None or effect.upper is None:
        return Judgement(
            tier="E?", verdict="inconclusive", why=f"No data for {effect.metric}: nothing measured."
        )
    null = effect.null or 0.0
    survives = p_adjusted is None or p_adjusted <= family_alpha
    if effect.lower > null and survives:
        return Judgement(
            tier="E1",
            verdict="finding",
            why=f"The group leaks: {_text(effect)}, where no leakage gives {null:.3g}.",
        )
    if minimum_detectable_effect is None:
        why = "No effect of any size could have been shown with these numbers."
    elif minimum_detectable_effect > tolerance:
        why = (
            f"Effects below {minimum_detectable_effect:.3g} would have been missed; the tolerance "
            f"is {tolerance:.3g}."
        )
    elif effect.upper - null > tolerance:
        why = (
            f"An effect of {effect.upper - null:.3g} is not ruled out; the tolerance is "
            f"{tolerance:.3g} ({_text(effect)})."
        )
    else:
        return Judgement(
            tier="E0",
            verdict="nothing found",
            why=f"{_text(effect)}; effects below {minimum_detectable_effect:.3g} would have been "
            f"missed, the tolerance is {tolerance:.3g}.",
        )
    return Judgement(tier="E?", verdict="inconclusive", why=why)


def overall(
    tiers: Iterable[Tier], *, controls_passed: bool
) -> tuple[Tier, Verdict, Literal[0, 1, 2, 3]]:
    """Return the audit's tier (the most severe cell), verdict and exit code.

    0 nothing found at power, 1 finding, 2 inconclusive, 3 a control failed (or none was run:
    pass False). No cell at all is inconclusive: what was not run is not scored.

    >>> overall(["E0", "E1", "E?"], controls_passed=True)
    ('E1', 'finding', 1)
    >>> overall([], controls_passed=True), overall(["E3"], controls_passed=False)[1:]
    (('E?', 'inconclusive', 2), ('invalid', 3))
    """
    seen = set(tiers)
    worst: Tier = next((tier for tier in reversed(TIERS) if tier in seen), "E?")
    if not controls_passed:
        return worst, "invalid", 3
    if worst == "E0":
        return worst, "nothing found", 0
    if worst == "E?":
        return worst, "inconclusive", 2
    return worst, "finding", 1


def found(figure: Leakage) -> bool:
    """Return whether a positive control was seen: the lower end lies above the null."""
    return _above_null(figure)


def silent(figure: Leakage) -> bool:
    """Return whether a negative control covers its null, as the interval must.

    Both ends count: an attack that does worse than chance on shuffled labels is broken as well.
    With c controls pass intervals of 1 - 0.05 / c, or 5 % of sound audits a control are invalid.
    """
    if figure.lower is None or figure.upper is None:
        return False
    return figure.lower <= (figure.null or 0.0) <= figure.upper


def _above_null(figure: Leakage) -> bool:
    return figure.lower is not None and figure.lower > (figure.null or 0.0)


def _exposed(who: Individuals, declared_ppv: float, lift: float, low_fpr: float) -> str:
    """Return why individuals count as exposed, or an empty string."""
    ppv, tpr, fpr = who.ppv, who.tpr, who.fpr
    sure = ppv is not None and ppv.lower is not None and ppv.lower >= declared_ppv
    if who.confirmed > 0 and ppv is not None and sure:
        return (
            f"{who.confirmed} people confirmed on the second split: {_text(ppv)}, at least "
            f"{declared_ppv:.3g} was declared."
        )
    if tpr is None or fpr is None or tpr.lower is None or fpr.upper is None:
        return ""
    # Certified one-sided (0 of 2,995 certifies 0.1 %), while the lift splits the error in two.
    one_sided = 1 - 2 * (1 - fpr.confidence)
    certified = clopper_pearson(fpr.counts["hits"], fpr.counts["n"], confidence=one_sided).upper
    if float(certified) <= low_fpr and tpr.lower >= lift * fpr.upper:
        return (
            f"On the second split {_text(tpr)} at a false positive rate of at most "
            f"{float(certified):.3g}: over {lift:g} times {fpr.upper:.3g}."
        )
    return ""


def _text(figure: Leakage) -> str:
    if figure.estimate is None or figure.lower is None:
        return f"{figure.metric} without data"
    upper = "" if figure.upper is None else f" to {figure.upper:.3g}"
    return f"{figure.metric} {figure.estimate:.3g} ({figure.lower:.3g}{upper})"
