"""SARIF 2.1.0 for code scanning.

Only findings are results, because a reader of SARIF takes every result for an alert; what could
not be told is a notification of the run. Each result lies in the committed configuration file.
Its fingerprint is made of the model's name and the cell's id, so a new figure is the same alert.

Severity follows the tier alone; harm class and access stand beside it as properties:

    tier   level     security-severity (a band that GitHub asks for, not a score)
    E3     error     9.0
    E2     error     7.0
    E1     warning   4.0
    extraction, whatever the tier: note, 1.0
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from reticent.audit.record import Cell, Record
from reticent.report import format as fmt, words
from reticent.report.evidence import Row, rows_of, standards
from reticent.report.ranking import severity
from reticent.report.standards import Entry, Standard

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"E3": ("error", "9.0"), "E2": ("error", "7.0"), "E1": ("warning", "4.0")}
_KEPT_APART = ("note", "1.0")
_BASE = "%SRCROOT%"


def render(record: Record, *, lines: Mapping[str, int] | None = None) -> str:
    """Return the record as SARIF 2.1.0.

    Args:
        record: what an audit measured.
        lines: where things stand in the configuration file, from 1: keys are
            "policies.NAME" and "sensitive.COLUMN", as `places.lines_of` finds
            them. A result lies at its policy, else at its attribute, else at line 1.
    """
    body = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(record, lines or {})],
    }
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def _run(record: Record, lines: Mapping[str, int]) -> dict[str, Any]:
    findings = sorted((c for c in record.cells if c.verdict == "finding"), key=severity)
    rules = {name: i for i, name in enumerate(dict.fromkeys(map(_rule_id, record.cells)))}
    return {
        "tool": {
            "driver": {
                "name": "Reticent",
                "version": fmt.one_line(record.run.reticent_version),
                "rules": [_rule(name, record.cells) for name in rules],
                "notifications": [
                    {"id": "inconclusive", "name": "Inconclusive"},
                    {"id": "invalid", "name": "Invalid"},
                    {"id": "failed-control", "name": "FailedControl"},
                    {"id": "not-run", "name": "NotRun"},
                    {"id": "incomplete", "name": "Incomplete"},
                ],
                "supportedTaxonomies": [{"name": s.id, "index": i} for i, s in _numbered()],
            }
        },
        "automationDetails": {"id": f"reticent/{quote(fmt.clean(record.model.name), safe='')}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _BASE: {"description": {"text": "The root of the repository that holds the file."}}
        },
        "invocations": [_invocation(record)],
        "results": [_result(record, cell, rules, lines) for cell in findings],
        "taxonomies": [taxonomy(standard) for standard in standards()],
        "properties": {
            "recordDigest": record.digest,
            "seed": record.seed,
            "tier": record.tier,
            "verdict": record.verdict,
        },
    }


def say(text: str) -> str:
    r"""Return foreign text for a message, in which brackets are links and braces placeholders.

    >>> print(say("[x](http://y) {0}"))
    \[x\](http://y) {{0}}
    """
    text = re.sub(r"([\\\[\]])", r"\\\1", fmt.one_line(text))
    return text.replace("{", "{{").replace("}", "}}")


def _numbered() -> Iterable[tuple[int, Standard[Row]]]:
    return enumerate(standards())


def _rule_id(cell: Cell) -> str:
    return f"{fmt.one_line(cell.family)}/{fmt.one_line(cell.attack)}"


def _level(cell: Cell) -> tuple[str, str]:
    return (
        _KEPT_APART if cell.family == "extraction" else _LEVELS.get(cell.tier, ("warning", "4.0"))
    )


def _rule(name: str, cells: Iterable[Cell]) -> dict[str, Any]:
    ours = [cell for cell in cells if _rule_id(cell) == name]
    found = [_level(cell) for cell in ours if cell.verdict == "finding"]
    level, band = max(found, key=lambda pair: pair[1], default=_KEPT_APART)
    entries = {(standard.id, row.id): standard for cell in ours for standard, row in rows_of(cell)}
    places = {standard.id: i for i, standard in _numbered()}
    first = ours[0]
    text = f"{say(words.family(first.family))} with the attack {say(first.attack)}."
    source = f" Source: {say(first.source)}" if first.source else ""
    return {
        "id": name,
        "name": fmt.one_line(first.attack),
        "shortDescription": {"text": text},
        "fullDescription": {"text": text + source},
        "help": {
            "text": "The HTML report and `reticent explain CELL` say how the figure was worked "
            "out and which audited policy removes the finding."
        },
        "defaultConfiguration": {"level": level},
        "relationships": [
            {
                "target": {
                    "id": row_id,
                    "toolComponent": {"name": standard_id, "index": places[standard_id]},
                },
                "kinds": ["relevant"],
            }
            for standard_id, row_id in entries
        ],
        "properties": {"security-severity": band, "tags": ["security", "privacy"]},
    }


def taxonomy(standard: Standard[Entry]) -> dict[str, Any]:
    """Return a standard as SARIF's `toolComponent`."""
    return {
        "name": standard.id,
        "fullName": standard.name,
        "version": standard.edition,
        "informationUri": standard.source,
        "shortDescription": {"text": f"{standard.name}, {standard.edition}"},
        "isComprehensive": False,
        "taxa": [
            {"id": row.id, "name": row.title, "shortDescription": {"text": row.note or row.title}}
            for row in standard.rows
        ],
    }


def _result(
    record: Record, cell: Cell, rules: Mapping[str, int], lines: Mapping[str, int]
) -> dict[str, Any]:
    rule = _rule_id(cell)
    level, _ = _level(cell)
    text = (
        f"{cell.tier}: under the policy “{say(cell.policy)}”, the attack "
        f"“{say(cell.attack)}” learns {say(words.learns(cell))}: "
        f"{say(words.metric(cell.primary.metric))} {fmt.full(cell.primary)}. {say(cell.why)}"
    )
    return {
        "ruleId": rule,
        "ruleIndex": rules[rule],
        "kind": "fail",
        "level": level,
        "message": {"text": text},
        "locations": [_location(record, cell, lines)],
        "partialFingerprints": {"reticentCell/v1": fingerprint(record.model.name, cell.id)},
        "properties": {
            "cell": fmt.one_line(cell.id),
            "tier": cell.tier,
            "figure": fmt.full(cell.primary),
            "access": fmt.one_line(cell.access),
            "seen": fmt.one_line(cell.seen),
            "harm": fmt.one_line(cell.harm or "not declared"),
        },
    }


def fingerprint(model: str, cell: str) -> str:
    """Return what stays the same of a finding when its figures change.

    >>> fingerprint("m", "attribute/map")[:12]
    'cedc32dd7864'
    """
    text = json.dumps([model, cell])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _location(record: Record, cell: Cell, lines: Mapping[str, int]) -> dict[str, Any]:
    keys = [f"policies.{cell.policy}"]
    keys += [f"sensitive.{column}" for column in (cell.attribute or "").split("+")]
    line = next((lines[key] for key in keys if lines.get(key, 0) >= 1), 1)
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": location_of(record.config_path), "uriBaseId": _BASE},
            "region": {"startLine": line},
        },
        "logicalLocations": [{"fullyQualifiedName": fmt.one_line(cell.id), "kind": "resource"}],
    }


def location_of(path: str | None) -> str:
    r"""Return a configuration's path as a URI relative to the repository's root.

    A path that leads out of the repository, or none, becomes the file's name alone: a code
    scanner drops the whole file for one result that it cannot place.

    >>> location_of("audits\\a b.toml"), location_of("/home/x/reticent.toml"), location_of(None)
    ('audits/a%20b.toml', 'reticent.toml', 'reticent.toml')
    """
    plain = fmt.clean(path or "")
    parts = PurePosixPath(plain.replace("\\", "/")).parts
    parts = tuple(part for part in parts if part != ".")
    outside = not parts or ".." in parts or parts[0] == "/" or PureWindowsPath(plain).drive
    if outside:
        parts = (parts[-1],) if parts and parts[-1] not in {"..", "/"} else ("reticent.toml",)
    return "/".join(quote(part, safe="") for part in parts)


def _invocation(record: Record) -> dict[str, Any]:
    notes = [
        _notification("inconclusive" if cell.verdict == "inconclusive" else "invalid", "warning",
                      f"{say(cell.id)}: {cell.tier}, {fmt.full(cell.primary)}. "
                      f"{say(cell.why)}")
        for cell in record.cells
        if cell.verdict in {"inconclusive", "invalid"}
    ]  # fmt: skip
    notes += [
        _notification("failed-control", "error", f"{say(c.name)}: {say(c.why)}")
        for c in record.controls
        if not c.passed
    ]
    notes += [
        _notification(
            "not-run",
            "warning" if item.kind == "failed" else "note",
            f"{say(item.what)}: {words.NOT_RUN[item.kind]}. {say(item.why)}",
        )
        for item in record.not_run
    ]
    if not record.run.complete:
        notes.append(_notification("incomplete", "error", "The run was stopped before its end."))
    times = {
        "startTimeUtc": utc(record.run.started_at),
        "endTimeUtc": utc(record.run.finished_at),
    }
    return {
        "executionSuccessful": record.run.complete and record.exit_code != 3,
        "exitCode": record.exit_code,
        "exitCodeDescription": words.EXIT_CODES[record.exit_code],
        "toolExecutionNotifications": notes,
        **{key: value for key, value in times.items() if value},
    }


def _notification(kind: str, level: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": kind}, "level": level, "message": {"text": text}}


def utc(time: str | None) -> str | None:
    """Return a time as SARIF wants it; None if it cannot be read.

    >>> utc("2026-03-02T10:14:03.5+01:00"), utc("yesterday")
    ('2026-03-02T09:14:03Z', None)
    """
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
