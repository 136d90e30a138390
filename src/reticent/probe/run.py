"""Run every check against one server, and write down what came of it."""

import platform
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from reticent import __version__
from reticent.audit.probe_record import (
    Outcome,
    ProbeCheck,
    ProbeRecord,
    ProbeRoute,
    ProbeVerdict,
    sealed_probe,
)
from reticent.audit.record import Control, RunEntry
from reticent.core.events import Listener, Progress, silent
from reticent.probe.base import Check, Result, Scene
from reticent.probe.checks import CHECKS
from reticent.probe.client import Client, Spent
from reticent.probe.discover import Hints, discover
from reticent.probe.surface import Surface

ALPHA = 0.001
_NOTHING = Surface(models=(), routes=(), refused=(), metadata=())


def run_probe(
    client: Client,
    hints: Hints,
    *,
    seed: int,
    now: Callable[[], datetime],
    alpha: float = ALPHA,
    checks: Sequence[type[Check]] = CHECKS,
    listen: Listener = silent,
) -> ProbeRecord:
    """Return the record of a probe; after Ctrl-C, of what had been done by then.

    Args:
        client: asks the server; it is left open.
        hints: what the user said of the server.
        seed: of rows that are made up, orders and shuffles.
        now: the time, for the record.
        alpha: declared error of every statistical check.
        checks: which to run, in order.
        listen: told of every check that has ended.

    Raises: BadInput if the server cannot be reached, or for hints that cannot be used.
    """
    started = now()
    clock, cpu = time.perf_counter(), time.process_time()
    rng = np.random.default_rng(seed)
    surface, stopped, spent = _NOTHING, False, ""
    done: list[ProbeCheck] = []
    controls: list[Control] = []
    steps = len(checks) + 1
    try:
        try:
            surface = discover(client, hints, rng)
        except Spent as error:
            spent = error.what
        listen(Progress(stage="probe", done=1, total=steps, what="routes"))
        for check in checks:
            before = len(client.log)
            result = _run(check, Scene(client=client, surface=surface, rng=rng, alpha=alpha), spent)
            done.append(_entry(check, result, requests=len(client.log) - before))
            controls += result.controls
            listen(Progress(stage="probe", done=len(done) + 1, total=steps, what=check.id))
    except KeyboardInterrupt:
        stopped = True
        left = Result(outcome="not run", why="The probe was stopped before it.")
        done += [_entry(check, left, requests=0) for check in checks[len(done) :]]
    verdict, code = _verdict(done, complete=not stopped)
    against = hints.against.path if hints.against is not None else None
    return sealed_probe(
        ProbeRecord(
            url=client.place.url,
            addresses=list(client.place.addresses),
            permission=client.place.permission,
            caller="key holder" if client.key else "stranger",
            config_path=against.as_posix() if against is not None else None,
            seed=seed,
            alpha=alpha,
            routes=_routes(surface),
            checks=done,
            controls=controls,
            requests=len(client.log),
            most_requests=client.most_requests,
            verdict=verdict,
            exit_code=code,
            statement=_statement(client, done),
            run=RunEntry(
                started_at=started.isoformat(),
                finished_at=now().isoformat(),
                complete=not stopped,
                reticent_version=__version__,
                python_version=platform.python_version(),
                cpu_s=time.process_time() - cpu,
                wall_s=time.perf_counter() - clock,
            ),
        )
    )


def _run(check: type[Check], scene: Scene, spent: str) -> Result:
    if spent:
        return Result(outcome="inconclusive", why=f"It could not be run: {spent}")
    try:
        return check().run(scene)
    except Spent as error:
        return Result(outcome="inconclusive", why=f"It could not be finished: {error.what}")


def _entry(check: type[Check], result: Result, *, requests: int) -> ProbeCheck:
    return ProbeCheck(
        id=check.id,
        title=check.title,
        sends=check.sends,
        outcome=result.outcome,
        severity=check.severity,
        why=result.why,
        way_out=check.way_out if result.outcome == "found" else "",
        requests=requests,
        figures=list(result.figures),
        evidence=list(result.evidence),
    )


def _routes(surface: Surface) -> list[ProbeRoute]:
    asked = [
        ProbeRoute(
            method="POST",
            path=route.path,
            protocol=route.protocol.kind,
            model=route.interface.model,
            status=route.first.status,
            keyed=route.first.keyed,
        )
        for route in (*surface.routes, *surface.refused)
    ]
    told = [
        ProbeRoute(
            method=e.method, path=e.path, protocol="", model="", status=e.status, keyed=e.keyed
        )
        for e in surface.metadata
    ]
    return asked + told


def _verdict(
    checks: Sequence[ProbeCheck], *, complete: bool
) -> tuple[ProbeVerdict, Literal[0, 1, 2]]:
    outcomes: set[Outcome] = {check.outcome for check in checks}
    if "found" in outcomes:
        return "finding", 1
    if "inconclusive" in outcomes or not complete:
        return "inconclusive", 2
    return "nothing found", 0


def _statement(client: Client, checks: Sequence[ProbeCheck]) -> str:
    who = "with a key" if client.key else "without a key"
    counts = {
        outcome: sum(check.outcome == outcome for check in checks)
        for outcome in ("found", "not found", "inconclusive", "not run")
    }
    found = ", ".join(check.id for check in checks if check.outcome == "found") or "none"
    return (
        f"In {len(client.log):,} requests to {client.place.url} {who}, {len(checks)} checks of "
        f"what a stranger gets: {counts['found']} found ({found}), "
        f"{counts['not found']} not found, "
        f"{counts['inconclusive']} inconclusive, {counts['not run']} not run. A check that found "
        "nothing says so of these requests alone. Evidence for a human's assessment."
    )
