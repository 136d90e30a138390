"""Grade rebuilt records: exact and near matches, members against non-members."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from reticent.audit.grade.attribute import apart, beyond_rivals, joint_right, modal_guesses
from reticent.audit.grade.base import Graded, is_same
from reticent.core import AttributeClaim, Bools, Column, Domain, Leakage, RecordClaim
from reticent.stats.differences import gain
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
    rivals = {"prior": by_prior, "imputation": by_learner}
    graded, best = beyond_rivals(near, rivals, is_member, confidence=confidence)
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
    return replace(
        graded,
        baseline=proportion(
            int(rivals[best][is_member].sum()),
            int(is_member.sum()),
            metric=f"near_match_rate_of_{best}",
            confidence=confidence,
        ),
        figures=tuple(figures),
        content=_content(
            exact,
            {
                "prior": _exact(modal_guesses(hidden, domains, len(truth)), truth),
                "imputation": _exact(imputation.guesses, truth),
            },
            is_member,
            confidence,
        ),
        arrays={"right": near, "exact": exact, "right_without_model": rivals[best]},
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
    return apart(exact, is_member, "exact_match_members_minus_non_members", confidence)
