"""Put a guard together from its configuration, read it again, and take it apart."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from reticent.config import GuardFile
from reticent.core import BadInput, ReticentError
from reticent.detectors import detector_kinds
from reticent.guard.activity import Activity
from reticent.guard.endpoints import gates_of, upstreams_of, ways_of
from reticent.guard.gates import Gates
from reticent.guard.identity import Identity, open_identity
from reticent.guard.journal.open import open_journal
from reticent.guard.limits import open_limits
from reticent.guard.limits.scopes import network_of
from reticent.guard.metrics import Metrics
from reticent.guard.pipeline import Pipeline
from reticent.guard.pseudonyms import pseudonym, pseudonyms_of
from reticent.guard.quiet import Tally
from reticent.guard.retention import keep_forgetting
from reticent.guard.secrets import read_secret
from reticent.guard.types import Caller, Entry, Journal, JournalDown, Limits
from reticent.guard.upstream import Upstream
from reticent.guard.upstream.asgi import AsgiUpstream
from reticent.guard.upstream.client import LONGEST_STREAM_S
from reticent.guard.watching import Watching

if TYPE_CHECKING:  # an extra of its own
    from reticent.guard.tracing import Tracer

REMEMBERED = 1_024  # addresses whose pseudonyms are kept at hand

#: Settings that only a new start can change: what is open stays open.
FIXED = (
    "listen",
    "admin",
    "state",
    "secret_env",
    "store",
    "replicas",
    "journal",
    "jwt",
    "proxy",
    "traces",
)

_log = logging.getLogger("reticent.guard")


@dataclass(slots=True, eq=False, kw_only=True)
class Parts:
    """A guard that is running.

    Attributes:
        file: its configuration, as last read.
        secret: its secret.
        pipeline: what requests go through.
        identity, limits, journal: the parts that keep state.
        metrics: its counters.
        upstreams: (tenant, model) -> the way to its server.
        in_process: the application around which the guard was put, if it was.
        started_s: since 1970.
        loop: where all of it runs.
        retired: ways to model servers that a later configuration has changed or left out, until
            they are closed.
        reloading: held by whoever puts another configuration in force.
        ending: set as soon as the guard is to stop, so that what would go on for ever ends.
    """

    file: GuardFile
    secret: bytes = field(repr=False)
    pipeline: Pipeline
    identity: Identity
    limits: Limits
    journal: Journal
    metrics: Metrics
    upstreams: dict[tuple[str, str], Upstream]
    in_process: AsgiUpstream | None
    started_s: float
    loop: asyncio.AbstractEventLoop
    stack: AsyncExitStack
    retired: dict[asyncio.Task[None], dict[tuple[str, str], Upstream]] = field(default_factory=dict)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def close(self) -> None:
        """Write what is waiting, sign the journal, and let go of everything."""
        retired, self.retired = self.retired, {}
        for closing, old in retired.items():
            closing.cancel()
            await _close_all(old)
        await self.stack.aclose()

    async def reload(self, file: GuardFile) -> None:
        """Put another configuration in force; requests under way end under the old one.

        A way to a model server about which nothing has changed stays: with its connections, what
        its circuit breaker has seen, and the addresses that it is pinned to.

        Raises: BadInput for a change that needs a new start; BadPolicy; JournalDown if the change
            cannot be journalled. Nothing is changed then.
        """
        for name in FIXED:
            if getattr(file.guard, name) != getattr(self.file.guard, name):
                raise BadInput(
                    f"guard.{name} has changed, which needs a new start.",
                    way_out="Put it back, or stop the guard and start it again.",
                )
        async with self.reloading:
            await self._put_in_force(file)

    async def _put_in_force(self, file: GuardFile) -> None:
        before, same = self.file, ways_of(self.file).items() & ways_of(file).items()
        kept = {place: self.upstreams[place] for place, _ in same}
        upstreams = kept | upstreams_of(file, self.in_process, self.pipeline.clock, besides=kept)
        gates = gates_of(file, self.secret, upstreams)
        changed = _configured("policy", gates, self.pipeline.wall())
        await self.journal.append(changed, durable=True)  # the last step that may fail
        old = {place: way for place, way in self.upstreams.items() if place not in kept}
        self.upstreams, self.file = upstreams, file
        self.pipeline.gates = gates
        publish(self)
        if not old:
            return
        # Not on the stack: it would keep every configuration that was ever in force.
        closing = asyncio.create_task(_close_later(old, _longest_request_s(before)))
        self.retired[closing] = old
        closing.add_done_callback(lambda done: self.retired.pop(done, None))


def publish(parts: Parts) -> None:
    """Tell the metrics which policies are in force."""
    gates = parts.pipeline.all_gates
    parts.metrics.in_force([(gate.model, gate.policy_name, gate.digest) for gate in gates])


async def open_parts(
    file: GuardFile,
    *,
    environ: Mapping[str, str],
    wall: Callable[[], float],
    clock: Callable[[], float],
    in_process: AsgiUpstream | None = None,
) -> Parts:
    """Return a guard with everything open and its background work under way.

    Args:
        file: the configuration.
        environ: where the secret is looked up.
        wall: seconds since 1970.
        clock: seconds, monotonic.
        in_process: the way to the application that endpoints with upstream "app" are.

    Raises: BadInput, BadPolicy, JournalDown; whatever was open is closed again.
    """
    async with AsyncExitStack() as stack:
        secret = read_secret(file, environ)
        upstreams = upstreams_of(file, in_process, clock)
        gates = gates_of(file, secret, upstreams)
        metrics = Metrics()
        journal = open_journal(file.guard, file.state, secret=secret, clock=wall)
        stack.push_async_callback(_close_journal, journal)
        limits = open_limits(file.guard, file.state, secret=secret, clock=wall)
        stack.push_async_callback(limits.close)
        identity = open_identity(file.guard, file.base, file.state, secret=secret, clock=wall)
        stack.callback(identity.close)
        tally = Tally(journal, wall=wall)
        watching = Watching(
            {kind: detector() for kind, detector in detector_kinds().items()}, journal, metrics
        )
        pipeline = Pipeline(
            gates=gates,
            identity=identity,
            limits=limits,
            journal=journal,
            metrics=metrics,
            tally=tally,
            watching=watching,
            activity=Activity(),
            who=_who(secret),
            network=_network(secret),
            wall=wall,
            clock=clock,
            tracer=_tracer(file, stack),
        )
        parts = Parts(
            file=file,
            secret=secret,
            pipeline=pipeline,
            identity=identity,
            limits=limits,
            journal=journal,
            metrics=metrics,
            upstreams=upstreams,
            in_process=in_process,
            started_s=wall(),
            loop=asyncio.get_running_loop(),
            stack=AsyncExitStack(),
        )
        publish(parts)
        await journal.append(_configured("start", gates, wall()), durable=True)
        stack.push_async_callback(_last_words, parts)
        forgetting = keep_forgetting(file.guard, file.state, secret=secret, clock=wall)
        for work in (identity.watch(journal), tally.run(), watching.run(), forgetting):
            _in_background(stack, work)
        stack.push_async_callback(_close_now, parts)
        parts.stack = stack.pop_all()
        return parts


def _tracer(file: GuardFile, stack: AsyncExitStack) -> "Tracer | None":
    if file.guard.traces is None:
        return None
    try:
        from reticent.guard.tracing import open_tracer
    except ImportError as error:
        raise BadInput(
            f"guard.traces is set, and {error.name} is not installed.",
            way_out="pip install 'reticent[guard-tracing]'",
        ) from error
    tracer = open_tracer(file.guard.traces)
    stack.push_async_callback(asyncio.to_thread, tracer.close)
    return tracer


def _in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


async def _close_journal(journal: Journal) -> None:
    try:
        await journal.close()
    except JournalDown:
        _log.error("the journal could not be written to its end")


async def _last_words(parts: Parts) -> None:
    with suppress(JournalDown):
        await parts.pipeline.tally.write()
        stopped = _configured("stop", parts.pipeline.gates, parts.pipeline.wall())
        await parts.journal.append(stopped, durable=True)


async def _close_now(parts: Parts) -> None:
    await _close_all(parts.upstreams)


async def _close_all(upstreams: Mapping[tuple[str, str], Upstream]) -> None:
    for upstream in upstreams.values():
        with suppress(ReticentError):
            await upstream.close()


async def _close_later(upstreams: Mapping[tuple[str, str], Upstream], wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await _close_all(upstreams)


def _longest_request_s(file: GuardFile) -> float:
    """Return the longest that a request may still need an upstream that was replaced."""
    guard = file.guard
    answers_s = (LONGEST_STREAM_S if e.task == "text" else e.timeout_s for e in guard.endpoint)
    return 2 * guard.body_timeout_s + max(answers_s)


def _configured(kind: str, gates: Gates, time_s: float) -> Entry:
    """Return the journal row that says which policies are in force."""
    policies = [
        {"tenant": g.endpoint.tenant, "model": g.model, "name": g.policy_name, "policy": g.digest}
        | ({"text_filter": g.filter_digest} if g.filter_digest else {})
        for place in gates.by_place.values()
        for g in place
    ]
    return Entry(time_s=time_s, kind=kind, detail={"policies": policies})


def _who(secret: bytes) -> Callable[[Caller], tuple[str, str]]:
    known = lru_cache(maxsize=REMEMBERED)(partial(_names, secret))
    return lambda caller: known(caller.tenant, caller.identity, caller.token)


def _names(secret: bytes, tenant: str, identity: str, token: str) -> tuple[str, str]:
    caller = Caller(tenant=tenant, identity=identity, token=token, models=frozenset())
    return pseudonyms_of(secret, caller)


def _network(secret: bytes) -> Callable[[str], str]:
    return lru_cache(maxsize=REMEMBERED)(
        lambda address: pseudonym(secret, "network", network_of(address))
    )
