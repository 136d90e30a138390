"""A standard's entry has the evidence of executed cells, or none."""

import pytest

from report import sample
from reticent.report.evidence import evidence, rows_of, standards

BY_ID = {standard.id: standard for standard in standards()}
EMPTY = sample.empty()


def status(record, standard, row):
    return {e.row.id: e.status for e in evidence(record, BY_ID[standard])}[row]


def test_every_table_says_what_it_is_of():
    assert set(BY_ID) == {
        "EDPB 28/2024",
        "MITRE ATLAS",
        "NIST AI 100-2",
        "OWASP LLM",
        "OWASP ML",
    }
    for standard in standards():
        assert standard.edition
        assert standard.source.startswith("https://")
        assert standard.basis
        assert standard.checked.year >= 2025
        assert len({row.id for row in standard.rows}) == len(standard.rows)


@pytest.mark.parametrize("standard", BY_ID)
def test_without_cells_there_is_no_evidence(standard):
    for e in evidence(EMPTY, BY_ID[standard]):
        assert (e.status, e.cells, e.found) == ("not run", (), "no evidence")


def test_executed_inconclusive_and_not_run_are_told_apart():
    record = sample.build()
    assert status(record, "EDPB 28/2024", "55, attribute inference") == "executed"
    assert status(record, "EDPB 28/2024", "55, reconstruction") == "inconclusive"
    assert status(record, "EDPB 28/2024", "55, regurgitation") == "not run"
    assert status(record, "OWASP ML", "ML05:2023") == "not run"


def test_a_cell_bears_only_on_the_entries_of_its_family_and_access():
    record = sample.build()
    member = next(c for c in record.cells if c.family == "membership")
    ids = {row.id for _, row in rows_of(member)}
    assert {"ML04:2023", "AML.T0024.000", "NISTAML.033"} <= ids
    assert not {"ML03:2023", "AML.T0024.001", "NISTAML.032", "AML.T0044"} & ids
    whole = next(c for c in record.cells if c.access == "weights")
    ids = {row.id for _, row in rows_of(whole)}
    assert "AML.T0044" in ids
    assert "AML.T0024.001" not in ids, "the file was not reached through an interface"


def test_an_invalid_cell_is_no_evidence():
    record = sample.build()
    void = record.model_copy(
        update={"cells": [c.model_copy(update={"verdict": "invalid"}) for c in record.cells]}
    )
    assert status(void, "OWASP ML", "ML03:2023") == "not run"
    assert status(record, "OWASP ML", "ML03:2023") == "executed"


def test_the_worst_cell_is_shown_first():
    record = sample.build()
    rows = {e.row.id: e for e in evidence(record, BY_ID["OWASP ML"])}
    assert rows["ML03:2023"].cells[0].tier == "E2"
