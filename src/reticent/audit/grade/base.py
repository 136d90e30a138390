"""What grading gives: figures with their doubt, and who was right about whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from reticent.audit.record import Curve
from reticent.core import Bools, Column, Domain, Floats, Ints, Leakage
from reticent.stats.intervals import clopper_pearson
from reticent.stats.power import mde_auc, mde_paired, mde_proportion, mde_two_proportions


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The numbers of people behind a figure: how small an effect its test could see.

    Attributes:
        kind: "auc" and "difference" compare two groups, "paired" two guessers on one group,
            "rate" one group with a rate that chance gives.
        n: members (or people, if paired or a rate).
        n_other: non-members.
        discordance: if paired, the share of people on whom the two guessers differ (its upper
            limit: the share seen is an estimate itself).
        null: the rate that chance gives.
    """

    kind: Literal["auc", "paired", "difference", "rate"]
    n: int
    n_other: int = 0
    discordance: float = 0.0
    null: float = 0.0

    def effect(self, alpha: float) -> float | None:
        """Return the smallest effect that a one-sided test at `alpha` sees with power 0.8."""
        if self.kind == "rate":
            return mde_proportion(self.n, self.null, alpha=alpha)
        if self.n == 0 or (self.kind != "paired" and self.n_other == 0):
            return None
        if self.kind == "auc":
            return mde_auc(self.n, self.n_other, alpha=alpha)
        if self.kind == "paired":
            return mde_paired(self.n, self.discordance, alpha=alpha)
        return mde_two_proportions(self.n, self.n_other, 0.0, alpha=alpha)


def paired_reach(right: Bools, rival: Bools) -> Reach:
    """Return the reach of a comparison of two guessers on the same people, (n,) each."""
    apart = int((right != rival).sum())
    limit = clopper_pearson(apart, max(len(right), 1)).upper
    return Reach(kind="paired", n=len(right), discordance=float(limit))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Individuals:
    """People singled out by a rule found on one half and tried on the other.

    Attributes:
        rows: (f,) indices of the people that the rule flags in the second half.
        precision: share of them that the attack is right about, on the second half alone.
        confirmed: True if that precision's lower end reaches the declared value.
        rule: the rule, in words.
        tpr: on the second half at the rule's threshold, for membership.
        fpr: on the second half at the rule's threshold, for membership.
    """

    rows: Ints
    precision: Leakage
    confirmed: bool
    rule: str
    tpr: Leakage | None = None
    fpr: Leakage | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Graded:
    """A claim joined to the truth.

    Attributes:
        primary: the figure that the verdict hangs on.
        baseline: the same task without the model.
        gain: attack minus the best baseline, on members.
        training_leak: members minus non-members.
        population_inference: non-members minus baseline.
        figures: everything else.
        curves: lines to draw.
        p_value: one-sided, of the primary figure's null; None if it cannot be had.
        reach: what decides how small an effect of the primary figure could be seen.
        individuals: people singled out, if any could be.
        content: whole records recovered from members beyond the control's rate; None if none was
            sought, or if it does not beat the guesser without the model. Decides E3.
        arrays: per-person outcomes, for chains and for finished work on disk.
    """

    primary: Leakage
    baseline: Leakage | None = None
    gain: Leakage | None = None
    training_leak: Leakage | None = None
    population_inference: Leakage | None = None
    figures: tuple[Leakage, ...] = ()
    curves: tuple[Curve, ...] = ()
    p_value: float | None = None
    reach: Reach | None = None
    individuals: Individuals | None = None
    content: Leakage | None = None
    arrays: Mapping[str, Column] = field(default_factory=dict)


def halves(n: int, rng: np.random.Generator) -> tuple[Bools, Bools]:
    """Return two masks that split n people at random, once for choosing, once for confirming."""
    first = np.zeros(n, dtype=bool)
    first[rng.permutation(n)[: n // 2]] = True
    return first, ~first


def is_right(guesses: Column, truth: Column, domain: Domain) -> Bools:
    """Return (n,) whether each guess counts as right: equal, or within `Domain.tol` on a scale.

    >>> d = Domain(values=np.array([0.0, 1.0]), continuous=True, tol=0.5)
    >>> is_right(np.array([0.4, 2.0]), np.array([0.0, 1.0]), d).tolist()
    [True, False]
    """
    if domain.continuous:
        off = np.abs(as_numbers(guesses) - as_numbers(truth))
        return np.asarray(off <= domain.tol + 1e-9, dtype=bool)
    return is_same(guesses, truth)


def is_same(guesses: Column, truth: Column) -> Bools:
    """Return (n,) whether each guess is the true value itself, 1 and 1.0 and True alike."""
    pairs = zip(np.asarray(guesses).tolist(), np.asarray(truth).tolist(), strict=True)
    return np.array([_same(a, b) for a, b in pairs], dtype=bool)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return str(a) == str(b)
    return bool(a == b)


def as_numbers(column: Column) -> Floats:
    """Return float64, NaN for what is no number."""
    return np.asarray(column, dtype=np.float64)
