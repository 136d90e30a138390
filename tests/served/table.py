"""The table of what was compared with model servers, told at the end of a test session."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAME = "through a guard"
HEAD = ("server", "protocols", "traffic", "exchanges", "answered", "refused", "hidden", "passed")


def row(
    server: str, protocols: Sequence[str], traffic: str, counts: Sequence[int]
) -> tuple[str, list[object]]:
    """Return a line of the table as a test records it (`record_property(*row(...))`).

    Args:
        server: its name and version.
        protocols: how it was spoken to.
        traffic: "running", "recorded" or "from documentation".
        counts: exchanges sent, answered, refused by the guard alone, and with an answer of the
            server's that was not passed on.
    """
    return NAME, [server, ", ".join(protocols), traffic, *counts]


def conformance(stats: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the lines of the table that the reports of a session hold; none for none."""
    lines = sorted(_lines(stats))
    if not lines:
        return []
    table = [HEAD, *lines]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    return [*shown, *_not_run(stats)]


def _lines(stats: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, ...]]:
    for outcome in ("passed", "failed"):
        for report in stats.get(outcome, ()):
            for name, cells in getattr(report, "user_properties", ()):
                if name == NAME and report.when == "call":
                    yield (*map(str, cells), "yes" if outcome == "passed" else "NO")


def _not_run(stats: Mapping[str, Sequence[Any]]) -> list[str]:
    skipped = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in stats.get("skipped", ())
        if "guard/test_served.py" in report.nodeid and isinstance(report.longrepr, tuple)
    ]
    return [f"not run: {reason}" for reason in sorted(set(skipped))]
