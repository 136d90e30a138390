"""Find the routes of a server: each protocol's usual paths, for each model that is known of."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.config.interfaces import interface_of
from reticent.core import Answer, BadInput, TextReply
from reticent.probe.client import Client, Exchange
from reticent.probe.samples import Sample, declared_rows, made_up_rows
from reticent.probe.surface import TEXT, TEXT_QUESTIONS, Route, Surface, read, request_of
from reticent.protocols import BadQuestion, Interface, TextProtocol, WireProtocol, protocol_kinds

#: Where servers list their models: Open Inference Protocol, OpenAI and KServe, TorchServe, MLflow.
LISTS = (
    ("GET", "/v2"),
    ("GET", "/v1/models"),
    ("GET", "/models"),
    ("POST", "/v2/repository/index"),
    ("GET", "/version"),
)
#: Where they describe one; `{}` is its name.
DESCRIPTIONS = ("/v2/models/{}", "/v1/models/{}", "/v1/models/{}/metadata", "/models/{}")
MOST_MODELS = 5
ROWS = 64
_NAME = re.compile(r"[A-Za-z0-9_.~-]{1,128}", re.ASCII)
_EXPECTS = re.compile(
    rb"expect\w*\D{0,40}?(\d{1,4}) (?:features|columns|inputs)|\b(\d{1,4}) features"
)
_TASKS = ("classification", "regression", "embedding")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Hints:
    """What the user said of the server.

    Attributes:
        models: names of models.
        protocols: kinds to try; () for all.
        columns: input names.
        row_shape: of one row.
        sample: rows to ask about.
        against: the configuration of the guard that stands there.
    """

    models: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_shape: tuple[int, ...] = ()
    sample: Sample | None = None
    against: GuardFile | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Try:
    protocol: WireProtocol | TextProtocol
    interface: Interface
    path: str
    sample: Sample | None


def discover(client: Client, hints: Hints, rng: np.random.Generator) -> Surface:
    """Return what a server offers to who asks with the client's key, or without one.

    Raises: BadInput for a protocol that is not installed; Spent.
    """
    kinds = protocol_kinds()
    unknown = [kind for kind in hints.protocols if kind not in kinds]
    if unknown:
        raise BadInput(
            f"The protocol {unknown[0]!r} is not installed.",
            way_out=f"Protocols here: {', '.join(kinds)}.",
        )
    told: list[Exchange] = []
    for method, path in LISTS:
        told.append(client.send(method, path, b"{}" if method == "POST" else b""))
    models = _models(told, hints)
    for model in models:
        told += [client.send("GET", path.format(model)) for path in DESCRIPTIONS]
    told = [exchange for exchange in told if _describes(exchange)]
    sample = _sample(told, hints, rng)
    found: dict[str, Route] = {}
    refused: dict[str, Route] = {}
    for each in _tries(hints, models, sample, rng):
        if each.path in found:
            continue
        route = _tried(client, each, rng)
        if route is not None and route.is_live:
            found[each.path] = route
        elif route is not None:
            refused.setdefault(each.path, route)
    return Surface(
        models=models,
        routes=tuple(found.values()),
        refused=tuple(route for path, route in refused.items() if path not in found),
        metadata=tuple(told),
        declared=_declared(hints),
    )


def _models(told: Sequence[Exchange], hints: Hints) -> tuple[str, ...]:
    declared = [e.model for e in hints.against.guard.endpoint] if hints.against else []
    named = [*hints.models, *declared]
    if not named:
        named = [name for exchange in told for name in _names(_json(exchange))]
    return tuple(dict.fromkeys(named))[:MOST_MODELS]


def _names(body: Any) -> Iterator[str]:
    """Return the names in a list of models, in any of the usual forms."""
    if isinstance(body, list):
        for each in body:
            name = each.get("name") if isinstance(each, dict) else each
            if isinstance(name, str) and _NAME.fullmatch(name):
                yield name
    elif isinstance(body, dict):
        yield from _names(body.get("models"))
        data = body.get("data")
        for each in data if isinstance(data, list) else ():
            if isinstance(each, dict) and _NAME.fullmatch(str(each.get("id", ""))):
                yield str(each["id"])


def _json(exchange: Exchange) -> Any:
    if exchange.status != 200:
        return None
    try:
        return json.loads(exchange.body)
    except (ValueError, RecursionError):
        return None


def _describes(exchange: Exchange) -> bool:
    """Return whether a reply tells something of the server or a model."""
    return bool(_json(exchange)) and isinstance(_json(exchange), (dict, list))


def _sample(told: Sequence[Exchange], hints: Hints, rng: np.random.Generator) -> Sample | None:
    if hints.sample is not None:
        columns = hints.columns or hints.sample.columns
        return replace(hints.sample, columns=columns)
    shape = hints.row_shape or ((len(hints.columns),) if hints.columns else ())
    for exchange in told:
        shape = shape or _shape(_json(exchange))
    return made_up_rows(shape, ROWS, rng, columns=hints.columns) if shape else None


def _shape(body: Any) -> tuple[int, ...]:
    """Return the shape of one row that metadata of the Open Inference Protocol declare."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs or not isinstance(inputs[0], dict):
        return ()
    if len(inputs) > 1:
        return (len(inputs),)
    shape = inputs[0].get("shape")
    if not isinstance(shape, list) or not 2 <= len(shape) <= 4:
        return ()
    sizes = shape[1:]
    return tuple(sizes) if all(type(s) is int and 1 <= s <= 4096 for s in sizes) else ()


def _tries(
    hints: Hints, models: Sequence[str], sample: Sample | None, rng: np.random.Generator
) -> Iterator[_Try]:
    kinds = {kind: make() for kind, make in protocol_kinds().items()}
    wanted = hints.protocols or tuple(kinds)
    if hints.against is not None:
        for endpoint in hints.against.guard.endpoint:
            if endpoint.protocol in kinds:
                protocol = kinds[endpoint.protocol]
                interface = interface_of(endpoint)
                given = sample or _declared_sample(endpoint, rng)
                yield _Try(
                    protocol=protocol,
                    interface=interface,
                    path=protocol.path(interface),
                    sample=given if endpoint.task in _TASKS[:2] else _texts(endpoint.task),
                )
    for kind, protocol in kinds.items():
        if kind not in wanted or kind == "generic":  # its paths are declared, there is no usual one
            continue
        for model in models or ("model",):
            for interface, rows in _interfaces(protocol, model, sample):
                path = protocol.path(interface)
                yield _Try(protocol=protocol, interface=interface, path=path, sample=rows)


def _interfaces(
    protocol: WireProtocol | TextProtocol, model: str, sample: Sample | None
) -> Iterator[tuple[Interface, Sample | None]]:
    if protocol.kind in TEXT_QUESTIONS:
        yield Interface(model=model, task="text"), None
    elif protocol.tasks == ("embedding",):
        yield Interface(model=model, task="embedding"), _texts("embedding")
    elif protocol.tasks != ("text",):
        task = next(task for task in _TASKS if task in protocol.tasks)
        rows = sample or Sample(columns=(), rows=([0.0],))
        plain = Interface(model=model, task=task, columns=rows.columns)
        yield plain, rows
        if protocol.kind == "open-inference" and rows.columns:
            yield replace(plain, settings={"form": "columns"}), rows


def _declared_sample(endpoint: Endpoint, rng: np.random.Generator) -> Sample | None:
    if endpoint.inputs:
        return declared_rows(endpoint.inputs, ROWS, rng)
    return made_up_rows(endpoint.row_shape, ROWS, rng) if endpoint.row_shape else None


def _declared(hints: Hints) -> frozenset[str] | None:
    if hints.against is None:
        return None
    kinds = protocol_kinds()
    return frozenset(
        kinds[e.protocol]().path(interface_of(e))
        for e in hints.against.guard.endpoint
        if e.protocol in kinds
    )


def _texts(task: str) -> Sample | None:
    return Sample(columns=(), rows=([TEXT],)) if task == "embedding" else None


def _tried(client: Client, each: _Try, rng: np.random.Generator) -> Route | None:
    """Return the route if it answers or refuses us; None if it is not there or not understood."""
    try:
        rows = list(each.sample.rows[:1]) if each.sample else []
        request = request_of(each.protocol, each.interface, rows)
    except (BadQuestion, BadInput):
        return None
    said = "a text" if each.sample is None else "1 row"
    exchange = client.send(
        "POST", each.path, request.body, sent=said, media_type=request.media_type
    )
    wider = _wider(exchange, each, rng)
    if wider is not None:
        return _tried(client, wider, rng)
    route = Route(
        protocol=each.protocol,
        interface=each.interface,
        path=each.path,
        sample=each.sample,
        first=exchange,
    )
    if exchange.is_refused or exchange.is_limited:
        return route
    for task in dict.fromkeys((each.interface.task, *each.protocol.tasks)):
        interface = replace(each.interface, task=task)
        said_back = read(each.protocol, interface, rows, exchange)
        if isinstance(said_back, Answer):
            return replace(route, interface=interface, answer=said_back)
        if isinstance(said_back, TextReply):
            return replace(route, interface=interface, reply=said_back)
    return None


def _wider(exchange: Exchange, each: _Try, rng: np.random.Generator) -> _Try | None:
    """Return the same question with as many inputs as an error message says are needed."""
    if exchange.status < 400 or each.sample is None or len(each.sample.rows) > 1:
        return None
    if each.sample.rows[0] != [0.0]:  # it was given, or its width is known
        return None
    found = _EXPECTS.search(exchange.body)
    width = int(found[1] or found[2]) if found else 0
    if not 2 <= width <= 4096:
        return None
    return replace(each, sample=made_up_rows((width,), ROWS, rng))
