"""Put a guard together from its configuration, read it again, and take it apart."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.core import BadInput, ReticentError
from reticent.detectors import detector_kinds
from reticent.guard.activity import Activity
from reticent.guard.gates import IN_PROCESS, Gate, Gates, open_gate
from reticent.guard.identity import Identity, open_identity
from reticent.guard.journal.open import open_journal
from reticent.guard.limits import open_limits
from reticent.guard.limits.scopes import ScopeMaker, network_of
from reticent.guard.metrics import Metrics
from reticent.guard.pipeline import Pipeline
from reticent.guard.pseudonyms import pseudonym, pseudonyms_of
from reticent.guard.quiet import Tally
from reticent.guard.retention import keep_forgetting
from reticent.guard.secrets import read_secret
from reticent.guard.types import Caller, Entry, Journal, JournalDown, Limits
from reticent.guard.upstream import (
    Breaker,
    BreakerSettings,
    FusedUpstream,
    HttpUpstream,
    Upstream,
)
from reticent.guard.upstream.address import is_refused, reach, spelled_out
from reticent.guard.upstream.asgi import AsgiUpstream
from reticent.guard.upstream.client import LONGEST_STREAM_S
from reticent.guard.validation import Validator
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
        before, same = self.file, _ways(self.file).items() & _ways(file).items()
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


def _ways(file: GuardFile) -> dict[tuple[str, str], tuple[object, ...]]:
    """Return (tenant, model) -> all that `upstreams_of` looks at."""
    most_bytes = file.guard.max_reply_bytes
    return {
        (e.tenant, e.model): (e.upstream, e.connections, e.timeout_s, most_bytes)
        for e in file.guard.endpoint
    }


def upstreams_of(
    file: GuardFile,
    in_process: AsgiUpstream | None,
    clock: Callable[[], float],
    *,
    besides: Collection[tuple[str, str]] = (),
) -> dict[tuple[str, str], Upstream]:
    """Return (tenant, model) -> the way to its server, besides some; connects to none.

    Raises: BadInput, Unsendable.
    """
    return {
        (e.tenant, e.model): FusedUpstream(
            _upstream(file, e, in_process), Breaker(BreakerSettings()), clock
        )
        for e in file.guard.endpoint
        if (e.tenant, e.model) not in besides
    }


def _upstream(file: GuardFile, endpoint: Endpoint, in_process: AsgiUpstream | None) -> Upstream:
    if endpoint.upstream != IN_PROCESS:
        host = urlsplit(endpoint.upstream).hostname or ""
        if address := spelled_out(host):
            raise BadInput(
                f"Endpoint {endpoint.model!r} has upstream = {endpoint.upstream!r}; {host!r} is "
                f"another spelling of the address {address}.",
                way_out=f"Write {address}, if a model server is there."
                if reach(address)
                else "That is no model server's address; correct upstream.",
            )
        if is_refused(host):
            raise BadInput(
                f"Endpoint {endpoint.model!r} has upstream = {endpoint.upstream!r}, which is "
                "link-local, a metadata service, multicast or unspecified.",
                way_out="No model server is there; correct upstream.",
            )
        return HttpUpstream(
            endpoint.upstream,
            connections=endpoint.connections,
            timeout_s=endpoint.timeout_s,
            max_reply_bytes=file.guard.max_reply_bytes,
        )
    if in_process is None:
        raise BadInput(
            f'Endpoint {endpoint.model!r} has upstream = "app", but this guard is a process of '
            "its own.",
            way_out="Give the model server's address, or use the guard as middleware.",
        )
    return in_process.bounded(
        timeout_s=endpoint.timeout_s, max_reply_bytes=file.guard.max_reply_bytes
    )


def gates_of(
    file: GuardFile, secret: bytes, upstreams: Mapping[tuple[str, str], Upstream]
) -> Gates:
    """Return the endpoints that a configuration declares.

    Raises: BadInput, BadPolicy.
    """
    by_place: dict[tuple[str, str], tuple[Gate, ...]] = {}
    for endpoint in file.guard.endpoint:
        gate = open_gate(
            file,
            endpoint,
            secret=secret,
            validator=Validator(endpoint),
            scopes=ScopeMaker(endpoint, secret=secret),
            upstream=upstreams[endpoint.tenant, endpoint.model],
        )
        place = (endpoint.tenant, gate.path)
        there = by_place.get(place, ())
        if there and not (gate.names_model and there[0].names_model):
            raise BadInput(
                f"Endpoints {there[0].model!r} and {endpoint.model!r} of tenant "
                f"{endpoint.tenant!r} are both at {gate.path}.",
                way_out="Give one of them another path, or a tenant of its own.",
            )
        by_place[place] = (*there, gate)
    return Gates(
        by_place=by_place,
        body_bytes=file.guard.max_body_bytes,
        body_timeout_s=file.guard.body_timeout_s,
        keep_inputs=file.guard.keep_inputs,
    )


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
