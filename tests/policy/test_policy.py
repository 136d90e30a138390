"""The laws of a policy: it only ever takes away, it is pure, and its name is exact."""

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from defences.strategies import (
    chain,
    chains,
    channels,
    embedding_answers,
    every_step,
    for_values,
    hard_label,
    score_answers,
    value_answers,
    value_chains,
    vector_chains,
)
from hypothesis import given, strategies as st

from reticent.core import Answer, BadPolicy, Channel
from reticent.policy import ENCODING, Policy

PINNED_STEPS = [
    {"kind": "keyed_noise", "scale": 0.1, "distribution": "gaussian"},
    {"kind": "abstain", "confidence": 0.6},
    {"kind": "bucket", "edges": [0, 0.25, 1]},
    {"kind": "top_k", "k": 3},
    {"kind": "round", "digits": 2},
]
PINNED_DIGEST = "0cfff019e18aab7f7feeb6fee997f9b84e2f8a27e5dcc4aaab65d0c0a26fce9a"
PINNED_BYTES = (
    b'{"defences":[{"distribution":"gaussian","kind":"keyed_noise","scale":0.1},'
    b'{"confidence":0.6,"kind":"abstain"},{"count":0,"edges":[0.0,0.25,1.0],"kind":"bucket"},'
    b'{"k":3,"kind":"top_k"},{"digits":2,"kind":"round"}],"encoding":"reticent-policy-v1"}'
)


def parts(answer):
    return {f.name: getattr(answer, f.name) for f in dataclasses.fields(answer)}


def equal(a, b):
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def same(a, b):
    return all(map(equal, parts(a).values(), parts(b).values()))


@given(st.lists(every_step, max_size=5), channels)
def test_a_chain_never_widens_a_channel(steps, open_):
    left = chain(*steps).exposes(open_)
    assert left in open_
    for i in range(len(steps)):  # nor does any step after another
        assert left in chain(*steps[:i]).exposes(open_)


@given(score_answers(withheld=True), chains)
def test_what_is_withheld_stays_withheld(asked, steps):
    x, answer = asked
    found = chain(*steps).apply(answer, x, secret=b"s")
    assert np.isnan(found.scores[np.isnan(answer.scores)]).all()
    assert (found.labels[answer.labels == -1] == -1).all()


@given(value_answers(withheld=True), value_chains)
def test_a_withheld_value_stays_withheld(asked, steps):
    x, answer = asked
    found = chain(*steps).apply(answer, x, secret=b"s")
    assert (np.isnan(found.values) == np.isnan(answer.values)).all()


@given(embedding_answers(withheld=True), vector_chains)
def test_a_withheld_coordinate_stays_withheld(asked, steps):
    x, answer = asked
    found = chain(*steps).apply(answer, x, secret=b"s")
    assert np.isnan(found.embeddings[np.isnan(answer.embeddings)]).all()


@given(score_answers(), chains)
def test_the_label_is_changed_by_abstaining_alone(asked, steps):
    x, answer = asked
    found = chain(*steps).apply(answer, x, secret=b"s").labels
    abstains = any(step["kind"] == "abstain" for step in steps)
    assert (found == answer.labels).all() or abstains
    assert set(found[found != answer.labels].tolist()) <= {-1}


@given(score_answers(), st.lists(every_step, max_size=3))
def test_an_answer_fills_no_channel_that_the_chain_shut(asked, steps):
    x, answer = asked
    policy = chain(*steps)
    left = policy.exposes(answer.channels)
    try:
        found = policy.apply(answer, x, secret=b"s")
    except BadPolicy:
        return  # a chain that does not fit says so
    if not left & (Channel.SCORES | Channel.TOP_K):
        assert found.scores is None


asked_and_chains = st.one_of(
    st.tuples(score_answers(), chains),
    st.tuples(value_answers(), value_chains),
    st.tuples(embedding_answers(), vector_chains),
)


@given(asked_and_chains, st.binary(max_size=8))
def test_apply_is_pure(asked_and_chain, secret):
    (x, answer), steps = asked_and_chain
    policy = chain(*steps)
    before = {k: None if v is None else v.copy() for k, v in parts(answer).items()}
    asked = x.copy()
    first = policy.apply(answer, x, secret=secret)
    for value in (*parts(answer).values(), x):
        if value is not None:
            value.setflags(write=False)  # a second run that writes would raise
    second = policy.apply(answer, x, secret=secret)
    assert same(first, second)
    assert same(answer, Answer(**before))
    assert np.array_equal(x, asked)
    assert first is not answer or not policy.defences


@given(st.data(), asked_and_chains)
def test_equal_answers_to_equal_questions_stay_equal(data, asked_and_chain):
    (x, answer), steps = asked_and_chain
    policy = chain(*steps)
    n = len(answer)
    order = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=8)))
    whole = policy.apply(answer, x, secret=b"s")
    asked_again = policy.apply(answer.take(order), x[order], secret=b"s")
    assert same(asked_again, whole.take(order))
    table = policy.apply(answer, pd.DataFrame(x), secret=b"s")
    assert same(table, whole)


@given(st.lists(every_step, max_size=5))
def test_encode_and_decode_go_round(steps):
    policy = chain(*steps)
    again = Policy.decode(policy.encode())
    assert again == policy
    assert again.encode() == policy.encode()
    assert again.digest == policy.digest
    assert Policy.from_list(policy.to_list()) == policy
    assert json.loads(json.dumps(policy.to_list())) == policy.to_list()


@given(st.lists(every_step, max_size=3), st.lists(every_step, max_size=3))
def test_digests_agree_exactly_when_chains_do(one, other):
    a, b = chain(*one), chain(*other)
    assert (a.digest == b.digest) == (a == b)


@given(st.lists(st.one_of(for_values, hard_label), min_size=2, max_size=4), st.randoms())
def test_order_is_part_of_the_name(steps, random):
    shuffled = random.sample(steps, len(steps))
    assert (chain(*steps).digest == chain(*shuffled).digest) == (
        chain(*steps).to_list() == chain(*shuffled).to_list()
    )


def test_order_matters_to_the_answer_too():
    sharpen, cut = {"kind": "temperature", "t": 0.2}, {"kind": "threshold", "t": 0.5}
    answer = Answer(labels=np.array([0]), scores=np.array([[0.45, 0.3, 0.25]]))
    x = np.zeros((1, 1))
    first = chain(sharpen, cut).apply(answer, x).scores
    second = chain(cut, sharpen).apply(answer, x).scores
    assert np.isfinite(first[0, 0])
    assert np.isnan(second[0, 0])


@given(st.lists(every_step, max_size=5))
def test_the_encoding_is_canonical_json(steps):
    encoded = chain(*steps).encode()
    body = json.loads(encoded)
    assert encoded.isascii()
    assert b" " not in encoded
    assert (
        encoded == json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    )
    assert body["encoding"] == ENCODING


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "round", "digits": 2}, {"digits": 2.0, "kind": "round"}),
        ({"kind": "round", "digits": np.int64(2)}, {"kind": "round", "digits": 2}),
        ({"kind": "threshold", "t": 1}, {"kind": "threshold", "t": 1.0}),
        ({"kind": "threshold", "t": np.float32(0.5)}, {"kind": "threshold", "t": 0.5}),
        ({"kind": "clip", "low": -0.0, "high": 1}, {"kind": "clip", "low": 0, "high": 1.0}),
        ({"kind": "bucket", "edges": [0, 1]}, {"kind": "bucket", "edges": (0.0, 1.0), "count": 0}),
        ({"kind": "keyed_noise", "scale": 1},
         {"kind": "keyed_noise", "scale": 1.0, "distribution": "laplace"}),
    ],
)  # fmt: skip
def test_one_meaning_has_one_digest(one, other):
    assert chain(one).digest == chain(other).digest
    assert hash(chain(one)) == hash(chain(other))


def test_the_widest_grid_and_the_coarsest_count_are_in_force():
    assert (chain().time_grid_s, chain().usage_step) == (0.0, 0)
    policy = chain(
        {"kind": "pad_time", "grid_ms": 50},
        {"kind": "bucket_usage", "tokens": 8},
        {"kind": "pad_time", "grid_ms": 250},
        {"kind": "bucket_usage", "tokens": 5},
        {"kind": "pad_time", "grid_ms": 100},
    )
    assert policy.time_grid_s == 0.25
    assert policy.usage_step == 8


def test_a_policy_is_the_same_from_a_list_or_a_tuple_of_defences():
    steps = chain(*PINNED_STEPS).defences
    assert Policy(list(steps)) == Policy(steps)
    assert Policy(list(steps)).digest == Policy(steps).digest


def test_the_digest_is_pinned():
    """It stands in records and response headers: it must never change for a written policy."""
    policy = chain(*PINNED_STEPS)
    assert policy.encode() == PINNED_BYTES
    assert policy.digest == PINNED_DIGEST
    assert Policy().digest == "e01f194d590a0c726f278e213685082d26aa6c4c7fb04b38b1f67f88a6797d0c"


@pytest.mark.parametrize("python", ["python3.12", "python3.13"])
def test_the_digest_is_the_same_on_other_pythons(python):
    """The encoding is sorted JSON; only its spelling of numbers could differ between versions."""
    program = (
        "import json, sys, hashlib\n"
        f"body = json.loads({PINNED_BYTES.decode()!r})\n"
        "text = json.dumps(body, sort_keys=True, separators=(',', ':'), ensure_ascii=True)\n"
        "print(hashlib.sha256(text.encode('ascii')).hexdigest())"
    )
    try:
        env = {**os.environ, "PYENV_VERSION": python.removeprefix("python")}
        done = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=True, env=env
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{python} is not installed")
    assert done.stdout.strip() == PINNED_DIGEST


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", "no encoded policy"),
        (b"\xff\xfe", "no encoded policy"),
        (b"[]", "no encoded policy"),
        (b"3", "no encoded policy"),
        (b"null", "no encoded policy"),
        (b"[" * 100_000, "no encoded policy"),
        (b'{"encoding":"reticent-policy-v1"}', "no encoded policy"),
        (b'{"defences":[],"encoding":"reticent-policy-v1","more":1}', "unknown entries"),
        (b'{"defences":[],"encoding":"reticent-policy-v2"}', "'reticent-policy-v2'; this version"),
        (b'{"defences":3,"encoding":"reticent-policy-v1"}', "must be a list of steps"),
        (b'{"defences":"ab","encoding":"reticent-policy-v1"}', "must be a list of steps"),
        (b'{"defences":{"kind":1},"encoding":"reticent-policy-v1"}', "must be a list of steps"),
        (b'{"defences":[1],"encoding":"reticent-policy-v1"}', "Step 1 .* kind None"),
    ],
)
def test_bytes_that_are_no_policy_are_refused(encoded, message):
    with pytest.raises(BadPolicy, match=message) as caught:
        Policy.decode(encoded)
    assert caught.value.way_out or "Step" in caught.value.what


@given(st.binary(max_size=60))
def test_decoding_anything_gives_a_policy_or_bad_policy(encoded):
    with pytest.raises(BadPolicy):
        Policy.decode(encoded)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
json_like = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(
    ["round", "bucket", "threshold", "top_k", "hard_label", "temperature", "abstain", "clip"]
)
SETTINGS = st.sampled_from(
    ["digits", "edges", "count", "t", "k", "confidence", "low", "high", "scale"]
)
nearly_steps = st.builds(
    lambda kind, settings: {"kind": kind, **settings},
    KINDS,
    st.dictionaries(SETTINGS | st.text(max_size=3), json_like, max_size=3),
)


@given(st.lists(nearly_steps | json_like, max_size=2))
def test_any_plain_data_gives_a_policy_or_bad_policy(steps):
    try:
        policy = Policy.from_list(steps)
    except BadPolicy:
        return
    assert Policy.decode(policy.encode()) == policy


@dataclass(frozen=True, slots=True)
class Widener:
    """A plug-in that breaks the law: the tests above must be able to see it."""

    kind: ClassVar[str] = "widener"
    keyed: ClassVar[bool] = False

    def narrows(self, open_):
        return open_ | Channel.SCORES

    def apply(self, answer, noise):
        answer.scores[np.isnan(answer.scores)] = 0.5
        return answer


def test_a_defence_that_widens_would_be_seen():
    assert Policy((Widener(),)).exposes(Channel.LABEL) not in Channel.LABEL
    answer = Answer(scores=np.array([[np.nan, 1.0]]))
    assert not np.isnan(Policy((Widener(),)).apply(answer, np.zeros((1, 1))).scores).any()


def test_rows_are_named_only_when_noise_is_wanted():
    class Unreadable:
        def __len__(self):
            raise AssertionError("asked for its rows")

    answer = Answer(labels=np.array([0]), scores=np.array([[0.9, 0.1]]))
    found = chain({"kind": "round", "digits": 0}).apply(answer, Unreadable())
    assert found.scores.tolist() == [[1.0, 0.0]]


def test_policy_reads_nothing_from_disk():
    source = Path(sys.modules["reticent.policy"].__file__).read_text()
    assert "open(" not in source
