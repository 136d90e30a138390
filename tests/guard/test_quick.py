"""A few scores go another way than many: the bytes must not tell which."""

import dataclasses
import json

import numpy as np
import pytest
from guard.test_parity import gate_of
from hypothesis import given, settings, strategies as st

from reticent.core import BadAnswer
from reticent.guard.text_flow import shaped_reply
from reticent.protocols import BadReply, Question, WireResponse

STEPS = st.lists(
    st.one_of(
        st.builds(lambda d: {"kind": "round", "digits": d}, st.integers(-2, 15)),
        st.builds(lambda k: {"kind": "top_k", "k": k}, st.integers(1, 5)),
        st.just({"kind": "hard_label"}),
        st.just({"kind": "clip", "low": 0.1, "high": 0.9}),
    ),
    max_size=3,
)


@st.composite
def replies(draw):
    """Return rows and what a server says of them: mostly right, sometimes not."""
    n, k = draw(st.integers(1, 5)), draw(st.sampled_from([4, 4, 4, 4, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = rng.dirichlet(np.full(k, draw(st.sampled_from([0.01, 1.0, 100.0]))), size=n)
    scores = np.round(scores, draw(st.sampled_from([2, 16]))).ravel().tolist()
    odd = draw(st.sampled_from([None] * 6 + [0, 1, 1.5, -0.0, -0.1, "a", 1e300, True]))
    if odd is not None:
        scores[draw(st.integers(0, n * k - 1))] = odd
    if draw(st.integers(0, 9)) == 0:
        scores[0] = None
    shape = draw(st.sampled_from([[n, k]] * 6 + [[n * k], [1, n * k], [n, k, 1], [n, True]]))
    outputs = [{"name": "predict_proba", "shape": shape, "datatype": "FP64", "data": scores}]
    if draw(st.booleans()):
        labels = [draw(st.sampled_from([0, 1, 2, 3, 3.0, 4, None])) for _ in range(n)]
        outputs.append({"name": "predict", "shape": [n, 1], "datatype": "INT64", "data": labels})
    if draw(st.integers(0, 9)) == 0:
        outputs.append(draw(st.sampled_from([outputs[0], {"name": "other"}, {}, 1])))
    return n, {"outputs": outputs}


def outcome(gate, n, said, details):
    question = Question(rows=[[1.0, 2.0, 3.0]] * n, cost=n, details=details)
    try:
        return shaped_reply(
            gate, WireResponse(status=200, body=json.dumps(said).encode()), question
        )
    except (BadReply, BadAnswer) as error:
        return type(error)


@pytest.mark.parametrize("outputs", [{}, {"predict": "label", "predict_proba": "scores"}])
def test_a_few_scores_are_shaped_as_arrays_are(outputs):
    @settings(max_examples=200, deadline=None)
    @given(
        STEPS,
        replies(),
        st.sampled_from([{}, {"outputs": ("predict",)}, {"outputs": ("predict_proba",)}]),
    )
    def check(steps, reply, details):
        try:
            gate = gate_of("open-inference", "classification", steps)
        except Exception:
            return  # a policy that no guard takes
        n, said = reply
        interface = dataclasses.replace(gate.interface, outputs=outputs)
        gate = dataclasses.replace(gate, interface=interface)
        by_arrays = dataclasses.replace(gate, quick=None)
        assert outcome(gate, n, said, details) == outcome(by_arrays, n, said, details)

    check()


def test_what_needs_no_arrays_gets_none():
    steps = [{"kind": "round", "digits": 2}, {"kind": "top_k", "k": 1}]
    assert gate_of("open-inference", "classification", steps).quick is not None
    noise = [{"kind": "keyed_noise", "scale": 0.1}]
    assert gate_of("open-inference", "classification", noise).quick is None
    assert gate_of("open-inference", "regression", [{"kind": "round", "digits": 2}]).quick is None
    assert gate_of("mlflow", "classification", steps).quick is None
