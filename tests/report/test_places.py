"""Policies and sensitive columns are found where they stand."""

import json

import pytest

from report import sample
from reticent.report import render
from reticent.report.places import lines_in, lines_of

CONFIG = """\
# comment
[model]
path = "model.skops"

[[sensitive]]
column = "affairs"
harm = "high"

[[policy]]   # in force
name = "none"
defences = []

[[policy]]
name = "round-2"
defences = [{ kind = "round", digits = 2 }]
"""


def test_each_stands_at_its_table():
    assert lines_in(CONFIG) == {"sensitive.affairs": 5, "policies.none": 9, "policies.round-2": 13}


@pytest.mark.parametrize(
    "text", ["", "[[policy", "policy = 3", "[[policy]]\nname = 3", "policy = [3]"]
)
def test_what_is_not_there_has_no_line(text):
    assert lines_in(text) == {}


def test_a_file_that_cannot_be_read_has_no_lines(tmp_path):
    assert lines_of(None) == lines_of(str(tmp_path)) == lines_of(str(tmp_path / "none.toml")) == {}
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe\x00")
    assert lines_of(str(tmp_path / "odd.toml")) == {}


def test_results_lie_at_their_policy(tmp_path):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG, encoding="utf-8")
    record = sample.build().model_copy(update={"config_path": str(path)})
    (run,) = json.loads(render(record, "sarif", lines=lines_of(record.config_path)))["runs"]
    policies = {cell.id: cell.policy for cell in record.cells}
    starts = {
        (policies[r["properties"]["cell"]],
         r["locations"][0]["physicalLocation"]["region"]["startLine"])
        for r in run["results"]
    }  # fmt: skip
    assert starts == {("none", 9), ("round-2", 13), ("label-only", 5)}
