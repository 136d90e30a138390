"""What an audit found about a policy that is in force, and whether that still counts.

The guard does not import the auditor: it reads the record's plain JSON, and takes nothing from it
that is not there in so many words.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

DAY_S = 86_400.0
MOST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An audit's word on one policy.

    Attributes:
        state: "audited", "out of date", "invalid", "other policy", "unreadable" or "none".
        summary: one sentence.
        worst: the finding with the greatest effect, in words; "" for none.
        age_days: since the audit ended; None if there was none.
        findings: number of cells with a finding.
        cells: number of cells.
    """

    state: str
    summary: str
    worst: str = ""
    age_days: float | None = None
    findings: int = 0
    cells: int = 0


def evidence_for(
    digest: str, record: Mapping[str, Any] | None, *, now_s: float, expires_days: float
) -> Evidence:
    """Return what a record says of the policy with this digest.

    Args:
        digest: of the policy in force.
        record: an audit record as JSON has it; None if there is none.
        now_s: seconds since 1970.
        expires_days: age from which an audit counts as out of date.
    """
    if record is None:
        return Evidence(state="none", summary="No audit record is configured (guard.record).")
    try:
        return _read(digest, record, now_s, expires_days)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Evidence(state="unreadable", summary="The audit record cannot be read.")


def _read(digest: str, record: Mapping[str, Any], now_s: float, expires_days: float) -> Evidence:
    finished = record["run"].get("finished_at") or record["run"]["started_at"]
    age_days = (now_s - dt.datetime.fromisoformat(finished).timestamp()) / DAY_S
    name = next((p["name"] for p in record["policies"] if p["digest"] == digest), None)
    if name is None:
        return Evidence(
            state="other policy",
            summary="The audit measured other policies than the one in force.",
            age_days=age_days,
        )
    cells = [cell for cell in record["cells"] if cell["policy"] == name]
    found = [cell for cell in cells if cell["verdict"] == "finding"]
    worst = max(found, key=_effect, default=None)
    told = Evidence(
        state="audited",
        summary=f"{len(found)} of {len(cells)} attacks found a leak under this policy.",
        worst=_in_words(worst) if worst else "",
        age_days=age_days,
        findings=len(found),
        cells=len(cells),
    )
    if record["verdict"] == "invalid":
        why = "A control failed: the audit's figures do not count."
        return replace(told, state="invalid", summary=why)
    if age_days > expires_days:
        why = f"The audit is {age_days:.0f} days old; it counts for {expires_days:.0f}."
        return replace(told, state="out of date", summary=why)
    return told


def _effect(cell: Mapping[str, Any]) -> float:
    figure = cell.get("gain") or cell["primary"]
    return float(figure["estimate"] or 0.0) - float(figure.get("null") or 0.0)


def _in_words(cell: Mapping[str, Any]) -> str:
    figure = cell["primary"]
    number = "no estimate" if figure["estimate"] is None else f"{figure['estimate']:.3f}"
    if figure["lower"] is not None and figure["upper"] is not None:
        number += f" [{figure['lower']:.3f}, {figure['upper']:.3f}]"
    about = f" of {cell['attribute']}" if cell.get("attribute") else ""
    return f"{cell['attack']}{about}, {cell['access']} access: {figure['metric']} {number}"


def read_record(path: Path | None) -> Mapping[str, Any] | None:
    """Return a record's JSON; an empty mapping if the file cannot be read, None for no file."""
    if path is None:
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            return {}
        read = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
