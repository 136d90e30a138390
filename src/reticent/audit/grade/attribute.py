"""Grade guesses of hidden values, always beside a guesser who has no model."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from reticent.audit.grade.base import Graded, Individuals, halves, is_right, paired_reach
from reticent.audit.record import Curve
from reticent.core import AttributeClaim, Bools, Column, Domain, Floats, Leakage
from reticent.stats.differences import difference, gain, mcnemar_p, paired_difference
from reticent.stats.intervals import proportion

MOST_CONFIDENT = 0.1
PRECISION_FLOOR = 0.85
CURVE_POINTS = 60


def grade_attribute(
    claim: AttributeClaim,
    truth: pd.DataFrame,
    is_member: Bools,
    imputation: AttributeClaim,
    domains: Mapping[str, Domain],
    rng: np.random.Generator,
    *,
    confidence: float,
    ppv_declared: float,
    positive: object = None,
) -> Graded:
    """Join guesses to the truth, members and non-members apart.

    Args:
        claim: guesses of every hidden column.
        truth: (n, d) true records.
        is_member: (n,).
        imputation: the guesses of a learner with the same auxiliary data and no model.
        domains: of the hidden columns.
        rng: splits the people into a half for choosing and a half for confirming.
        confidence: of every interval.
        ppv_declared: precision from which individuals count as exposed.
        positive: the value that precision and recall are about; None for the rarest.
    """
    hidden = tuple(claim.guesses)
    right = joint_right(claim.guesses, truth, domains)
    by_learner = joint_right(imputation.guesses, truth, domains)
    by_prior = joint_right(modal_guesses(hidden, domains, len(truth)), truth, domains)
    figures = _figures(claim, right, truth, is_member, domains, confidence, positive)
    rivals = {"prior": by_prior, "imputation": by_learner}
    graded, best = beyond_rivals(right, rivals, is_member, confidence=confidence)
    return replace(
        graded,
        baseline=replace(
            _share(rivals[best][is_member], f"accuracy_of_{best}", confidence, members=True),
            null=None,
        ),
        figures=(
            _share(right[is_member], "accuracy", confidence, members=True),
            _share(right[~is_member], "accuracy", confidence, members=False),
            _share(by_prior[is_member], "accuracy_of_prior", confidence, members=True),
            _share(by_learner[is_member], "accuracy_of_imputation", confidence, members=True),
            *figures,
        ),
        curves=_curves(claim, truth, is_member, domains, positive),
        individuals=_individuals(
            claim.confidence, right, rivals[best], is_member, rng, confidence, ppv_declared
        ),
        arrays={
            "right": right,
            "right_without_model": rivals[best],
            "confidence": np.asarray(claim.confidence, dtype=np.float64),
        },
    )


def beyond_rivals(
    right: Bools, rivals: Mapping[str, Bools], is_member: Bools, *, confidence: float
) -> tuple[Graded, str]:
    """Return what holds of every guess of hidden columns, and who guesses best without the model.

    Args:
        right: (n,) whether the attack is right about each person.
        rivals: name -> (n,) whether that guesser without the model is.
        is_member: (n,).
        confidence: of every interval.
    """
    inside, outside = right[is_member], right[~is_member]
    theirs = {name: hits[is_member] for name, hits in rivals.items()}
    best = max(theirs, key=lambda name: float(theirs[name].mean()) if len(inside) else 0.0)
    gained = gain(inside, theirs, confidence=confidence)
    graded = Graded(
        primary=gained,
        gain=gained,
        training_leak=apart(right, is_member, "members_minus_non_members", confidence),
        population_inference=paired_difference(
            outside,
            rivals[best][~is_member],
            metric=f"non_members_minus_{best}",
            confidence=confidence,
            members=False,
        ),
        p_value=mcnemar_p(inside, theirs[best]).one_sided if len(inside) else None,
        reach=paired_reach(inside, theirs[best]),
    )
    return graded, best


def apart(hits: Bools, is_member: Bools, metric: str, confidence: float) -> Leakage:
    """Return the rate among members less that among non-members."""
    inside, outside = hits[is_member], hits[~is_member]
    return difference(
        int(inside.sum()),
        len(inside),
        int(outside.sum()),
        len(outside),
        metric=metric,
        confidence=confidence,
    )


def joint_right(
    guesses: Mapping[str, Column], truth: pd.DataFrame, domains: Mapping[str, Domain]
) -> Bools:
    """Return (n,) whether every guessed column of a person is right at once."""
    parts = [
        is_right(values, truth[column].to_numpy(), domains[column])
        for column, values in guesses.items()
    ]
    return np.asarray(np.logical_and.reduce(parts), dtype=bool)


def modal_guesses(
    hidden: tuple[str, ...], domains: Mapping[str, Domain], n: int
) -> dict[str, Column]:
    """Return the guesses of somebody who knows the population's shares and nothing else.

    For a scale, the grid point with the most prior mass within the tolerance.
    """
    guesses: dict[str, Column] = {}
    for column in hidden:
        domain = domains[column]
        mass = domain.prior
        if domain.continuous:
            grid = np.asarray(domain.values, dtype=np.float64)
            near = np.abs(grid[:, None] - grid[None, :]) <= domain.tol
            mass = near @ domain.prior
        guesses[column] = np.repeat(domain.values[[int(np.argmax(mass))]], n)
    return guesses


def _share(right: Bools, metric: str, confidence: float, *, members: bool) -> Leakage:
    return proportion(
        int(right.sum()), len(right), metric=metric, confidence=confidence, members=members
    )


def _figures(
    claim: AttributeClaim,
    right: Bools,
    truth: pd.DataFrame,
    is_member: Bools,
    domains: Mapping[str, Domain],
    confidence: float,
    positive: object,
) -> list[Leakage]:
    found: list[Leakage] = []
    sure = np.asarray(claim.confidence, dtype=np.float64)
    for members in (True, False):
        side = np.flatnonzero(is_member == members)
        if len(side) == 0:
            continue
        top = side[
            np.argsort(-sure[side], kind="stable")[: max(1, round(MOST_CONFIDENT * len(side)))]
        ]
        found.append(
            _share(right[top], "precision_at_most_confident_0.1", confidence, members=members)
        )
    for column, guessed in claim.guesses.items():
        domain = domains[column]
        actual = truth[column].to_numpy()
        if domain.continuous:
            continue
        value = positive_value(domain, positive)
        says, has = (np.array([str(v) == str(value) for v in part]) for part in (guessed, actual))
        for members in (True, False):
            side = is_member == members
            found.append(
                _share(
                    has[side & says], f"precision[{column}={value}]", confidence, members=members
                )
            )
            found.append(
                _share(says[side & has], f"recall[{column}={value}]", confidence, members=members)
            )
        if len(claim.guesses) > 1:
            ok = is_right(guessed, actual, domain)
            found.append(_share(ok[is_member], f"accuracy[{column}]", confidence, members=True))
    return found


def positive_value(domain: Domain, positive: object) -> object:
    """Return the declared positive value, or the rarest one."""
    if positive is not None and str(positive) in {str(v) for v in domain.values.tolist()}:
        return positive
    value: object = domain.values.tolist()[int(np.argmin(domain.prior))]
    return value


def _curves(
    claim: AttributeClaim,
    truth: pd.DataFrame,
    is_member: Bools,
    domains: Mapping[str, Domain],
    positive: object,
) -> tuple[Curve, ...]:
    if len(claim.guesses) != 1:
        return ()
    (column,) = claim.guesses
    domain = domains[column]
    if domain.continuous or column not in claim.posterior:
        return ()
    value = positive_value(domain, positive)
    place = [str(v) for v in domain.values.tolist()].index(str(value))
    scores = claim.posterior[column][is_member, place]
    has = np.array([str(v) == str(value) for v in truth[column].to_numpy()[is_member]])
    recall, precision = precision_recall(scores, has)
    if len(recall) == 0:
        return ()
    keep = np.unique(np.linspace(0, len(recall) - 1, min(CURVE_POINTS, len(recall))).astype(int))
    return (Curve(name="precision_recall", x=recall[keep].tolist(), y=precision[keep].tolist()),)


def precision_recall(scores: Floats, has: Bools) -> tuple[Floats, Floats]:
    """Return recall and precision at every distinct threshold, highest first; ties move at once.

    >>> r, p = precision_recall(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    >>> r.tolist(), p.round(2).tolist()
    ([0.5, 0.5, 1.0], [1.0, 0.5, 0.67])
    """
    if not has.any():
        return np.empty(0), np.empty(0)
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    tp = np.cumsum(has[order])[ends].astype(np.float64)
    return tp / has.sum(), tp / (ends + 1)


def _individuals(
    sure: Column,
    right: Bools,
    without_model: Bools,
    is_member: Bools,
    rng: np.random.Generator,
    confidence: float,
    ppv_declared: float,
) -> Individuals | None:
    """Find a confidence above which the attack is right on one half; try it on the other.

    Being right is not enough: it must be right more often than the guesser without the model,
    about the same people.
    """
    sure = np.asarray(sure, dtype=np.float64)
    first, second = halves(len(right), rng)
    chosen = np.flatnonzero(first & is_member)
    order = chosen[np.argsort(-sure[chosen], kind="stable")]
    if len(order) == 0:
        return None
    aim = ppv_declared + (1 - ppv_declared) / 2  # a margin, for the second half will be worse
    running = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    ends = np.append(np.diff(sure[order]) != 0, True)
    passing = np.flatnonzero(ends & (running >= aim))
    if len(passing) == 0:
        return None
    cut = float(sure[order[passing[-1]]])
    flagged = second & is_member & (sure >= cut)
    n = int(flagged.sum())
    if n == 0:
        return None
    precision = _share(right[flagged], "precision_second_half", confidence, members=True)
    more = paired_difference(right[flagged], without_model[flagged], confidence=confidence)
    confirmed = (
        precision.lower is not None
        and precision.lower >= ppv_declared
        and more.lower is not None
        and more.lower > 0
    )
    return Individuals(
        rows=np.flatnonzero(flagged & right & ~without_model),
        precision=precision,
        confirmed=confirmed,
        rule=f"attack confidence of at least {cut:.4g}, chosen on the first half",
    )
