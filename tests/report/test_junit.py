"""JUnit: a finding fails, what could not be told is an error, nothing open is ever green."""

from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from report import sample
from reticent.report import render


def cases_of(record):
    xml = JUnitXml.fromstring(render(record, "junit").encode())
    return {(suite.name, case.name): case for suite in xml for case in suite}


def kind(case):
    (*results,) = case.result
    assert len(results) <= 1
    return type(results[0]) if results else None


EXPECTED = {"finding": Failure, "inconclusive": Error, "invalid": Error, "nothing found": None}


@pytest.mark.parametrize("make", [sample.build, sample.large, sample.inconclusive])
def test_every_cell_is_a_test(make):
    record = make()
    cases = cases_of(record)
    for cell in record.cells:
        case = cases[f"policy {cell.policy}", cell.id]
        assert kind(case) is EXPECTED[cell.verdict]


def test_an_invalid_cell_is_an_error():
    record = sample.quiet()
    cell = record.cells[0].model_copy(update={"verdict": "invalid"})
    case = cases_of(record.model_copy(update={"cells": [cell]}))[f"policy {cell.policy}", cell.id]
    assert kind(case) is Error


def test_a_failed_control_is_an_error():
    cases = cases_of(sample.invalid())
    assert kind(cases["controls", "shuffled membership"]) is Error
    assert kind(cases["controls", "blind classifier"]) is None
    assert kind(cases["audit", "verdict"]) is Error


def test_what_was_left_out_is_skipped_with_its_reason():
    record = sample.build()
    cases = cases_of(record)
    for item in record.not_run:
        case = cases["not run", item.what]
        assert kind(case) is Skipped
        assert item.why in case.result[0].message


def test_a_failed_attack_is_an_error():
    record = sample.build()
    broken = record.not_run[0].model_copy(update={"kind": "failed"})
    cases = cases_of(record.model_copy(update={"not_run": [broken]}))
    assert kind(cases["not run", broken.what]) is Error


def test_no_cells_is_not_green():
    assert kind(cases_of(sample.empty())["audit", "verdict"]) is Error
    assert kind(cases_of(sample.quiet())["audit", "verdict"]) is None


def test_a_stopped_run_is_not_green():
    record = sample.quiet()
    stopped = record.model_copy(update={"run": record.run.model_copy(update={"complete": False})})
    assert kind(cases_of(stopped)["audit", "complete"]) is Error


def test_copying_the_model_neither_passes_nor_fails():
    record = sample.quiet()
    cell = record.cells[0].model_copy(update={"family": "extraction", "verdict": "finding"})
    case = cases_of(record.model_copy(update={"cells": [cell]}))[f"policy {cell.policy}", cell.id]
    assert kind(case) is Skipped


def test_the_counts_are_right():
    root = ET.fromstring(render(sample.build(), "junit"))
    for element in (root, *root):
        counted = Counter(child.tag for case in element.iter("testcase") for child in case)
        assert int(element.get("tests")) == len(list(element.iter("testcase")))
        assert int(element.get("failures")) == counted["failure"]
        assert int(element.get("errors")) == counted["error"]
        assert int(element.get("skipped")) == counted["skipped"]


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_it_stays_xml_whatever_the_names(name):
    plain = ET.fromstring(render(sample.named("x"), "junit"))
    odd = ET.fromstring(render(sample.named(name), "junit"))
    assert [e.tag for e in odd.iter()] == [e.tag for e in plain.iter()]
