"""JUnit XML: every check a test; found is a failure, inconclusive an error, not run skipped."""

from xml.etree import ElementTree as ET

from reticent.audit.probe_record import ProbeRecord
from reticent.report import format as fmt
from reticent.report.probe import summary


def render(record: ProbeRecord) -> str:
    """Return the record as JUnit XML."""
    root = ET.Element("testsuites", name=f"reticent probe: {fmt.one_line(record.url)}")
    suite = ET.SubElement(root, "testsuite", name="probe", timestamp=record.run.started_at[:19])
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("record.digest", record.digest),
        ("requests", str(record.requests)),
        ("caller", record.caller),
        ("reticent.version", fmt.one_line(record.run.reticent_version)),
    ):
        ET.SubElement(properties, "property", name=key, value=value)
    for check in record.checks:
        case = _case(suite, check.id)
        message = fmt.one_line(f"{check.why} {check.way_out}")
        if check.outcome == "found":
            _outcome(case, "failure", f"{check.severity} finding", message)
        elif check.outcome == "inconclusive":
            _outcome(case, "error", "inconclusive", message)
        elif check.outcome == "not run":
            ET.SubElement(case, "skipped", message=message)
        figures = summary.numbers(check.figures)
        said = [message, figures, f"{check.requests:,} requests"]
        ET.SubElement(case, "system-out").text = "\n".join(text for text in said if text)
    for control in record.controls:
        case = _case(suite, f"control: {control.name}")
        if not control.passed:
            _outcome(case, "error", "failed control", fmt.one_line(control.why))
    if not record.run.complete:
        _outcome(_case(suite, "complete"), "error", "stopped", "The probe was stopped early.")
    for element in (suite, root):
        cases = list(element.iter("testcase"))
        element.set("tests", str(len(cases)))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            element.set(name, str(sum(case.find(tag) is not None for case in cases)))
        element.set("time", f"{record.run.wall_s or 0.0:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", name=fmt.one_line(name), classname="reticent.probe", time="0.000"
    )


def _outcome(case: ET.Element, tag: str, kind: str, message: str) -> None:
    ET.SubElement(case, tag, {"type": kind, "message": message}).text = message
