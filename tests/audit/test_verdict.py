"""From figures to verdicts: multiplicity, tiers, and when an audit says nothing at all."""

import pytest
from audit.cells import control, figure, measured, singled, task

from reticent.audit.grade.base import Reach
from reticent.audit.record import NotRun
from reticent.audit.verdict import decide, leakage_of, overall
from reticent.core import Family

A, B, C = task("a"), task("b"), task("c")
WIDE = Reach(kind="auc", n=100_000, n_other=100_000)
FAILED = NotRun(what="x", why="it broke", kind="failed")


def decided(cells, planned):
    found = decide(cells, planned=planned, confidence=0.95, ppv_declared=0.9)
    return {cell.attack: cell for cell in found}


def whole(cells, controls=None, *, failed=(), complete=True):
    controls = [control(passed=True)] if controls is None else controls
    return overall(cells, controls, failed=failed, complete=complete)


def judged(of, lower, upper, **fields):
    return decided([measured(of, lower, upper, reach=WIDE, **fields)], [of])[of.attack]


def test_holm_multiplies_by_the_tests_that_are_left():
    cells = [measured(A, p_value=0.01), measured(B, p_value=0.04), measured(C, p_value=0.03)]
    found = decided(cells, [A, B, C])
    assert [found[k].p_adjusted for k in "abc"] == pytest.approx([0.03, 0.06, 0.06])


def test_a_declared_task_that_did_not_run_keeps_its_place():
    alone = decided([measured(A, p_value=0.01)], [A])
    beside = decided([measured(A, p_value=0.01)], [A, B, C])
    assert alone["a"].p_adjusted == pytest.approx(0.01)
    assert beside["a"].p_adjusted == pytest.approx(0.03)


def test_dropping_a_declared_task_can_cost_the_finding_and_never_make_one():
    cells = [measured(A, 0.51, 0.6, p_value=0.02, reach=WIDE)]
    assert decided(cells, [A])["a"].verdict == "finding"
    assert decided(cells, [A, B])["a"].verdict != "finding"


def test_exploratory_cells_stay_out_of_the_declared_family():
    loose = task("b", declared=False)
    cells = [measured(A, p_value=0.01), measured(loose, p_value=0.5)]
    found = decided(cells, [A, loose])
    assert found["a"].p_adjusted == pytest.approx(0.01)
    assert found["b"].p_adjusted == pytest.approx(0.5)
    two = [task(name, declared=False) for name in "xy"]
    by_name = decided([measured(t, p_value=p) for t, p in zip(two, (0.01, 0.04), strict=True)], two)
    assert [by_name[k].p_adjusted for k in "xy"] == pytest.approx([0.02, 0.04])


def test_an_interval_above_the_null_is_a_finding_if_it_survives_the_family():
    assert judged(A, 0.55, 0.65, p_value=1e-6).tier == "E1"
    weak = judged(A, 0.55, 0.65, p_value=0.5)
    assert weak.verdict == "inconclusive"


def test_a_tight_interval_about_the_null_finds_nothing():
    cell = judged(A, 0.49, 0.51, p_value=0.5)
    assert (cell.tier, cell.verdict) == ("E0", "nothing found")
    assert 0 < cell.minimum_detectable_effect < 0.05


def test_without_reach_nothing_can_be_ruled_out():
    cell = decided([measured(A, 0.49, 0.51, p_value=0.5)], [A])["a"]
    assert cell.verdict == "inconclusive"


def test_a_larger_family_sees_less():
    cells = [measured(A, 0.49, 0.51, p_value=0.5, reach=WIDE)]
    alone = decided(cells, [A])["a"].minimum_detectable_effect
    beside = decided(cells, [A, B, C])["a"].minimum_detectable_effect
    assert beside > alone


def test_confirmed_individuals_are_worse_than_a_group_and_unconfirmed_ones_are_nothing():
    assert judged(A, 0.55, 0.65, p_value=1e-6, individuals=singled(range(9))).tier == "E2"
    wrong = singled(range(9), hits=50, confirmed=False)
    assert judged(A, 0.55, 0.65, p_value=1e-6, individuals=wrong).tier == "E1"


def test_recovered_content_is_worst():
    content = figure(0.2, 0.4, null=0.0, metric="exact_match_members_minus_non_members")
    assert judged(A, 0.55, 0.65, p_value=1e-6, content=content).tier == "E3"


def test_the_worst_cell_names_the_audit():
    leak, quiet = judged(A, 0.55, 0.65, p_value=1e-6), judged(B, 0.49, 0.51, p_value=0.5)
    assert (whole([quiet]).verdict, whole([quiet]).exit_code) == ("nothing found", 0)
    assert (whole([quiet, leak]).verdict, whole([quiet, leak]).exit_code) == ("finding", 1)
    assert whole([]).exit_code == 2


def test_a_failed_control_makes_the_audit_invalid_whatever_it_found():
    leak, quiet = judged(A, 0.55, 0.65, p_value=1e-6), judged(B, 0.49, 0.51, p_value=0.5)
    for cells in ([leak], [quiet], [leak, quiet]):
        found = whole(cells, [control(passed=True), control(passed=False)])
        assert (found.verdict, found.exit_code) == ("invalid", 3)


def test_a_failed_attack_or_a_stopped_run_never_ends_in_nothing_found():
    quiet = judged(B, 0.49, 0.51, p_value=0.5)
    assert whole([quiet], failed=[FAILED]).verdict == "inconclusive"
    assert whole([quiet], complete=False).verdict == "inconclusive"
    assert whole([quiet], [], complete=False).exit_code == 2
    leak = judged(A, 0.55, 0.65, p_value=1e-6)
    assert whole([leak], failed=[FAILED]).verdict == "finding"
    assert whole([leak], [], complete=False).verdict == "finding"


def test_a_copy_of_the_model_is_no_leak_of_people():
    copy = task("surrogate", Family.EXTRACTION, declared=False)
    cell = judged(copy, 0.8, 0.9, null=0.0, p_value=1e-9)
    quiet = judged(B, 0.49, 0.51, p_value=0.5)
    assert cell.verdict == "finding"
    assert whole([quiet, cell]).verdict == "nothing found"


def test_a_figure_comes_back_as_the_statistics_know_it():
    found = leakage_of(figure(0.2, 0.4))
    assert (found.metric, found.lower, found.upper, found.null) == ("auc", 0.2, 0.4, 0.5)
