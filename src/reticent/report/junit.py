"""JUnit XML: every cell a test, every control a test.

A finding is a failure. What could not be told is an error, never a pass and never skipped; so is
a failed control, a failed attack, and a run that was stopped. What was left out on purpose is
skipped, with its reason. Model extraction is told apart from the verdict (it says nothing of
people), so its cells are skipped too, with their figure.
"""

from xml.etree import ElementTree as ET

from reticent.audit.record import Cell, Control, Figure, NotRun, Record
from reticent.report import format as fmt, words
from reticent.report.ranking import is_finding


def render(record: Record) -> str:
    """Return the record as JUnit XML."""
    root = ET.Element("testsuites", name=f"reticent: {fmt.one_line(record.model.name)}")
    for policy in dict.fromkeys(cell.policy for cell in record.cells):
        cells = [cell for cell in record.cells if cell.policy == policy]
        suite = _suite(root, f"policy {fmt.one_line(policy)}", record)
        for cell in cells:
            _cell(suite, cell, record.run.cpu_s_by_cell.get(cell.id))
    _audit(_suite(root, "audit", record), record)
    if record.controls:
        suite = _suite(root, "controls", record)
        for control in record.controls:
            _control(suite, control)
    if record.not_run:
        suite = _suite(root, "not run", record)
        for item in record.not_run:
            _not_run(suite, item)
    for parent in (*root, root):
        _count(parent)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, record: Record) -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=name, timestamp=fmt.one_line(_time(record)))
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("record.digest", record.digest),
        ("config.digest", fmt.one_line(record.config_digest)),
        ("seed", str(record.seed)),
        ("reticent.version", fmt.one_line(record.run.reticent_version)),
    ):
        ET.SubElement(properties, "property", name=key, value=value)
    return suite


def _time(record: Record) -> str:
    return record.run.started_at[:19]


def _case(suite: ET.Element, name: str, group: str, seconds: float | None = None) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        name=fmt.one_line(name),
        classname=f"reticent.{fmt.one_line(group)}",
        time=f"{seconds or 0.0:.3f}",
    )


def _outcome(case: ET.Element, tag: str, kind: str, message: str) -> None:
    ET.SubElement(case, tag, {"type": kind, "message": message}).text = message


def _cell(suite: ET.Element, cell: Cell, seconds: float | None) -> None:
    case = _case(suite, cell.id, cell.family, seconds)
    figure = f"{words.metric(cell.primary.metric)} {fmt.full(cell.primary)}"
    message = f"{cell.tier}: {figure}. {fmt.one_line(cell.why)}"
    if cell.family == "extraction":
        ET.SubElement(
            case,
            "skipped",
            message=f"Not part of the verdict on people. {words.VERDICTS[cell.verdict]}, {message}",
        )
    elif is_finding(cell):
        _outcome(case, "failure", f"finding {cell.tier}", message)
    elif cell.verdict != "nothing found":
        _outcome(case, "error", cell.verdict, message)
    ET.SubElement(case, "system-out").text = "\n".join(
        f"{role}: {words.metric(f.metric)} {fmt.full(f)}" for role, f in _figures(cell)
    )


def _figures(cell: Cell) -> list[tuple[str, Figure]]:
    named = [
        ("verdict hangs on", cell.primary),
        ("gain", cell.gain),
        ("baseline", cell.baseline),
        ("training leak", cell.training_leak),
        ("population inference", cell.population_inference),
        *(("also", figure) for figure in cell.figures),
    ]
    return [(role, figure) for role, figure in named if figure is not None]


def _audit(suite: ET.Element, record: Record) -> None:
    """Add the verdict as a test, so that a file without cells is not all green."""
    case = _case(suite, "verdict", "audit")
    message = f"{record.tier}: {fmt.one_line(record.statement)}"
    if record.verdict == "finding":
        _outcome(case, "failure", f"finding {record.tier}", message)
    elif record.verdict != "nothing found":
        _outcome(case, "error", record.verdict, message)
    if not record.run.complete:
        _outcome(
            _case(suite, "complete", "audit"), "error", "stopped", "The run was stopped early."
        )


def _control(suite: ET.Element, control: Control) -> None:
    case = _case(suite, control.name, f"control.{control.kind}")
    figure = f" {fmt.full(control.figure)}" if control.figure else ""
    message = f"{fmt.one_line(control.what)}{figure}. {fmt.one_line(control.why)}"
    if not control.passed:
        _outcome(case, "error", "failed control", message)
    ET.SubElement(case, "system-out").text = message


def _not_run(suite: ET.Element, item: NotRun) -> None:
    case = _case(suite, item.what, "not-run")
    message = f"{words.NOT_RUN[item.kind]}. {fmt.one_line(item.why)}"
    if item.kind == "failed":
        _outcome(case, "error", "failed", message)
    else:
        ET.SubElement(case, "skipped", message=message)


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
