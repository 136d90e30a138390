"""Answers, questions and every defence on the shelf, drawn at random."""

import numpy as np
from hypothesis import strategies as st

from reticent.core import Answer, Channel
from reticent.defences import Keyed
from reticent.policy import Policy

small = st.floats(1e-3, 50, allow_nan=False)
proportions = st.floats(0.001, 1)
edges = st.lists(st.floats(-100, 100), min_size=2, max_size=6, unique=True).map(sorted)
rounds = st.builds(lambda d: {"kind": "round", "digits": d}, st.integers(-2, 6))
edge_buckets = st.builds(lambda e: {"kind": "bucket", "edges": e}, edges)
clips = st.builds(
    lambda low, width: {"kind": "clip", "low": low, "high": low + width}, st.floats(-9, 9), small
)
noises = st.builds(
    lambda s, d: {"kind": "keyed_noise", "scale": s, "distribution": d},
    small,
    st.sampled_from(["laplace", "gaussian"]),
)
for_values = st.one_of(rounds, edge_buckets, clips, noises)
only_scores = st.one_of(
    st.builds(lambda c: {"kind": "bucket", "count": c}, st.integers(1, 20)),
    st.builds(lambda t: {"kind": "threshold", "t": t}, proportions),
    st.builds(lambda k: {"kind": "top_k", "k": k}, st.integers(1, 5)),
    st.builds(lambda t: {"kind": "temperature", "t": t}, small),
    st.builds(lambda c: {"kind": "abstain", "confidence": c}, proportions),
)
for_scores = st.one_of(for_values, only_scores)
rotations = st.just({"kind": "rotate"})
quantisations = st.builds(lambda b: {"kind": "quantise", "bits": b}, st.integers(1, 16))
truncations = st.builds(lambda d: {"kind": "truncate", "dimensions": d}, st.integers(1, 9))
only_vectors = st.one_of(rotations, quantisations, truncations)
for_vectors = st.one_of(for_values, only_vectors)
hard_label = st.just({"kind": "hard_label"})
withholds = st.builds(
    lambda c: {"kind": "withhold", "channels": c},
    st.lists(st.sampled_from(["label", "scores", "value", "embedding"]), min_size=1, max_size=3),
)
pads = st.builds(lambda g: {"kind": "pad_time", "grid_ms": g}, small)
usages = st.builds(lambda t: {"kind": "bucket_usage", "tokens": t}, st.integers(1, 100))
beside = st.one_of(pads, usages)
every_step = st.one_of(for_scores, hard_label, only_vectors, withholds, beside)
chains = st.lists(for_scores, max_size=4)
value_chains = st.lists(for_values, max_size=4)
vector_chains = st.lists(for_vectors, max_size=4)
channels = st.integers(0, 2 ** len(Channel) - 1).map(Channel)


@st.composite
def score_answers(draw, withheld=False):
    """Return questions and raw answers; with `withheld`, some entries are NaN already."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = rng.dirichlet(np.full(k, draw(st.sampled_from([0.05, 1.0, 20.0]))), size=n)
    labels = scores.argmax(axis=1)
    if withheld:
        scores = np.where(rng.random(scores.shape) < 0.4, np.nan, scores)
        labels = np.where(rng.random(n) < 0.3, -1, labels)
    return rng.normal(size=(n, 3)).round(2), Answer(labels=labels, scores=scores)


@st.composite
def value_answers(draw, withheld=False):
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.normal(scale=30, size=n)
    if withheld:
        values = np.where(rng.random(n) < 0.4, np.nan, values)
    return rng.normal(size=(n, 3)).round(2), Answer(values=values)


@st.composite
def embedding_answers(draw, withheld=False):
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = rng.normal(scale=draw(st.sampled_from([0.05, 3.0])), size=(n, d))
    if withheld:
        vectors = np.where(rng.random(vectors.shape) < 0.4, np.nan, vectors)
    return rng.normal(size=(n, 3)).round(2), Answer(embeddings=vectors)


def keyed(x, secret=b"secret", step=0):
    from reticent.core import canonical_rows

    return Keyed(secret, lambda: canonical_rows(x), step)


def chain(*steps):
    return Policy.from_list(steps)


def scores_of(policy, scores, labels=None):
    """Return what a policy makes of bare scores."""
    scores = np.asarray(scores, dtype=float)
    labels = np.nanargmax(scores, axis=1) if labels is None else np.asarray(labels)
    answer = Answer(labels=labels, scores=scores)
    return policy.apply(answer, np.arange(len(scores), dtype=float)[:, None], secret=b"s")
