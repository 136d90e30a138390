"""Render records for people and for tools.

Every rendering is a function of one record; `format` is the only place that writes numbers, so
they are the same in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from reticent.core import BadInput

if TYPE_CHECKING:
    from reticent.audit.probe_record import ProbeRecord
    from reticent.audit.record import Record


@dataclass(frozen=True, slots=True)
class Format:
    """One way to render a record.

    Attributes:
        name: as given on the command line.
        module: the module of this package whose `render` does it.
        suffix: of a file that holds it.
        media_type: as a web server would announce it.
        purpose: who reads it, in a few words.
    """

    name: str
    module: str
    suffix: str
    media_type: str
    purpose: str


FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format("html", "html", ".html", "text/html", "for people: one page, no network"),
        Format("md", "markdown", ".md", "text/markdown", "for a model card or a pull request"),
        Format("sarif", "sarif", ".sarif", "application/sarif+json", "for code scanning"),
        Format("junit", "junit", ".xml", "application/xml", "for a test report in CI"),
        Format("json", "json", ".json", "application/json", "the record itself, canonical"),
    )
}


def render(
    record: "Record | ProbeRecord", format: str, *, lines: Mapping[str, int] | None = None
) -> str:
    """Return a record in one of `FORMATS`.

    Args:
        record: what an audit measured, or what a probe found.
        format: a name in `FORMATS`.
        lines: key of the configuration -> line of the file, for SARIF; see `report.sarif`.

    Raises: BadInput if there is no such format.
    """
    if format not in FORMATS:
        raise BadInput(
            f"There is no report format {format!r}; it must be one of {', '.join(FORMATS)}.",
            way_out="Choose one of them with --format.",
        )
    package = "reticent.report.probe" if _is_probe(record) else "reticent.report"
    module = import_module(f"{package}.{FORMATS[format].module}")
    more = {"lines": lines or {}} if format == "sarif" else {}
    return str(module.render(record, **more))


def _is_probe(record: "Record | ProbeRecord") -> bool:
    from reticent.audit.probe_record import ProbeRecord

    return isinstance(record, ProbeRecord)


__all__ = ["FORMATS", "Format", "render"]
