from pathlib import Path

import numpy as np
import pytest

from reticent.config.guard import Input
from reticent.core import BadInput
from reticent.probe.samples import MOST_ROWS, declared_rows, made_up_rows, read_sample


def test_a_file_with_a_header(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("age,job\n41,nurse\n3.5,\n", encoding="utf-8")
    sample = read_sample(path)
    assert sample.columns == ("age", "job")
    assert sample.rows == ([41, "nurse"], [3.5, ""])


def test_a_file_of_numbers_alone_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("1,2\n3,4\n" * 300, encoding="utf-8")
    sample = read_sample(path)
    assert sample.columns == ()
    assert len(sample.rows) == MOST_ROWS


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1\n", "\xff"])
def test_what_is_no_sample(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match="sample"):
        read_sample(path)


def test_declared_rows_keep_to_what_is_declared() -> None:
    inputs = (
        Input(name="a", low=2.0, high=3.0),
        Input(name="b", kind="integer", low=-1.0, high=1.0),
        Input(name="c", values=("yes", "no")),
        Input(name="d", kind="boolean"),
        Input(name="e", high=-5.0),
    )
    rows = declared_rows(inputs, 200, np.random.default_rng(1)).rows
    assert all(2 <= row[0] <= 3 and row[4] <= -5 for row in rows)
    assert {row[1] for row in rows} == {-1, 0, 1}
    assert {row[2] for row in rows} == {"yes", "no"}
    assert {row[3] for row in rows} == {True, False}


def test_made_up_rows_have_the_shape_and_differ_widely() -> None:
    sample = made_up_rows((2, 3), 64, np.random.default_rng(1))
    rows = np.array(sample.rows)
    assert rows.shape == (64, 2, 3)
    sizes = np.median(rows, axis=(1, 2))
    assert sizes.max() / sizes.min() > 1000
