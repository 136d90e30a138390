"""One self-contained page, in the looks of an audit's report."""

from markupsafe import Markup

from reticent.audit.probe_record import ProbeRecord
from reticent.report.html import asset, environment, security
from reticent.report.probe import standards, summary


def render(record: ProbeRecord) -> str:
    """Return the record as one HTML page."""
    style, script = asset("style.css"), asset("script.js")
    return (
        environment()
        .get_template("probe.html.j2")
        .render(
            r=record,
            s=summary,
            st=standards,
            checks=summary.in_order(record.checks),
            style=Markup(style),
            script=Markup(script),
            security=security(style, script),
        )
    )
