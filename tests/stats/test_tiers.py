from dataclasses import replace

import pytest

from reticent.core import Leakage
from reticent.stats.confirm import ppv_interval
from reticent.stats.intervals import proportion
from reticent.stats.tiers import Individuals, found, judge, overall, silent


def gain(estimate, lower, upper, null=0.0) -> Leakage:
    return Leakage(
        metric="gain",
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=0.95,
        method="m",
        null=null,
    )


NONE = gain(None, None, None)
QUIET = gain(0.00, -0.02, 0.02)
LOUD = gain(0.10, 0.05, 0.15)


def verdict(effect, **changes):
    settings = {"minimum_detectable_effect": 0.03, "tolerance": 0.05} | changes
    return judge(effect, **settings)


def test_silence_at_power_is_nothing_found() -> None:
    said = verdict(QUIET)
    assert (said.tier, said.verdict) == ("E0", "nothing found")
    assert "0.03 would have been missed" in said.why


@pytest.mark.parametrize(
    ("effect", "changes", "says"),
    [
        (QUIET, {"minimum_detectable_effect": 0.06}, "Effects below 0.06 would have been missed"),
        (QUIET, {"minimum_detectable_effect": None}, "No effect of any size"),
        (gain(0.03, -0.02, 0.08), {}, "An effect of 0.08 is not ruled out"),
        (NONE, {}, "No data"),
        (gain(0.1, None, None), {}, "No data"),
    ],
)
def test_silence_without_power_is_inconclusive(effect, changes, says) -> None:
    said = verdict(effect, **changes)
    assert (said.tier, said.verdict) == ("E?", "inconclusive")
    assert says in said.why


def test_a_gain_above_zero_is_a_group_finding() -> None:
    assert verdict(LOUD).tier == "E1"
    assert verdict(LOUD, p_adjusted=0.02).tier == "E1"


def test_a_gain_that_multiplicity_takes_back_is_inconclusive() -> None:
    assert verdict(LOUD, p_adjusted=0.2).tier == "E?"


def test_a_swapped_interval_does_not_pass_as_silence() -> None:
    assert verdict(replace(LOUD, lower=LOUD.upper, upper=LOUD.lower)).tier != "E0"


def test_the_null_moves_the_bar() -> None:
    area = gain(0.52, 0.505, 0.535, null=0.5)
    assert verdict(area).tier == "E1"
    assert verdict(replace(area, lower=0.49)).tier == "E0"


def test_confirmed_people_outrank_the_group() -> None:
    sure = Individuals(confirmed=4, ppv=ppv_interval(60, 100, 0, 2000, 0.5))
    assert verdict(LOUD, individuals=sure).tier == "E2"
    assert verdict(LOUD, individuals=replace(sure, confirmed=0)).tier == "E1"
    assert verdict(LOUD, individuals=sure, declared_ppv=0.999).tier == "E1"
    unsure = Individuals(confirmed=4, ppv=ppv_interval(60, 100, 20, 2000, 0.01))
    assert verdict(LOUD, individuals=unsure).tier == "E1"


def low_fpr(tp: int, n: int, fp: int, controls: int) -> Individuals:
    return Individuals(
        confirmed=0,
        tpr=proportion(tp, n, metric="tpr"),
        fpr=proportion(fp, controls, metric="fpr", members=False),
    )


def test_a_low_fpr_must_be_certified() -> None:
    assert verdict(QUIET, individuals=low_fpr(200, 1000, 0, 2995)).tier == "E2"
    assert verdict(QUIET, individuals=low_fpr(200, 1000, 0, 2994)).tier == "E0"
    assert verdict(QUIET, individuals=low_fpr(1000, 1000, 0, 100)).tier == "E0"
    assert verdict(QUIET, individuals=low_fpr(12, 1000, 0, 2995)).tier == "E0"


def test_content_outranks_everything_but_only_beyond_its_control() -> None:
    assert verdict(QUIET, content=gain(0.3, 0.2, 0.4)).tier == "E3"
    assert verdict(QUIET, content=gain(0.1, -0.1, 0.3)).tier == "E0"


@pytest.mark.parametrize(
    ("tiers", "controls", "expected"),
    [
        (["E0", "E0"], True, ("E0", "nothing found", 0)),
        (["E0", "E?"], True, ("E?", "inconclusive", 2)),
        (["E0", "E?", "E1"], True, ("E1", "finding", 1)),
        (["E3", "E2"], True, ("E3", "finding", 1)),
        (["E0"], False, ("E0", "invalid", 3)),
        ([], True, ("E?", "inconclusive", 2)),
    ],
)
def test_the_worst_cell_decides(tiers, controls, expected) -> None:
    assert overall(tiers, controls_passed=controls) == expected


def test_controls() -> None:
    assert found(LOUD)
    assert not found(QUIET)
    assert not found(NONE)
    assert silent(QUIET)
    assert not silent(LOUD)
    assert not silent(gain(-0.1, -0.2, -0.05))
    assert not silent(NONE)
