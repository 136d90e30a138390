"""Grade rebuilt records: exact and near matches, members against non-members."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from reticent.audit.grade.attribute import joint_right, modal_guesses
from reticent.audit.grade.base import Graded, is_same, paired_reach
from reticent.core import AttributeClaim, Bools, Column, Domain, Leakage, RecordClaim
from reticent.stats.differences import difference, gain, mcnemar_p, paired_difference
from reticent.stats.intervals import proportion


def grade_record(
    claim: RecordClaim,
    truth: pd.DataFrame,
    is_member: Bools,
    imputation: AttributeClaim,
    domains: Mapping[str, Domain],
    *,
    confidence: float,
) -> Graded:
    """Join rebuilt records to the true ones.

    A near match has every hidden column right (equal, or within `Domain.tol` on a scale); an
    exact match has every hidden column equal. The rival rebuilds the same columns without the
    model.

    Args:
        claim: one record per person, every column filled in.
        truth: (n, d) true records.
        is_member: (n,).
        imputation: the same columns guessed by a learner without the model.
        domains: of the hidden columns.
        confidence: of every interval.
    """
    hidden = tuple(imputation.guesses)
    rebuilt = {column: claim.records[column].to_numpy() for column in hidden}
    near = joint_right(rebuilt, truth, domains)
    exact = _exact(rebuilt, truth)
    by_learner = joint_right(imputation.guesses, truth, domains)
    by_prior = joint_right(modal_guesses(hidden, domains, len(truth)), truth, domains)
    inside, outside = near[is_member], near[~is_member]
    rivals = {"prior": by_prior[is_member], "imputation": by_learner[is_member]}
    best = max(rivals, key=lambda name: float(rivals[name].mean()) if len(inside) else 0.0)
    everywhere = by_prior if best == "prior" else by_learner
    leak = difference(
        int(inside.sum()),
        len(inside),
        int(outside.sum()),
        len(outside),
        metric="members_minus_non_members",
        confidence=confidence,
    )
    gained = gain(inside, rivals, confidence=confidence)
    figures = [
        proportion(
            int(hits[side].sum()),
            int(side.sum()),
            metric=name,
            confidence=confidence,
            members=members,
        )
        for name, hits in (("near_match_rate", near), ("exact_match_rate", exact))
        for members, side in ((True, is_member), (False, ~is_member))
    ]
    return Graded(
        primary=gained,
        gain=gained,
        baseline=proportion(
            int(rivals[best].sum()),
            len(inside),
            metric=f"near_match_rate_of_{best}",
            confidence=confidence,
        ),
        training_leak=leak,
        population_inference=paired_difference(
            outside,
            everywhere[~is_member],
            metric=f"non_members_minus_{best}",
            confidence=confidence,
            members=False,
        ),
        figures=tuple(figures),
        p_value=mcnemar_p(inside, rivals[best]).one_sided if len(inside) else None,
        reach=paired_reach(inside, rivals[best]),
        content=_content(
            exact,
            {
                "prior": _exact(modal_guesses(hidden, domains, len(truth)), truth),
                "imputation": _exact(imputation.guesses, truth),
            },
            is_member,
            confidence,
        ),
        arrays={"right": near, "exact": exact, "right_without_model": everywhere},
    )


def _exact(guesses: Mapping[str, Column], truth: pd.DataFrame) -> Bools:
    """Return (n,) whether every guessed column of a person is equal to the true one."""
    parts = [is_same(values, truth[column].to_numpy()) for column, values in guesses.items()]
    return np.asarray(np.logical_and.reduce(parts), dtype=bool)


def _content(
    exact: Bools, rivals: Mapping[str, Bools], is_member: Bools, confidence: float
) -> Leakage | None:
    """Return members minus non-members rebuilt to the last digit, if it beats the rivals too.

    A record that the population gives away as readily, or that a learner without the model
    rebuilds as often, was not recovered from the model.
    """
    inside, outside = exact[is_member], exact[~is_member]
    if len(inside) == 0 or len(outside) == 0:
        return None
    beats = gain(inside, {name: r[is_member] for name, r in rivals.items()}, confidence=confidence)
    if beats.lower is None or beats.lower <= 0:
        return None
    return difference(
        int(inside.sum()),
        len(inside),
        int(outside.sum()),
        len(outside),
        metric="exact_match_members_minus_non_members",
        confidence=confidence,
    )
