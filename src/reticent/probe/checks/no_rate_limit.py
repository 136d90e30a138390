"""Nobody stops a caller who asks on and on."""

from typing import ClassVar, final

from reticent.audit.probe_record import Severity
from reticent.audit.record import Figure
from reticent.core import Answer
from reticent.probe.base import Result, Scene, not_run
from reticent.probe.client import Exchange
from reticent.probe.excerpts import evidence_of
from reticent.probe.surface import Route

BURST = 200


@final
class NoRateLimit:
    """Ask one row after the other without a pause, until a limit speaks or the burst is over."""

    id: ClassVar[str] = "no-rate-limit"
    title: ClassVar[str] = "No rate limit"
    sends: ClassVar[str] = f"At most {BURST} questions without a pause; it ends at the first limit."
    most_requests: ClassVar[int] = BURST
    severity: ClassVar[Severity] = "high"
    way_out: ClassVar[str] = "Count rows for each caller, and refuse beyond an allowance."

    def run(self, scene: Scene) -> Result:
        """Return "found" if every question of the burst was taken."""
        routes = scene.surface.routes
        if not routes:
            return not_run("No route answered us, so there is no answer to limit.")
        route = min(routes, key=lambda r: (r.answer is None, r.first.seconds))
        started = scene.client.clock()
        for n in range(1, BURST + 1):
            exchange, answer = self._ask(scene, route, n)
            if exchange.is_limited:
                return Result(
                    outcome="not found",
                    why=f"A limit spoke after {len(scene.client.log) - 1:,} requests in all, "
                    f"{n - 1:,} of them in this burst (status {exchange.status}).",
                    evidence=(evidence_of(exchange),),
                    figures=(_figure(n - 1, scene.client.clock() - started),),
                )
            if answer is None and exchange.status != 200:
                return Result(
                    outcome="inconclusive",
                    why=f"Question {n} of the burst failed with status {exchange.status}, which "
                    "is no limit's.",
                    evidence=(evidence_of(exchange),),
                )
        taken_s = scene.client.clock() - started
        return Result(
            outcome="found",
            why=f"{BURST} questions in a row were answered at {route.path}, and no limit spoke.",
            evidence=(evidence_of(exchange),),
            figures=(_figure(BURST, taken_s),),
        )

    def _ask(self, scene: Scene, route: Route, n: int) -> tuple[Exchange, Answer | None]:
        row = [route.rows[n % len(route.rows)]] if route.rows else []
        return route.ask(scene.client, row, patient=False)


def _figure(answered: int, taken_s: float) -> Figure:
    return Figure(
        metric="answered_in_burst",
        estimate=float(answered),
        lower=None,
        upper=None,
        confidence=0.0,
        method=f"questions answered before a limit spoke, of at most {BURST}",
        counts={"seconds": round(taken_s, 3)},
    )
