"""What must be true of the data before anything is measured on it.

A BadInput stops the audit; a Finding is a warning that the report repeats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import BadInput
from reticent.data._rows import among

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 20  # on either side; below it every interval spans nearly everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about the data that the reader must know; nothing that stops the audit.

    Attributes:
        rule: a stable short name, such as "duplicates".
        what: what was found, with its count.
        way_out: what can be done about it.
        count: how many rows or columns it concerns.
    """

    rule: str
    what: str
    way_out: str
    count: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checked:
    """Data that passed.

    Attributes:
        members: as they came.
        non_members: without those that equal a member.
        findings: what to warn about.
    """

    members: "pd.DataFrame"
    non_members: "pd.DataFrame"
    findings: tuple[Finding, ...]


def require_columns(there: Iterable[str], wanted: Sequence[str], *, where: str) -> None:
    """Raise BadInput for the first wanted column that is not there, with its close matches."""
    have = list(map(str, there))
    for column in wanted:
        if column not in have:
            near = get_close_matches(column, have, n=3, cutoff=0.5)
            folded = [c for c in have if c.casefold() == column.casefold()]
            close = ", ".join(map(repr, dict.fromkeys(folded + near)))
            alone = f" It was read as one column, {have[0][:80]!r}." if len(have) == 1 else ""
            raise BadInput(
                f"Column {column!r} is not in {where}.{f' Close: {close}.' if close else alone}",
                way_out="Correct the name, or add the column to the data.",
            )


def check_sides(
    members: "pd.DataFrame",
    non_members: "pd.DataFrame",
    *,
    inputs: Sequence[str],
    target: str,
    classes: tuple[object, ...],
    takes_missing: bool = True,
    least_rows: int = LEAST_ROWS,
) -> Checked:
    """Check both sides together and drop the non-members that equal a member.

    Args:
        members: records the model was trained on.
        non_members: records of the same kind that it was not.
        inputs: the model's input columns.
        target: the outcome column.
        classes: the model's classes; empty for a regressor.
        takes_missing: whether the model can be asked with missing inputs.
        least_rows: fewer on either side are refused.

    Raises: BadInput for missing columns, too few rows, missing outcomes, outcomes that are none
        of the classes, one class only, missing inputs that the model cannot take, or non-members
        who are all members.
    """
    wanted = list(dict.fromkeys([*inputs, target]))
    for side, frame in (("members", members), ("non-members", non_members)):
        require_columns(frame.columns, wanted, where=f"the {side}")
        require_rows(frame, least=least_rows, what=f"the {side}")
        check_target(frame, target, classes, where=f"the {side}")
        if not takes_missing:
            refuse_missing(frame, inputs, where=f"the {side}")
    same = among(members[wanted], non_members[wanted])
    apart = non_members[~same].reset_index(drop=True)
    findings = [*constant_columns(members, inputs), *unseen_categories(members, apart, inputs)]
    if same.any():
        if len(apart) < least_rows:
            raise BadInput(
                f"{int(same.sum())} of {len(non_members)} non-members equal a member, which leaves "
                f"{len(apart)}; at least {least_rows} are needed.",
                way_out="Give non-members that were not trained on.",
            )
        findings.append(
            Finding(
                rule="duplicates",
                what=f"{int(same.sum())} of {len(non_members)} non-members equal a member in all "
                "columns; they were left out.",
                way_out="Remove duplicates before splitting.",
                count=int(same.sum()),
            )
        )
    return Checked(members=members, non_members=apart, findings=tuple(findings))


def require_rows(frame: "pd.DataFrame", *, least: int, what: str) -> None:
    """Raise BadInput if there are fewer rows than any interval could use."""
    if len(frame) < least:
        raise BadInput(
            f"There are {len(frame)} rows in {what}; at least {least} are needed.",
            way_out="Give more records: the interval of so few spans nearly everything.",
        )


def check_auxiliary(
    auxiliary: "pd.DataFrame", *, columns: Sequence[str], least_rows: int = LEAST_ROWS
) -> None:
    """Check what the adversary is said to own.

    Raises: BadInput if it is empty or too small, or lacks a column.
    """
    if len(auxiliary) == 0:
        raise BadInput(
            "The auxiliary data is empty; attacks and the imputation baseline learn from it.",
            way_out="Give the adversary some records, or declare that it has none.",
        )
    require_rows(auxiliary, least=least_rows, what="the auxiliary data")
    require_columns(auxiliary.columns, columns, where="the auxiliary data")


def check_target(
    frame: "pd.DataFrame", target: str, classes: tuple[object, ...], *, where: str
) -> None:
    """Raise BadInput if outcomes are missing, unknown to the model, infinite, or all the same."""
    outcome = frame[target]
    missing = int(outcome.isna().sum())
    if missing:
        raise BadInput(
            f"{missing} rows of {where} have no {target!r}.",
            way_out="Leave out records without an outcome.",
        )
    seen = outcome.unique().tolist()
    if classes:
        known = set(classes)
        # A class "1" can only come as the number 1 out of a CSV.
        strange = [value for value in seen if value not in known and str(value) not in known]
        if strange:
            raise BadInput(
                f"Column {target!r} of {where} holds {strange[0]!r}, which is none of the model's "
                f"classes {list(classes)!r}.",
                way_out="Encode the outcome as it was encoded for training.",
            )
    elif outcome.dtype.kind not in "biuf" or not np.isfinite(outcome.to_numpy(np.float64)).all():
        raise BadInput(
            f"Column {target!r} of {where} is not all finite numbers; the model is a regressor.",
            way_out="Name the column that the model predicts.",
        )
    if len(seen) == 1:
        raise BadInput(
            f"Column {target!r} of {where} holds a single value in all {len(frame)} rows.",
            way_out="Give records with at least two different outcomes.",
        )


def refuse_missing(frame: "pd.DataFrame", inputs: Sequence[str], *, where: str) -> None:
    """Raise BadInput for the first column with gaps that the model cannot take."""
    for column in inputs:
        missing = int(frame[column].isna().sum())
        if missing:
            raise BadInput(
                f"Column {column!r} of {where} is missing in {missing} of {len(frame)} rows, and "
                "the model cannot be asked with missing values.",
                way_out="Impute the column inside the model's pipeline, or leave those rows out.",
            )


def constant_columns(frame: "pd.DataFrame", inputs: Sequence[str]) -> list[Finding]:
    """Return one finding for each input column with a single value: nothing can be inferred."""
    return [
        Finding(
            rule="constant column",
            what=f"Column {column!r} has the same value in all {len(frame)} rows.",
            way_out="Leave it out, or give data in which it varies.",
            count=len(frame),
        )
        for column in inputs
        if frame[column].nunique(dropna=False) <= 1
    ]


def unseen_categories(
    members: "pd.DataFrame", non_members: "pd.DataFrame", inputs: Sequence[str]
) -> list[Finding]:
    """Return one finding for each text column in which non-members hold values no member has."""
    findings = []
    for column in inputs:
        if _is_number(members[column]):
            continue
        known = set(members[column].dropna().unique().tolist())
        strange = non_members[column].dropna()
        strange = strange[~strange.isin(known)]
        if len(strange):
            findings.append(
                Finding(
                    rule="unseen categories",
                    what=f"Column {column!r} of {len(strange)} non-members holds "
                    f"{strange.nunique()} values that no member has: alone they give non-members "
                    "away.",
                    way_out="Draw members and non-members from the same population.",
                    count=len(strange),
                )
            )
    return findings


def _is_number(column: "pd.Series[Any]") -> bool:
    return str(column.dtype) != "category" and column.dtype.kind in "biuf"
