"""SARIF: valid, findings only, each in the configuration file, with lasting fingerprints."""

import json
from pathlib import Path

import jsonschema
import pytest

from report import sample
from reticent.report import render
from reticent.report.sarif import location_of

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-schema-2.1.0.json").read_text())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def run_of(record, **more):
    log = json.loads(render(record, "sarif", **more))
    VALIDATOR.validate(log)
    return log["runs"][0]


@pytest.mark.parametrize("make", [sample.build, sample.quiet, sample.inconclusive,
                                  sample.invalid, sample.empty, sample.large])  # fmt: skip
def test_it_is_valid(make):
    run_of(make())


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_it_is_valid_whatever_the_names(name):
    run_of(sample.named(name))


def test_the_schema_can_refuse():
    log = json.loads(render(sample.build(), "sarif"))
    log["runs"][0]["results"][0]["level"] = "dreadful"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(log)


def test_only_findings_are_results():
    record = sample.build()
    run = run_of(record)
    found = {c.id for c in record.cells if c.verdict == "finding"}
    assert {r["properties"]["cell"] for r in run["results"]} == found
    assert all(r["kind"] == "fail" for r in run["results"])
    assert run_of(sample.quiet())["results"] == []


def test_what_could_not_be_told_is_a_notification():
    record = sample.build()
    notes = run_of(record)["invocations"][0]["toolExecutionNotifications"]
    kinds = [note["descriptor"]["id"] for note in notes]
    assert kinds.count("inconclusive") == sum(c.verdict == "inconclusive" for c in record.cells)
    assert kinds.count("not-run") == len(record.not_run)
    broken = run_of(sample.invalid())["invocations"][0]
    assert broken["executionSuccessful"] is False
    assert broken["exitCode"] == 3
    assert "failed-control" in [
        note["descriptor"]["id"] for note in broken["toolExecutionNotifications"]
    ]


def test_every_result_lies_in_the_configuration():
    record = sample.build()
    lines = {"policies.none": 41, "policies.round-2": 47, "sensitive.affairs": 12}
    for result in run_of(record, lines=lines)["results"]:
        (place,) = result["locations"]
        place = place["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "examples/fair/reticent.toml"
        policy = next(c.policy for c in record.cells if c.id == result["properties"]["cell"])
        assert place["region"]["startLine"] == {"none": 41, "round-2": 47, "label-only": 12}[policy]
    for result in run_of(record)["results"]:
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("reticent.toml", "reticent.toml"),
        ("./a/b.toml", "a/b.toml"),
        ("a\\b.toml", "a/b.toml"),
        ("../outside.toml", "outside.toml"),
        ("/srv/x/reticent.toml", "reticent.toml"),
        ("C:\\x\\reticent.toml", "reticent.toml"),
        ("a b#c?.toml", "a%20b%23c%3F.toml"),
        ("..", "reticent.toml"),
        (None, "reticent.toml"),
    ],
)
def test_a_location_is_relative_and_encoded(path, uri):
    assert location_of(path) == uri


def prints(record):
    return {
        r["properties"]["cell"]: r["partialFingerprints"]["reticentCell/v1"]
        for r in run_of(record)["results"]
    }


def test_fingerprints_outlast_the_figures():
    first, second = prints(sample.build(7)), prints(sample.build(8))
    both = first.keys() & second.keys()
    assert len(both) > 20
    assert all(first[cell] == second[cell] for cell in both)
    assert len(set(first.values())) == len(first)
    other = sample.build()
    other = other.model_copy(update={"model": other.model.model_copy(update={"name": "another"})})
    assert not set(prints(other).values()) & set(first.values())


def test_a_fingerprint_is_the_same_in_every_version():
    found = prints(sample.build())["membership/lira/scores/y/none/-/all"]
    assert found == "c277098b55d4a966278ad19e4761018fa719b3397ff4bea29cd336945b4b4f98"


def test_severity_follows_the_tier():
    run = run_of(sample.build())
    levels = {"E3": "error", "E2": "error", "E1": "warning"}
    assert {(r["properties"]["tier"], r["level"]) for r in run["results"]} == {
        (tier, levels[tier]) for tier in ("E1", "E2")
    }
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["membership/lira"]["properties"]["security-severity"] == "7.0"
    assert rules["membership/boundary"]["properties"]["security-severity"] == "4.0"


def test_rules_point_at_entries_that_the_taxonomies_have():
    run = run_of(sample.build())
    taxa = [{t["id"] for t in taxonomy["taxa"]} for taxonomy in run["taxonomies"]]
    names = [taxonomy["name"] for taxonomy in run["taxonomies"]]
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["relationships"]
        for relation in rule["relationships"]:
            component = relation["target"]["toolComponent"]
            assert names[component["index"]] == component["name"]
            assert relation["target"]["id"] in taxa[component["index"]]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_brackets_in_names_are_no_links():
    run = run_of(sample.named("[click](https://evil.example) {0}"))
    for result in run["results"]:
        text = result["message"]["text"]
        assert "[click](" not in text.replace("\\[", "").replace("\\]", "]")
        assert "{0}" not in text.replace("{{0}}", "")
