"""A guard before a model server, and the comparison of all that it says with the server's words."""

import hashlib
import json
import re
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
import urllib3
from guard.live import guarding, serving
from guard.tapped import CANARY, Tap
from protocols.openai_texts import joined, stream_through, taken_apart, whole_through
from protocols.test_recorded_predictions import PROTOCOLS, interface_of
from served.exchange import Exchange

from reticent.config import parse_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret
from reticent.guard.upstream.errors import UpstreamBad
from reticent.policy import Policy
from reticent.protocols import (
    Interface,
    WireRequest,
    WireResponse,
    protocol_kinds,
)

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
POLICIES = {
    "classification": [{"kind": "top_k", "k": 1}, {"kind": "round", "digits": 2}],
    "regression": [{"kind": "round", "digits": 2}],
    "embedding": [{"kind": "round", "digits": 2}],
    "text": [{"kind": "top_k", "k": 2}, {"kind": "round", "digits": 2}],
}
ALLOWED = {
    "content-type",
    "content-length",
    "transfer-encoding",
    "cache-control",
    "x-content-type-options",
    "reticent-policy",
    "retry-after",
    "date",
}
OPENAI = {
    "/v1/chat/completions": "openai-chat",
    "/v1/completions": "openai-completions",
    "/v1/embeddings": "openai-embeddings",
}
ROUTES = ("/infer", ":predict", "/invocations")
NUMBER = re.compile(rb"-?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Door:
    """One endpoint of the guard, and the key that opens it.

    Attributes:
        tenant: its own, so that one path can be declared in several ways.
        kind: its protocol.
        interface: what is declared.
        at: which of the server's addresses it stands before.
    """

    tenant: str
    kind: str
    interface: Interface
    at: str
    headers: dict[str, str] = field(default_factory=dict)

    def _inputs(self):
        if self.interface.columns:
            return {"inputs": [{"name": column} for column in self.interface.columns]}
        return {"row_shape": list(self.interface.row_shape)} if self.interface.row_shape else {}

    def endpoint(self, upstream):
        return {
            "model": self.interface.model,
            "tenant": self.tenant,
            "owner": "Served models",
            "protocol": self.kind,
            "upstream": upstream,
            "task": self.interface.task,
            "policy": self.interface.task,
            "path": self.interface.path,
            "classes": list(self.interface.classes),
            "outputs": dict(self.interface.outputs),
            **self._inputs(),
            "settings": dict(self.interface.settings),
            "sensitivity": "public",
            "limits": {"identity": {"rows_per_minute": 1e9, "burst_rows": 10**9}},
        }


@dataclass(eq=False)
class Conformance:
    """A guard before one server, and what came of each exchange."""

    server: str
    callers: str
    taps: dict[str, Tap]
    doors: list[Door]
    answered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def ask(self, door, exchange):
        headers = {**exchange.request_headers, **door.headers}
        return urllib3.request(
            exchange.method,
            self.callers + exchange.path,
            body=exchange.request_body or None,
            headers=headers,
            retries=False,
            redirect=False,
        )

    def exchanged(self, door, exchange):
        """Send one exchange; check what comes back, and return it with what the tap heard."""
        tap = self.taps[door.at]
        before = len(tap.heard)
        reply = self.ask(door, exchange)
        what = exchange.what
        assert set(map(str.lower, reply.headers)) <= ALLOWED, what
        assert CANARY not in str(dict(reply.headers)), what
        assert CANARY.encode() not in reply.data, what
        heard = tap.heard[before:]
        assert len(heard) <= 1, what
        if reply.status == 200 and UpstreamBad.message.encode() in last_event(reply):
            self.hidden.append(what)  # a stream that ends in an error of the server's
            return reply, None
        if reply.status == 200:
            self.answered.append(what)
            return reply, heard[0]
        if heard:  # the server was asked, and what it said is no answer
            assert reply.status == 502, (what, reply.status)
            assert message_of(reply) == UpstreamBad.message
            self.hidden.append(what)
        else:
            assert reply.status in (400, 404, 413, 415, 422), (what, reply.status)
            self.refused.append(what)
        return reply, None


def last_event(reply):
    streams = reply.headers["content-type"] == "text/event-stream"
    return reply.data.rstrip().split(b"\n\n")[-1] if streams else b""


def message_of(reply):
    said = json.loads(reply.data)
    found = said.get("error", said)
    return found["message"] if isinstance(found, dict) else found


def request_of(exchange):
    kind = exchange.request_headers.get("content-type", "").split(";")[0].strip().lower()
    return WireRequest(
        method=exchange.method, path=exchange.path, body=exchange.request_body, media_type=kind
    )


def response_of(answer):
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    return WireResponse(
        status=answer.status, body=answer.body, media_type=kind, headers=answer.headers
    )


def declared(server, exchange):
    """Return the protocol and the interface that an operator would declare for an exchange.

    None for what is no question to a model: its method, its route or its body are others.
    """
    if exchange.method != "POST":
        return None
    if server in PROTOCOLS:
        routed = exchange.path.endswith(ROUTES) or exchange.path.startswith("/predictions/")
        return (PROTOCOLS[server], interface_of(server, exchange)) if routed else None
    try:
        asked = json.loads(exchange.request_body)
    except ValueError:
        return None
    if exchange.path not in OPENAI:
        return None
    embeds = exchange.path.endswith("/embeddings")
    return OPENAI[exchange.path], Interface(
        model=asked.get("model", "m"),
        task="embedding" if embeds else "text",
        path=exchange.path,
        settings={"dimensions": asked.get("dimensions", 0)} if embeds else {"most_choices": 4},
    )


def slashless(exchange):
    """Return an exchange with a model of a plain name, as `--served-model-name` gives it."""
    body = re.sub(rb'("model": ?")[^"/]+/', rb"\1", exchange.request_body)
    return Exchange(
        exchange.what,
        exchange.method,
        exchange.path,
        exchange.request_headers,
        body,
        exchange.answer,
        exchange.at,
    )


def doors_of(server, exchanges):
    """Return an endpoint for every way in which the exchanges' models must be declared.

    Models that the server does not have are declared too: its words on that are not to be passed.
    """
    doors = {}
    for exchange in exchanges:
        declaration = declared(server, exchange)
        if declaration is not None:
            key = repr((*declaration, exchange.at))
            doors.setdefault(key, Door(f"t{len(doors)}", *declaration, exchange.at))
    return doors


def door_for(server, exchange, doors):
    """Return where a caller would take an exchange: its own endpoint, or a near one."""
    declaration = declared(server, exchange)
    if declaration is not None:
        return doors[repr((*declaration, exchange.at))]
    near = [d for d in doors.values() if (d.interface.path, d.at) == (exchange.path, exchange.at)]
    return (near or list(doors.values()))[0]


@contextmanager
def guarded(folder, server, doors, taps, policies, origins=None):
    """Run a guard with these doors before these taps (or origins); yields what is to be filled."""
    with ExitStack() as stack:
        origins = origins or {name: stack.enter_context(serving(tap)) for name, tap in taps.items()}
        doc = {
            "policy": [{"name": name, "defences": steps} for name, steps in policies.items()],
            "guard": {
                "listen": "127.0.0.1:0",
                "admin": "127.0.0.1:0",
                "endpoint": [door.endpoint(origins[door.at]) for door in doors],
            },
        }
        file = parse_guard(doc).written_in(folder / "reticent.toml")
        secret = read_secret(file, SECRET)
        changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
        for door in doors:
            key = changes.issue(
                tenant=door.tenant, identity="caller", models=("*",), lifetime_s=None
            ).key.text
            door.headers["authorization"] = f"Bearer {key}"
        changes.close()
        _, callers, _ = stack.enter_context(guarding(file, SECRET))
        yield Conformance(server, callers, taps, doors)


def check_answer(door, exchange, reply, heard):
    """Compare a reply with the server's own answer of this moment, put through the policy."""
    asked, answer = heard
    protocol, interface = protocol_kinds()[door.kind](), door.interface
    policy = Policy.from_list(POLICIES[interface.task])
    question = protocol.read_question(request_of(exchange), interface)
    kind = asked.headers.get("content-type", "").split(";")[0]
    forwarded = WireRequest(method=asked.method, path=asked.path, body=asked.body, media_type=kind)
    again = protocol.read_question(forwarded, interface)
    assert np.array_equal(np.array(again.rows), np.array(question.rows)), exchange.what
    assert reply.headers["reticent-policy"] == policy.digest
    response = response_of(answer)
    if interface.task != "text":
        raw = protocol.read_answer(response, question, interface)
        shaped = policy.apply(raw, question.rows)
        assert reply.data == bytes(protocol.write_answer(shaped, question, interface))
        rounded = {round(float(v), 2) for v in NUMBER.findall(answer.body)}
        rounded |= {round(1 - v, 2) for v in rounded}  # where the second class alone is told
        shown = [float(v) for v in NUMBER.findall(reply.data)]
        assert set(shown) <= rounded | {0.0, 1.0}, exchange.what
        return
    key = "delta" if door.kind == "openai-chat" else "text"
    if question.stream:
        expected = stream_through(protocol, question, [answer.body], policy, interface)
        assert joined(reply.data, key) == joined(expected, key)
    else:
        assert reply.data == bytes(whole_through(protocol, question, response, policy, interface))
        assert taken_apart(reply.data, key)[0]


def conforms(server, exchanges, folder, taps, answered, *, lay_out=None, policies=POLICIES):
    """Send every exchange through a guard, and return what came of it.

    Args:
        server: its name.
        exchanges: what to send.
        folder: for the guard's state.
        taps: the server's addresses by name.
        answered: exchanges that are sent first.
        lay_out: gets each recorded answer before its request is sent; None for a running server.
        policies: in force at the guard, task -> steps.
    """
    exchanges = [slashless(exchange) for exchange in exchanges]
    doors = doors_of(server, exchanges)
    with guarded(folder, server, list(doors.values()), taps, policies) as found:
        # A server that fails often is left alone for a while: good questions come first.
        for exchange in sorted(exchanges, key=lambda e: e.what not in answered):
            if lay_out is not None:
                lay_out(exchange.answer)
            door = door_for(server, exchange, doors)
            stranger = urllib3.request("POST", found.callers + exchange.path, retries=False)
            assert stranger.status == 401, exchange.what
            reply, heard = found.exchanged(door, exchange)
            if heard is not None:
                check_answer(door, exchange, reply, heard)
    return found
