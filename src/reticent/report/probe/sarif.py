"""SARIF 2.1.0 for code scanning: every check that found something is a result.

A result lies in the guard's configuration where one was given. Else there is no file it could lie
in: its place is the server, as a URL.

    severity  level     security-severity (a band that GitHub asks for, not a score)
    high      error     8.0
    medium    warning   5.0
    low       note      2.0
"""

import json
from collections.abc import Mapping
from typing import Any

from reticent.audit.probe_record import ProbeCheck, ProbeRecord, Severity
from reticent.report import format as fmt
from reticent.report.probe import standards, summary
from reticent.report.sarif import SCHEMA, fingerprint, location_of, say, taxonomy, utc

_LEVELS: dict[Severity, tuple[str, str]] = {
    "high": ("error", "8.0"),
    "medium": ("warning", "5.0"),
    "low": ("note", "2.0"),
}
_BASE = "%SRCROOT%"


def render(record: ProbeRecord, *, lines: Mapping[str, int] | None = None) -> str:
    """Return the record as SARIF 2.1.0.

    Args:
        record: what a probe found.
        lines: as for an audit's record; a probe's results lie at line 1.
    """
    body = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(record)]}
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def _run(record: ProbeRecord) -> dict[str, Any]:
    rules = {check.id: i for i, check in enumerate(record.checks)}
    return {
        "tool": {
            "driver": {
                "name": "Reticent",
                "version": fmt.one_line(record.run.reticent_version),
                "rules": [_rule(check) for check in record.checks],
                "notifications": [
                    {"id": "inconclusive", "name": "Inconclusive"},
                    {"id": "not-run", "name": "NotRun"},
                    {"id": "failed-control", "name": "FailedControl"},
                    {"id": "incomplete", "name": "Incomplete"},
                ],
                "supportedTaxonomies": [
                    {"name": s.id, "index": i} for i, s in enumerate(standards.standards())
                ],
            }
        },
        "automationDetails": {"id": f"reticent-probe/{record.caller.replace(' ', '-')}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _BASE: {"description": {"text": "The root of the repository that holds the file."}}
        },
        "invocations": [_invocation(record)],
        "results": [
            _result(record, check, rules[check.id])
            for check in summary.in_order(record.checks)
            if check.outcome == "found"
        ],
        "taxonomies": [taxonomy(standard) for standard in standards.standards()],
        "properties": {
            "recordDigest": record.digest,
            "verdict": record.verdict,
            "requests": record.requests,
        },
    }


def _rule(check: ProbeCheck) -> dict[str, Any]:
    level, band = _LEVELS[check.severity]
    places = {standard.id: i for i, standard in enumerate(standards.standards())}
    return {
        "id": f"probe/{fmt.one_line(check.id)}",
        "name": fmt.one_line(check.id),
        "shortDescription": {"text": say(check.title)},
        "fullDescription": {"text": f"{say(check.title)}. It sends: {say(check.sends)}"},
        "help": {"text": "docs/guard/probe.md says what each check sends and what ends it."},
        "defaultConfiguration": {"level": level},
        "relationships": [
            {
                "target": {
                    "id": row.id,
                    "toolComponent": {"name": standard.id, "index": places[standard.id]},
                },
                "kinds": ["relevant"],
            }
            for standard, row in standards.rows_of(check.id)
        ],
        "properties": {"security-severity": band, "tags": ["security", "privacy"]},
    }


def _result(record: ProbeRecord, check: ProbeCheck, rule: int) -> dict[str, Any]:
    figures = summary.numbers(check.figures)
    text = f"{say(check.title)}. {say(check.why)} {say(check.way_out)}"
    return {
        "ruleId": f"probe/{fmt.one_line(check.id)}",
        "ruleIndex": rule,
        "kind": "fail",
        "level": _LEVELS[check.severity][0],
        "message": {"text": text.strip()},
        "locations": [_location(record, check)],
        "partialFingerprints": {"reticentProbe/v1": fingerprint(record.url, check.id)},
        "properties": {
            "check": fmt.one_line(check.id),
            "severity": check.severity,
            "requests": check.requests,
            "figures": figures,
            "evidence": [
                fmt.one_line(f"{each.request}: {each.status} {each.excerpt}")
                for each in check.evidence
            ],
        },
    }


def _location(record: ProbeRecord, check: ProbeCheck) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": fmt.one_line(f"{record.url}#{check.id}"), "kind": "resource"}]
    if record.config_path is None:
        return {
            "physicalLocation": {"artifactLocation": {"uri": fmt.one_line(record.url)}},
            "logicalLocations": logical,
        }
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": location_of(record.config_path), "uriBaseId": _BASE},
            "region": {"startLine": 1},
        },
        "logicalLocations": logical,
    }


def _invocation(record: ProbeRecord) -> dict[str, Any]:
    notes = [
        _notification(
            "inconclusive" if check.outcome == "inconclusive" else "not-run",
            "warning" if check.outcome == "inconclusive" else "note",
            f"{say(check.id)}: {say(check.why)}",
        )
        for check in record.checks
        if check.outcome in ("inconclusive", "not run")
    ]
    notes += [
        _notification("failed-control", "error", f"{say(c.name)}: {say(c.why)}")
        for c in record.controls
        if not c.passed
    ]
    if not record.run.complete:
        notes.append(_notification("incomplete", "error", "The probe was stopped before its end."))
    times = {
        "startTimeUtc": utc(record.run.started_at),
        "endTimeUtc": utc(record.run.finished_at),
    }
    return {
        "executionSuccessful": record.run.complete,
        "exitCode": record.exit_code,
        "exitCodeDescription": summary.EXIT_CODES[record.exit_code],
        "toolExecutionNotifications": notes,
        **{key: value for key, value in times.items() if value},
    }


def _notification(kind: str, level: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": kind}, "level": level, "message": {"text": text}}
