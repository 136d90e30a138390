"""split_members: who was in, and who was not."""

import numpy as np
import pandas as pd
import pytest

from reticent.core import BadInput
from reticent.data import split_members


@pytest.mark.parametrize(
    "column",
    [
        [True, False, True],
        [1, 0, 1],
        [1.0, 0.0, 1.0],
        ["member", "non-member", "Member"],
        ["train", "test", "train"],
        pd.Categorical([" yes", "no", "y"]),
    ],
)
def test_every_way_to_say_it(column) -> None:
    frame = pd.DataFrame({"a": [10, 20, 30], "in": column})
    members, others = split_members(frame, "in")
    assert members["a"].tolist() == [10, 30]
    assert others["a"].tolist() == [20]
    assert list(members.columns) == list(others.columns) == ["a"]
    assert others.index.tolist() == [0]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([1, 0, 2], "holds 2, which says neither"),
        ([1, 0, np.nan], "holds nan"),
        (["yes", "no", "perhaps"], "holds 'perhaps'"),
        ([1, 1, 1], "all 3 rows members"),
        (["test"] * 3, "all 3 rows non-members"),
    ],
)
def test_what_says_neither(column, said) -> None:
    with pytest.raises(BadInput, match=said):
        split_members(pd.DataFrame({"in": column}), "in")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match=r"'memeber' is not in the data. Close: 'member'"):
        split_members(pd.DataFrame({"member": [1, 0]}), "memeber")
