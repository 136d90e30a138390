"""A probe's record in five renderings: the same numbers, and harmless whatever a server says."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from report import probes
from report.page import parse
from report.sample import HOSTILE
from reticent.audit.probe_record import ProbeRecord
from reticent.probe import CHECKS
from reticent.report import FORMATS, render, wording
from reticent.report.probe import standards, summary

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-schema-2.1.0.json").read_text())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
RECORD = probes.build()


@pytest.mark.parametrize("kind", ["html", "md", "junit"])
def test_every_number_of_every_check_is_in_every_rendering(kind: str) -> None:
    text = render(RECORD, kind).replace("\\_", "_").replace("&lt;", "<")
    for check in RECORD.checks:
        assert summary.numbers(check.figures) in text
        assert f"{check.requests:,}" in text
        assert check.id in text


def test_sarif_has_the_numbers_of_what_was_found_and_is_valid() -> None:
    log = json.loads(render(RECORD, "sarif"))
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    found = [check for check in RECORD.checks if check.outcome == "found"]
    told = {r["properties"]["check"]: r["properties"] for r in run["results"]}
    assert set(told) == {check.id for check in found}
    for check in found:
        assert told[check.id]["figures"] == summary.numbers(check.figures)
        assert told[check.id]["requests"] == check.requests
    uris = {
        r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]
    }
    assert uris == {RECORD.url}
    assert run["invocations"][0]["exitCode"] == 1


def test_sarif_lies_in_the_configuration_where_there_is_one() -> None:
    record = RECORD.model_copy(update={"config_path": "deploy/reticent.toml"})
    (run,) = json.loads(render(record, "sarif"))["runs"]
    places = [r["locations"][0]["physicalLocation"] for r in run["results"]]
    assert {p["artifactLocation"]["uri"] for p in places} == {"deploy/reticent.toml"}


def test_junit_counts_what_the_record_has() -> None:
    root = ET.fromstring(render(RECORD, "junit"))
    outcomes = [check.outcome for check in RECORD.checks]
    assert root.get("tests") == str(len(outcomes) + 1)  # and the control
    assert root.get("failures") == str(outcomes.count("found"))
    assert root.get("errors") == str(outcomes.count("inconclusive") + 1)
    assert root.get("skipped") == str(outcomes.count("not run"))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_hostile_words_of_a_server_do_nothing(kind: str, text: str) -> None:
    rendered = render(probes.build(text), kind)
    if kind == "html":
        page = parse(rendered)
        assert len(page.find("script")) == 1
        assert not page.find("img")
    elif kind == "md":
        assert "<script" not in rendered
        assert "<img" not in rendered
    elif kind == "junit":
        ET.fromstring(rendered)
    else:
        body = json.loads(rendered)
        if kind == "sarif":
            VALIDATOR.validate(body)


@pytest.mark.parametrize("kind", ["html", "md", "junit", "sarif"])
def test_a_stopped_probe_says_so(kind: str) -> None:
    def stopped(complete: bool) -> bool:
        text = render(probes.build(complete=complete), kind).lower()
        return any(w in text for w in ("stopped before its end", "stopped early"))

    assert stopped(False)
    assert not stopped(True)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_no_forbidden_word(kind: str) -> None:
    assert wording.offences(render(RECORD, kind)) == []


def test_the_worst_comes_first() -> None:
    order = [(c.outcome, c.severity) for c in summary.in_order(RECORD.checks)]
    assert order[0] == ("found", "high")
    assert order[-1][0] == "not run"


def test_every_check_bears_on_a_standard_and_every_entry_on_a_check() -> None:
    ids = {check.id for check in CHECKS}
    named = {name for s in standards.standards() for row in s.rows for name in row.checks}
    assert named <= ids
    assert ids - named == {"unkeyed-noise"} - named
    assert len({(s.id, row.id) for s in standards.standards() for row in s.rows}) > 15


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [(("found",), "executed"), (("not found",), "executed"), (("inconclusive",), "inconclusive"),
     (("not run",), "not run"), ((), "not run")],
)  # fmt: skip
def test_an_entry_without_an_executed_check_has_no_evidence(
    outcomes: tuple[str, ...], status: str
) -> None:
    row = standards.Row("X", "x", (CHECKS[0].id,))
    first = RECORD.checks[0]
    checks = [first.model_copy(update={"outcome": outcome}) for outcome in outcomes]
    record: ProbeRecord = RECORD.model_copy(update={"checks": checks})
    found, behind = standards.evidence(record, row)
    assert found == status
    assert (standards.says(behind) == "no evidence") == (status == "not run")


def test_numbers_are_written_as_in_every_other_report() -> None:
    figures = [
        probes.figure("p_value", 0.01234),
        probes.figure("gap_ms", 12.3456),
        probes.figure("most_decimals", 17.0),
    ]
    assert summary.numbers(figures) == (
        "p value 0.013 (24 rows, 1.25 seconds); gap ms 12.3 (24 rows, 1.25 seconds); "
        "most decimals 17 (24 rows, 1.25 seconds)"
    )
