"""What a probe came to, in the words that every rendering of it shares."""

from collections.abc import Iterable, Sequence

from reticent.audit.probe_record import Outcome, ProbeCheck, ProbeRecord, Severity
from reticent.audit.record import Figure
from reticent.report import format as fmt, words

OUTCOMES: tuple[Outcome, ...] = ("found", "inconclusive", "not found", "not run")
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
#: An outcome's name among the verdicts, whose colours it has in the page.
LOOKS: dict[Outcome, str] = {
    "found": "finding",
    "inconclusive": "inconclusive",
    "not found": "nothing-found",
    "not run": "not-run",
}
EXIT_CODES = {
    0: "nothing found by the checks that ran",
    1: "a finding",
    2: "inconclusive",
}


def in_order(checks: Iterable[ProbeCheck]) -> list[ProbeCheck]:
    """Return the checks, what matters most first."""
    return sorted(checks, key=lambda c: (OUTCOMES.index(c.outcome), SEVERITIES.index(c.severity)))


def count(record: ProbeRecord, outcome: Outcome) -> int:
    """Return how many checks came to an outcome."""
    return sum(check.outcome == outcome for check in record.checks)


def headline(record: ProbeRecord) -> str:
    """Return the verdict in one sentence."""
    url, who = fmt.one_line(record.url), _who(record)
    n = count(record, "found")
    if n:
        return f"{n} of {len(record.checks)} checks found what {who} should not get from {url}."
    if record.verdict == "inconclusive":
        unsure = count(record, "inconclusive")
        return f"Inconclusive: {unsure} of {len(record.checks)} checks of {url} could not tell."
    return f"No check found anything that {who} should not get from {url}."


def effort(record: ProbeRecord) -> str:
    """Return what was done to find out, in one sentence."""
    where = ", ".join(map(fmt.one_line, record.addresses))
    return (
        f"{record.requests:,} requests of at most {record.most_requests:,}, to {where} "
        f"({fmt.one_line(record.permission)}), as {_who(record)}; declared error of the "
        f"statistical checks {fmt.number(record.alpha)}."
    )


def _who(record: ProbeRecord) -> str:
    return "a stranger" if record.caller == "stranger" else "the holder of a key"


def numbers(figures: Sequence[Figure]) -> str:
    """Return the figures of a check, as every rendering writes them."""
    return "; ".join(map(_number, figures))


def _number(figure: Figure) -> str:
    write = fmt.p_value if figure.metric == "p_value" else _plain
    counts = ", ".join(f"{fmt.plain(n)} {words.metric(of)}" for of, n in figure.counts.items())
    return f"{words.metric(figure.metric)} {write(figure.estimate)} ({counts})"


def _plain(value: float | None) -> str:
    return fmt.plain(value) if value is None or value.is_integer() else fmt.number(value)
