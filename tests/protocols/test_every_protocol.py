"""Every protocol on the shelf obeys the laws; the table grows by itself."""

from collections.abc import Callable

import pytest

from reticent.protocols import protocol_kinds
from reticent.testing import PROTOCOL_CHECKS, Spoken, spoken

CASES = [case for kind in protocol_kinds().values() for case in spoken(kind())]


@pytest.mark.parametrize("check", PROTOCOL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_protocol(case: Spoken, check: Callable[[Spoken], None]) -> None:
    check(case)
