import pytest

from reticent.core import (
    BadAnswer,
    BadInput,
    BadPolicy,
    BadRecord,
    BudgetSpent,
    NotEnoughKnowledge,
    NotExposed,
    ReticentError,
    UntrustedFile,
)

ALL = [
    BadAnswer, BadInput, BadPolicy, BadRecord, BudgetSpent, NotEnoughKnowledge, NotExposed,
    UntrustedFile,
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_an_error_says_what_and_the_way_out(kind):
    error = kind("x is 3; it must be less.", way_out="Make it less.")
    assert isinstance(error, ReticentError)
    assert str(error) == "x is 3; it must be less. Make it less."
    assert (error.what, error.way_out) == ("x is 3; it must be less.", "Make it less.")
    assert str(kind("x.")) == "x."


def test_the_tree_that_the_command_line_catches_by():
    assert issubclass(UntrustedFile, BadInput)
    assert issubclass(BadRecord, BadInput)
    assert not issubclass(BadPolicy, BadInput)
