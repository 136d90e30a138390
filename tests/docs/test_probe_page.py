"""The page on the probe lists the checks as they are."""

from pathlib import Path

from reticent.probe import CHECKS
from reticent.probe.checks import answer_timing, full_precision_scores, no_rate_limit, unkeyed_noise
from reticent.report.probe.standards import rows_of

PAGE = (Path(__file__).parents[2] / "docs" / "guard" / "probe.md").read_text("utf-8")


def test_the_table_is_the_table_of_checks() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and "`--" not in line]
    assert rows == [
        f"| `{c.id}` | {c.severity} | {c.sends} | {c.most_requests} | "
        f"{', '.join(row.id for _, row in rows_of(c.id)) or '-'} |"
        for c in CHECKS
    ]


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert f"more than {full_precision_scores.MOST_DECIMALS} decimals" in text
    assert f"up to {answer_timing.ROWS_A_SIDE} rows of each of two answers, three times" in text
    assert answer_timing.ROUNDS == 3
    assert f"answer, {answer_timing.SHUFFLES:,} times" in text
    assert f"the largest burst is {no_rate_limit.BURST}" in text
    assert unkeyed_noise.REPEATS == 6
