"""Every attack and every defence on the shelf obeys the laws; the table grows by itself."""

from collections.abc import Callable

import pytest

from reticent.attacks import Attack, attack_types
from reticent.defences import Defence, defence_kinds
from reticent.testing import ATTACK_CHECKS, DEFENCE_CHECKS, examples_of


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", attack_types())
def test_attack(name: str, check: Callable[[Attack], None]) -> None:
    attack = attack_types()[name]()
    assert attack.name == name
    check(attack)


@pytest.mark.parametrize("check", DEFENCE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", defence_kinds())
def test_defence(kind: str, check: Callable[[Defence], None]) -> None:
    for defence in examples_of(defence_kinds()[kind]):
        assert defence.kind == kind
        check(defence)
