"""Audit bytes = guard bytes: what the auditor measured is what callers get, to the byte.

For every defence and every protocol of predictions the guard's reply is compared with what the
auditor's `Access` gave for the same inputs, written by the same protocol.
"""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from reticent.access import QUERIED, Access
from reticent.config import parse_guard
from reticent.core import Answer, BadPolicy
from reticent.defences import defence_kinds
from reticent.guard.gates import CHANNELS, open_gate
from reticent.guard.text_flow import shaped_reply
from reticent.guard.validation import Validator
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.protocols import Question, WireRequest, WireResponse, protocol_kinds
from reticent.testing.conformance_defence import examples_of

SECRET = b"one secret for the guard and its auditor"
WIDTH, CLASSES = 3, 4
PLACES = {
    "classification": {"scores": "$.scores", "label": "$.label"},
    "regression": {"value": "$.value"},
    "embedding": {"embedding": "$.embedding"},
}


class Made:
    """A target whose answers are a function of the inputs, of any task."""

    name = "made"
    columns = ()

    def __init__(self, task):
        self.task = task
        self.classes = tuple(range(CLASSES)) if task == "classification" else ()
        self.channels = CHANNELS[task]

    def answer(self, x):
        x = np.asarray(x, dtype=float)
        mixed = np.tanh(x @ np.linspace(-1, 1, WIDTH * CLASSES).reshape(WIDTH, CLASSES) / 100)
        if self.task == "regression":
            return Answer(values=mixed.sum(axis=1) * 100)
        if self.task == "embedding":
            return Answer(embeddings=mixed)
        scores = np.exp(3 * mixed) / np.exp(3 * mixed).sum(axis=1, keepdims=True)
        return Answer(labels=scores.argmax(axis=1), scores=scores)

    def weights(self):
        raise NotImplementedError


class Unused:
    """An upstream that parity does not need: the bytes are handed over directly."""


def gate_of(kind, task, steps):
    endpoint = {
        "model": "made",
        "owner": "Tests",
        "protocol": kind,
        "upstream": "http://127.0.0.1:9",
        "task": task,
        "row_shape": [WIDTH],
    }
    if kind == "generic":
        endpoint["path"] = "/score"
        endpoint["settings"] = {"inputs": "$.rows", **PLACES[task]}
    if task == "classification":
        endpoint["classes"] = list(range(CLASSES))
    doc = {
        "policy": [{"name": "chosen", "defences": steps}],
        "guard": {"endpoint": [endpoint]},
    }
    file = parse_guard(doc)
    only = file.guard.endpoint[0]
    return open_gate(
        file,
        only,
        secret=SECRET,
        validator=Validator(only),
        scopes=lambda caller, address: (),
        upstream=Unused(),
    )


def through_the_guard(gate, target, x):
    """Return the bytes that a caller gets: all of the guard between two sockets."""
    asked = gate.predictions.write_question(Question(rows=x, cost=len(x)), gate.interface)
    arrived = WireRequest(
        method="POST", path=gate.path, body=bytes(asked.body), media_type=asked.media_type
    )
    question = gate.predictions.read_question(arrived, gate.interface)
    assert gate.validator.check(question) == ""
    forwarded = gate.predictions.write_question(question, gate.interface)
    # The server's side of the wire: it reads what was forwarded and writes all that it knows.
    at_server = gate.predictions.read_question(
        WireRequest(
            method="POST",
            path=gate.path,
            body=bytes(forwarded.body),
            media_type=forwarded.media_type,
        ),
        gate.interface,
    )
    raw = target.answer(at_server.rows)
    body = gate.predictions.write_answer(raw, at_server, gate.interface)
    return question, shaped_reply(gate, WireResponse(status=200, body=bytes(body)), question)


def by_the_auditor(gate, target, x, question):
    """Return the bytes that the auditor's answer would make on the wire."""
    access = Access(
        target=target,
        policy=gate.policy,
        ledger=QueryLedger(),
        identity="auditor",
        exposed=QUERIED,
        secret=gate.secret,
    )
    return gate.predictions.write_answer(access.ask(x), question, gate.interface)


def pairs():
    for kind, protocol in protocol_kinds().items():
        for task in protocol.tasks:
            if task != "text" and kind != "openai-embeddings":  # its inputs are texts: below
                for name, _defence in defence_kinds().items():
                    yield pytest.param(kind, task, name, id=f"{kind}-{task}-{name}")


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: v + 0.0)
tables = st.lists(st.lists(numbers, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=5)


@pytest.mark.parametrize(("kind", "task", "name"), list(pairs()))
def test_the_guards_bytes_are_the_auditors(kind, task, name):
    target = Made(task)
    for defence in examples_of(defence_kinds()[name]):
        policy = Policy((defence,))
        try:
            gate = gate_of(kind, task, policy.to_list())
        except BadPolicy:
            # What the guard refuses to start with, the auditor refuses to measure.
            with pytest.raises(BadPolicy):
                policy.apply(target.answer(np.ones((1, WIDTH))), np.ones((1, WIDTH)), secret=b"")
            continue

        compare(gate, target)


def compare(gate, target):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(tables)
    def check(rows):
        x = np.array(rows)
        question, bytes_of_guard = through_the_guard(gate, target, x)
        assert bytes(bytes_of_guard) == bytes(by_the_auditor(gate, target, x, question))

    check()


def test_parity_would_notice_a_policy_that_is_skipped():
    target, x = Made("classification"), np.ones((2, WIDTH))
    rounded = gate_of("open-inference", "classification", [{"kind": "round", "digits": 1}])
    unshaped = gate_of("open-inference", "classification", [])
    question, body = through_the_guard(unshaped, target, x)
    assert body != by_the_auditor(rounded, target, x, question)


def test_parity_would_notice_another_secret():
    steps = [{"kind": "keyed_noise", "scale": 0.1}]
    gate = gate_of("open-inference", "classification", steps)
    target, x = Made("classification"), np.ones((2, WIDTH))
    question, body = through_the_guard(gate, target, x)
    other = Access(
        target=target,
        policy=gate.policy,
        ledger=QueryLedger(),
        identity="auditor",
        secret=hashlib.sha256(SECRET).digest(),
    )
    assert body != gate.predictions.write_answer(other.ask(x), question, gate.interface)


@pytest.mark.parametrize("name", list(defence_kinds()))
def test_embeddings_of_texts_are_shaped_as_the_auditor_shapes_them(name):
    for defence in examples_of(defence_kinds()[name]):
        try:
            gate = gate_of("openai-embeddings", "embedding", Policy((defence,)).to_list())
        except BadPolicy:
            continue
        compare_texts(gate)


def compare_texts(gate):
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4), st.integers(0, 99))
    def check(texts, seed):
        body = json.dumps({"model": "made", "input": texts}).encode()
        request = WireRequest(method="POST", path=gate.path, body=body)
        question = gate.predictions.read_question(request, gate.interface)
        vectors = np.random.default_rng(seed).normal(size=(len(texts), 5))
        raw = Answer(embeddings=vectors)
        at_server = gate.predictions.write_answer(raw, question, gate.interface)
        shaped = shaped_reply(gate, WireResponse(status=200, body=bytes(at_server)), question)
        seen = gate.policy.apply(raw, question.rows, secret=gate.secret).only(gate.channels)
        expected = gate.predictions.write_answer(seen, question, gate.interface)
        assert bytes(shaped) == bytes(expected)

    check()
