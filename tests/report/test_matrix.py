"""The matrix has every cell once, where its attack, policy and access say."""

from report import sample
from reticent.report.matrix import grids


def test_every_cell_stands_once_in_its_column():
    record = sample.build()
    seen = []
    for grid in grids(record):
        owners = [name for name, span in grid.policies for _ in range(span)]
        assert len(owners) == len(grid.accesses)
        for row in grid.rows:
            assert len(row.cells) == len(owners)
            for owner, access, cells in zip(owners, grid.accesses, row.cells, strict=True):
                for cell in cells:
                    assert (cell.policy, cell.access, cell.attack) == (owner, access, row.attack)
                    seen.append(cell.id)
    assert sorted(seen) == sorted(cell.id for cell in record.cells)


def test_cells_that_share_a_place_are_both_shown():
    record = sample.quiet()
    twin = record.cells[0].model_copy(update={"id": "twin", "settings": {"references": 64}})
    (grid,) = grids(record.model_copy(update={"cells": [record.cells[0], twin]}))
    assert [cell.id for cell in grid.rows[0].cells[0]] == [record.cells[0].id, "twin"]


def test_rows_of_several_metrics_say_which():
    record = sample.build()
    other = record.cells[1].model_copy(update={"primary": sample.figure("auc", 0.7), "id": "auc"})
    (grid,) = grids(record.model_copy(update={"cells": [record.cells[0], other]}))
    assert "area under the ROC curve" in grid.rows[1].detail


def test_no_cells_no_grid():
    assert grids(sample.empty()) == []
