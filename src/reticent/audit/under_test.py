"""Who is under test: nobody who stands on both sides, nobody twice."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reticent.audit.experiment import MIN_PER_SIDE

if TYPE_CHECKING:
    import pandas as pd


def under_test(
    members: "pd.DataFrame",
    non_members: "pd.DataFrame",
    outside: "Sequence[pd.DataFrame]",
    features: Sequence[str],
    outcome: str,
) -> "tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]":
    """Leave out members with a twin outside the training data, and all copies but one.

    Non-members who equal a member are left out because they are no non-members. Without the same
    rule for members, common records would stand on one side only, and membership could be read
    off how common a record is. Copies on one side are no independent people: they would make
    every interval too narrow.

    Args:
        members: (n, ...) records that were trained on.
        non_members: records that were not, those who equal a member already left out.
        outside: records that were not trained on, before any was left out; all but the first
            are the adversary's own.
        features: the model's input columns.
        outcome: the outcome column.

    Returns: the members and the non-members who stay, and what to warn about.
    """
    import pandas as pd

    from reticent.data import among

    columns = [*features, outcome]
    warnings: list[str] = []
    same = among(pd.concat([part[columns] for part in outside]), members[columns])
    if same.any() and len(members) - int(same.sum()) >= MIN_PER_SIDE:
        warnings.append(
            f"{int(same.sum())} of {len(members)} members equal a record outside the training "
            "data in all columns; they are not under test, as the non-members who equal a member "
            "are not."
        )
        members = members[~same]
    elif same.any():
        warnings.append(
            f"{int(same.sum())} of {len(members)} members equal a record outside the training "
            f"data in all columns. Without them fewer than {MIN_PER_SIDE} would be left, so that "
            "they stay under test; an adversary may hold them already."
        )
    if len(outside) > 1:
        owned = among(pd.concat([part[columns] for part in outside[1:]]), non_members[columns])
        if owned.any() and len(non_members) - int(owned.sum()) >= MIN_PER_SIDE:
            warnings.append(
                f"{int(owned.sum())} of {len(non_members)} non-members are among the adversary's "
                "own records; they are not under test, as the members who are there are not."
            )
            non_members = non_members[~owned]
    sides = []
    for name, side in (("members", members), ("non-members", non_members)):
        once = side.drop_duplicates(subset=list(features))
        if len(once) < len(side) and len(once) >= MIN_PER_SIDE:
            warnings.append(
                f"{len(side) - len(once)} of {len(side)} {name} have the same inputs as another "
                "one; each such record is under test once."
            )
            side = once
        sides.append(side.reset_index(drop=True))
    return sides[0], sides[1], tuple(warnings)
