"""All renderings of a record say the same numbers, and say them again when asked again."""

import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from report import sample
from report.page import parse
from reticent.core import BadInput
from reticent.report import FORMATS, format as fmt, render

RECORD = sample.build()
NUMBER = re.compile(r"(-?[\d.,e-]+) \[(-?[\d.,e-]+), (-?[\d.,e-]+)\]")


def in_html():
    page = parse(render(RECORD, "html"))
    found = {}
    for cell in RECORD.cells:
        found[cell.id] = page.by_id[fmt.anchor(cell)].find("span", class_="primary")[0].text
    return found


def in_markdown():
    text = render(RECORD, "md").split("## Every cell")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    return {row[0].removeprefix("| ").replace("\\", ""): row[4] for row in rows}


def in_junit():
    found = {}
    for case in ET.fromstring(render(RECORD, "junit")).iter("testcase"):
        out = case.find("system-out")
        if out is not None and out.text.startswith("verdict hangs on"):
            found[case.get("name")] = out.text.splitlines()[0]
    return found


def in_sarif():
    (run,) = json.loads(render(RECORD, "sarif"))["runs"]
    found = {r["properties"]["cell"]: r["message"]["text"] for r in run["results"]}
    for note in run["invocations"][0]["toolExecutionNotifications"]:
        if note["descriptor"]["id"] == "inconclusive":
            cell, _, rest = note["message"]["text"].partition(": ")
            found[cell] = rest
    return found


def in_matrix():
    page = parse(render(RECORD, "html"))
    links = {a.attrs["href"][1:]: a.text for a in page.find("a", class_="cell-link")}
    return {cell.id: links[fmt.anchor(cell)] for cell in RECORD.cells}


def in_markdown_matrix():
    text = render(RECORD, "md").split("## Attack, access")[1].split("## Every cell")[0]
    return sorted(NUMBER.findall(text))


@pytest.mark.parametrize("where", [in_html, in_markdown, in_junit, in_sarif, in_matrix])
def test_numbers_are_the_same_everywhere(where):
    found = where()
    expected = {c.id: c for c in RECORD.cells}
    if where is in_sarif:
        expected = {i: c for i, c in expected.items() if c.verdict != "nothing found"}
    assert found.keys() == expected.keys()
    for name, text in found.items():
        primary = expected[name].primary
        if primary.estimate is None:
            assert "no data" in text
            continue
        ((estimate, lower, upper),) = NUMBER.findall(text)
        assert estimate == fmt.number(primary.estimate)
        assert [lower, upper] == fmt.interval(primary).strip("[]").split(", ")
        assert float(lower) <= primary.lower <= primary.upper <= float(upper)
        if where is not in_matrix:
            assert fmt.size(primary) in text


def test_the_matrix_in_markdown_has_the_same_numbers():
    expected = [NUMBER.findall(fmt.short(c.primary))[0] for c in RECORD.cells if c.primary.estimate]
    assert in_markdown_matrix() == sorted(expected)


def test_one_changed_number_is_seen_everywhere():
    cell = next(c for c in RECORD.cells if c.verdict == "finding")
    moved = cell.primary.model_copy(update={"estimate": 5.4321, "upper": 5.6})
    changed = RECORD.model_copy(
        update={
            "cells": [
                c.model_copy(update={"primary": moved}) if c.id == cell.id else c
                for c in RECORD.cells
            ]
        }
    )
    for format in FORMATS:
        assert "5.43" in render(changed, format)
        assert "5.43 [" not in render(RECORD, format)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_record_gives_the_same_bytes(format):
    text = render(sample.build(), format)
    assert text == render(sample.build(), format)
    assert text.endswith("\n")
    text.encode("utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_no_data_renders(format):
    nothing = sample.figure("auc", None)
    cells = [
        c.model_copy(
            update={
                "primary": nothing,
                "gain": nothing,
                "baseline": nothing,
                "training_leak": nothing,
                "population_inference": nothing,
                "curves": [],
            }
        )
        for c in RECORD.cells[:20]
    ]
    assert "no data" in render(RECORD.model_copy(update={"cells": cells}), format) or (
        format == "json"
    )


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(BadInput, match=r"'pdf'.*html, md, sarif, junit, json"):
        render(RECORD, "pdf")


def test_only_the_chosen_renderer_is_loaded():
    code = (
        "import sys, reticent.report as r; assert 'jinja2' not in sys.modules;"
        "assert not any(m in sys.modules for m in ('sklearn', 'scipy', 'pandas')), 'heavy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": "src"})
