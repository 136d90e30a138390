"""Who was in the training data, and who was not."""

from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import BadInput, Bools
from reticent.data.checks import require_columns

if TYPE_CHECKING:
    import pandas as pd

_MEMBER = frozenset({"1", "1.0", "true", "t", "yes", "y", "member", "train", "in"})
_OTHER = frozenset({"0", "0.0", "false", "f", "no", "n", "non-member", "nonmember", "test", "out"})


def split_members(frame: "pd.DataFrame", member_column: str) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the members and the non-members, without the column that tells them apart.

    The column holds truth values, 1/0, or words: member/non-member, train/test, yes/no, in/out.

    Raises: BadInput if the column is missing, holds something else, or names one side only.
    """
    require_columns(frame.columns, [member_column], where="the data")
    inside = _inside(frame[member_column], member_column)
    rest = frame.drop(columns=[member_column])
    if inside.all() or not inside.any():
        side = "member" if inside.all() else "non-member"
        raise BadInput(
            f"Column {member_column!r} calls all {len(frame)} rows {side}s; both are needed.",
            way_out="Give records that were trained on and records of the same kind that were not.",
        )
    return rest[inside].reset_index(drop=True), rest[~inside].reset_index(drop=True)


def _inside(column: "pd.Series[Any]", title: str) -> Bools:
    words = {value: str(value).strip().lower() for value in column.unique().tolist()}
    for value, word in words.items():
        if word not in _MEMBER and word not in _OTHER:
            raise BadInput(
                f"Column {title!r} holds {value!r}, which says neither member nor non-member.",
                way_out="Use true and false (or 1 and 0) in every row.",
            )
    inside = {value for value, word in words.items() if word in _MEMBER}
    return np.asarray(column.isin(inside), dtype=np.bool_)
