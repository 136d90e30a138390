"""Markdown: the verdict, every check with its effort, and the evidence behind it."""

from reticent.audit.probe_record import ProbeRecord
from reticent.report import format as fmt, wording
from reticent.report.markdown import escape, table
from reticent.report.probe import standards, summary


def render(record: ProbeRecord) -> str:
    """Return the record as Markdown."""
    parts = [
        f"# What {escape(record.url)} gives away",
        f"**{escape(summary.headline(record))}** Exit code {record.exit_code} "
        f"({summary.EXIT_CODES[record.exit_code]}).",
        escape(summary.effort(record)),
        *_checks(record),
        *_evidence(record),
        *_routes(record),
        *_controls(record),
        *_standards(record),
        "## Statement",
        f"> {escape(record.statement)}",
        f"Wording rules: {wording.ALLOWED} {wording.rules()}",
        *_provenance(record),
    ]
    if not record.run.complete:
        parts.insert(2, "**Incomplete.** The probe was stopped before its end.")
    return "\n\n".join(parts) + "\n"


def _checks(record: ProbeRecord) -> list[str]:
    rows = [
        [
            escape(check.id),
            check.outcome,
            check.severity,
            escape(check.why),
            escape(summary.numbers(check.figures)) or "none",
            f"{check.requests:,}",
            escape(check.way_out) or "-",
        ]
        for check in summary.in_order(record.checks)
    ]
    heads = ["Check", "Outcome", "Severity", "Why", "Figures", "Requests", "What ends it"]
    return ["## Checks", table(heads, rows)]


def _evidence(record: ProbeRecord) -> list[str]:
    rows = [
        [
            escape(check.id),
            escape(each.request),
            "yes" if each.keyed else "no",
            str(each.status),
            escape(each.excerpt),
        ]
        for check in summary.in_order(record.checks)
        for each in check.evidence
    ]
    heads = ["Check", "Request", "With key", "Status", "Reply (digits as #)"]
    return ["## Evidence", table(heads, rows) if rows else "None."]


def _routes(record: ProbeRecord) -> list[str]:
    rows = [
        [
            route.method,
            escape(route.path),
            escape(route.protocol) or "-",
            escape(route.model) or "-",
            str(route.status),
        ]
        for route in record.routes
    ]
    heads = ["Method", "Path", "Protocol", "Model", "Status"]
    return ["## Routes", table(heads, rows) if rows else "No route answered or refused."]


def _controls(record: ProbeRecord) -> list[str]:
    rows = [
        [
            escape(control.name),
            "passed" if control.passed else "**FAILED**",
            escape(control.what),
            escape(control.why),
        ]
        for control in record.controls
    ]
    return ["## Controls", table(["Control", "Result", "What", "Why"], rows) if rows else "None."]


def _standards(record: ProbeRecord) -> list[str]:
    rows = []
    for standard in standards.standards():
        for row in standard.rows:
            status, checks = standards.evidence(record, row)
            rows.append(
                [
                    f"{standard.id} ({standard.edition})",
                    f"{row.id} {row.title}",
                    status,
                    standards.says(checks),
                ]
            )
    return ["## Standards", table(["Standard", "Entry", "Status", "Evidence"], rows)]


def _provenance(record: ProbeRecord) -> list[str]:
    run = record.run
    facts = [
        ("Record", escape(record.digest) or "not sealed"),
        ("Configuration", escape(record.config_path or "none")),
        ("Seed", str(record.seed)),
        ("Run", f"{escape(run.started_at)}, {'complete' if run.complete else 'incomplete'}"),
        ("Time", fmt.seconds(run.wall_s)),
        ("Version", escape(f"Reticent {run.reticent_version}, Python {run.python_version}")),
    ]
    return ["## Provenance", table(["What", "Value"], facts)]
