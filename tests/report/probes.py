"""Records of probes to render."""

from reticent.audit.probe_record import (
    Outcome,
    ProbeCheck,
    ProbeEvidence,
    ProbeRecord,
    ProbeRoute,
    Severity,
    sealed_probe,
)
from reticent.audit.record import Control, Figure, RunEntry
from reticent.probe import CHECKS

OUTCOMES: tuple[Outcome, ...] = ("found", "not found", "inconclusive", "not run")


def figure(metric: str, value: float) -> Figure:
    return Figure(
        metric=metric, estimate=value, lower=None, upper=None, confidence=0.0,
        method="counted", counts={"rows": 24.0, "seconds": 1.25},
    )  # fmt: skip


def check(i: int, text: str) -> ProbeCheck:
    kind = CHECKS[i]
    severity: Severity = kind.severity
    outcome = OUTCOMES[i % 4]
    return ProbeCheck(
        id=kind.id,
        title=kind.title,
        sends=kind.sends,
        outcome=outcome,
        severity=severity,
        why=f"Because of {text}.",
        way_out=f"Do not {text}." if outcome == "found" else "",
        requests=1000 + i,
        figures=[figure("p_value", 0.01234), figure("gap_ms", 12.3456 + i)],
        evidence=[ProbeEvidence(request=f"GET /{text}", keyed=False, status=200, excerpt=text)],
    )


def build(text: str = "/v2/models/x", *, complete: bool = True) -> ProbeRecord:
    """Every check with some outcome; `text` stands wherever a server's words can."""
    return sealed_probe(
        ProbeRecord(
            url="http://127.0.0.1:9000",
            addresses=["127.0.0.1"],
            permission="on the loopback interface",
            caller="stranger",
            config_path=None,
            seed=7,
            alpha=0.001,
            routes=[
                ProbeRoute(
                    method="GET", path=text, protocol=text, model=text, status=200, keyed=False
                )
            ],
            checks=[check(i, text) for i in range(len(CHECKS))],
            controls=[
                Control(name=text, kind="negative", what=text, figure=None, passed=False, why=text)
            ],
            requests=399,
            most_requests=800,
            verdict="finding",
            exit_code=1,
            statement=f"In 399 requests, of {text}.",
            run=RunEntry(
                started_at="2026-03-02T10:14:03+00:00", finished_at="2026-03-02T10:15:03+00:00",
                complete=complete, reticent_version="0.1.0", python_version="3.11.7",
                cpu_s=1.0, wall_s=61.0,
            ),
        )
    )  # fmt: skip
