"""Endpoints as a configuration declares them: the way to each model, and the gate before it."""

from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.core import BadInput
from reticent.guard.gates import IN_PROCESS, Gate, Gates, open_gate
from reticent.guard.limits.scopes import ScopeMaker
from reticent.guard.upstream import (
    Breaker,
    BreakerSettings,
    FusedUpstream,
    HttpUpstream,
    Upstream,
)
from reticent.guard.upstream.address import is_refused, reach, spelled_out
from reticent.guard.upstream.asgi import AsgiUpstream
from reticent.guard.validation import Validator


def ways_of(file: GuardFile) -> dict[tuple[str, str], tuple[object, ...]]:
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
