"""Why a cell says what it says."""

import pytest

from reticent.audit.explain import explain
from reticent.core import BadInput


@pytest.fixture
def record(small_audit):
    return small_audit[1]


def test_every_cell_of_a_real_audit_is_explained(record):
    for cell in record.cells:
        told = explain(record, cell.id)
        text = " ".join(told.steps)
        assert told.cell == cell
        assert told.figures[0] == cell.primary
        assert cell.why in text
        assert repr(cell.policy) in text
        assert f"asked {cell.queries} rows" in text
        assert "E" + cell.tier[1] in text


def test_every_figure_has_a_formula_and_the_counts_behind_it(record):
    for cell in record.cells:
        for figure in explain(record, cell.id).figures:
            assert figure.formula, figure.metric


def test_accuracy_can_be_worked_out_again_from_its_counts(record):
    told = explain(record, "attribute/map/scores/y/open/affair/all")
    accuracy = next(f for f in told.figures if f.metric == "accuracy")
    assert accuracy.estimate == accuracy.counts["hits"] / accuracy.counts["n"]
    gain = told.cell.gain
    assert gain.estimate == pytest.approx(
        (gain.counts["only_a"] - gain.counts["only_b"]) / gain.counts["n"]
    )


def test_a_part_of_the_id_is_enough_if_it_names_one_cell(record):
    assert explain(record, "loss/scores/y/open").cell.attack == "loss"
    with pytest.raises(BadInput, match=r"is part of \d+ cells") as caught:
        explain(record, "map")
    assert "more of the id" in caught.value.way_out


def test_a_cell_that_is_not_there_gets_its_neighbours_named(record):
    with pytest.raises(BadInput, match="no cell") as caught:
        explain(record, "membership/los/scores/y/open/all")
    assert "membership/loss/scores/y/open/all" in caught.value.way_out
    with pytest.raises(BadInput, match="no cell") as caught:
        explain(record.model_copy(update={"cells": []}), "loss")
    assert "no cells at all" in caught.value.way_out


def test_a_failed_control_is_said_with_every_cell(record):
    failed = record.controls[0].model_copy(update={"passed": False})
    spoilt = record.model_copy(update={"controls": [failed]})
    steps = explain(spoilt, "loss/scores/y/open").steps
    assert "the whole audit is invalid" in steps[-1]
    assert failed.name in steps[-1]
    assert "invalid" not in " ".join(explain(record, "loss/scores/y/open").steps)


def test_no_data_is_said_in_words(record):
    cell = record.cells[0]
    empty = cell.primary.model_copy(update={"estimate": None, "lower": None, "upper": None})
    bare = record.model_copy(
        update={"cells": [cell.model_copy(update={"primary": empty, "p_value": None})]}
    )
    assert "there is no data" in explain(bare, cell.id).steps[1]
