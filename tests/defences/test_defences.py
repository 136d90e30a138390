"""What each defence does, on answers small enough to check by hand."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from defences.strategies import chain, scores_of

from reticent.core import NO_CHANNEL, Answer, BadPolicy, Channel
from reticent.defences import defence_kinds

NAN = np.nan
ROWS = [[0.714, 0.2, 0.086], [0.4, 0.35, 0.25]]
OURS = {
    "abstain", "bucket", "bucket_usage", "clip", "hard_label", "keyed_noise", "pad_time",
    "quantise", "rotate", "round", "temperature", "threshold", "top_k", "truncate", "withhold",
}  # fmt: skip
SHOWN = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.LOGITS


@pytest.mark.parametrize(
    ("step", "scores", "labels"),
    [
        ({"kind": "round", "digits": 1}, [[0.7, 0.2, 0.1], [0.4, 0.4, 0.2]], [0, 0]),
        ({"kind": "bucket", "count": 2}, [[0.75, 0.25, 0.25], [0.25, 0.25, 0.25]], [0, 0]),
        (
            {"kind": "bucket", "edges": [0.2, 0.4, 0.8]},
            [[0.6, 0.3, 0.3], [0.6, 0.3, 0.3]],  # 0.086 is below the edges: nearest bucket
            [0, 0],
        ),
        ({"kind": "threshold", "t": 0.25}, [[0.714, NAN, NAN], [0.4, 0.35, 0.25]], [0, 0]),
        ({"kind": "top_k", "k": 2}, [[0.714, 0.2, NAN], [0.4, 0.35, NAN]], [0, 0]),
        ({"kind": "top_k", "k": 9}, ROWS, [0, 0]),
        ({"kind": "temperature", "t": 1}, ROWS, [0, 0]),
        ({"kind": "abstain", "confidence": 0.5}, [[0.714, 0.2, 0.086], [NAN] * 3], [0, -1]),
        ({"kind": "clip", "low": 0.1, "high": 0.3}, [[0.3, 0.2, 0.1], [0.3, 0.3, 0.25]], [0, 0]),
    ],
)
def test_on_scores(step, scores, labels):
    found = scores_of(chain(step), ROWS)
    np.testing.assert_allclose(found.scores, scores, atol=1e-12)
    assert found.labels.tolist() == labels


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ({"kind": "round", "digits": 0}, [12.0, -3.0, 250.0]),
        ({"kind": "round", "digits": -1}, [10.0, 0.0, 250.0]),
        ({"kind": "bucket", "edges": [0, 10, 100]}, [55.0, 5.0, 55.0]),
        ({"kind": "clip", "low": 0, "high": 100}, [12.3, 0.0, 100.0]),
    ],
)
def test_on_values(step, values):
    answer = Answer(values=np.array([12.3, -3.2, 250.0]))
    found = chain(step).apply(answer, np.zeros((3, 1)))
    np.testing.assert_allclose(found.values, values, atol=1e-12)
    assert not np.signbit(found.values[1]) or found.values[1] < 0  # no minus zero on the wire


@pytest.mark.parametrize(
    ("step", "vector"),
    [
        ({"kind": "round", "digits": 0}, [12.0, -3.0, 250.0]),
        ({"kind": "bucket", "edges": [0, 10, 100]}, [55.0, 5.0, 55.0]),
        ({"kind": "clip", "low": 0, "high": 100}, [12.3, 0.0, 100.0]),
    ],
)
def test_on_embeddings(step, vector):
    answer = Answer(embeddings=np.array([[12.3, -3.2, 250.0], [12.3, -3.2, 250.0]]))
    found = chain(step).apply(answer, np.zeros((2, 1)))
    np.testing.assert_allclose(found.embeddings, [vector, vector], atol=1e-12)


@pytest.mark.parametrize("distribution", ["laplace", "gaussian"])
def test_every_coordinate_of_an_embedding_draws_its_own_noise(distribution):
    policy = chain({"kind": "keyed_noise", "scale": 0.5, "distribution": distribution})
    x = np.array([[1.0], [2.0], [1.0]])
    plain = np.arange(12.0).reshape(3, 4)
    noise = policy.apply(Answer(embeddings=plain), x, secret=b"s").embeddings - plain
    assert len(np.unique(noise[:2].round(9))) == 8
    np.testing.assert_allclose(noise[2], noise[0], atol=1e-12)  # the same question again
    wider = policy.apply(Answer(embeddings=np.zeros((3, 6))), x, secret=b"s").embeddings
    np.testing.assert_allclose(wider[:, :4], noise, atol=1e-12)


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "threshold", "t": 0.5},
        {"kind": "top_k", "k": 1},
        {"kind": "hard_label"},
        {"kind": "temperature", "t": 2},
        {"kind": "abstain", "confidence": 0.5},
        {"kind": "bucket", "count": 4},
    ],
)
def test_what_makes_no_sense_for_an_embedder_is_refused_with_a_way_out(step):
    with pytest.raises(BadPolicy, match="embedding") as caught:
        chain(step).apply(Answer(embeddings=np.array([[1.0, 2.0]])), np.zeros((1, 1)))
    assert caught.value.way_out


def test_a_score_withheld_beside_others_changes_no_digit_of_theirs():
    policy = chain({"kind": "temperature", "t": 0.7})
    rows = np.random.default_rng(5).dirichlet(np.ones(9), size=50)
    padded = np.full((50, 21), NAN)
    padded[:, ::2][:, :9] = rows
    assert np.array_equal(
        scores_of(policy, padded).scores[:, ::2][:, :9], scores_of(policy, rows).scores
    )


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "threshold", "t": 0.5},
        {"kind": "top_k", "k": 1},
        {"kind": "hard_label"},
        {"kind": "temperature", "t": 2},
        {"kind": "abstain", "confidence": 0.5},
        {"kind": "bucket", "count": 4},
    ],
)
def test_what_makes_no_sense_for_a_regressor_is_refused_with_a_way_out(step):
    with pytest.raises(BadPolicy, match="regression") as caught:
        chain(step).apply(Answer(values=np.array([1.0])), np.zeros((1, 1)))
    assert caught.value.way_out


def test_hard_label_leaves_the_label_alone():
    found = scores_of(chain({"kind": "hard_label"}), ROWS)
    assert found.scores is None
    assert found.labels.tolist() == [0, 0]
    words = Channel.TOKENS | Channel.LOGPROBS
    assert chain({"kind": "hard_label"}).exposes(words) == Channel.TOKENS  # each word is a label
    with pytest.raises(BadPolicy, match="no labels"):
        chain({"kind": "hard_label"}).apply(Answer(scores=np.array(ROWS)), np.zeros((2, 1)))


def test_abstaining_needs_scores():
    policy = chain({"kind": "hard_label"}, {"kind": "abstain", "confidence": 0.5})
    with pytest.raises(BadPolicy, match="no scores reach it") as caught:
        scores_of(policy, ROWS)
    assert "before hard_label" in caught.value.way_out


def test_a_row_with_nothing_left_to_judge_by_counts_as_unsure():
    policy = chain({"kind": "threshold", "t": 0.9}, {"kind": "abstain", "confidence": 0.001})
    assert scores_of(policy, ROWS).labels.tolist() == [-1, -1]


def test_confidence_on_the_border_is_answered():
    assert scores_of(chain({"kind": "abstain", "confidence": 0.4}), ROWS).labels.tolist() == [0, 0]


def test_the_label_is_the_models_own_even_where_scores_say_otherwise():
    policy = chain({"kind": "keyed_noise", "scale": 9}, {"kind": "round", "digits": 0})
    found = scores_of(policy, np.tile([0.9, 0.1], (50, 1)))
    assert (found.labels == 0).all()
    assert (found.scores.argmax(axis=1) != 0).any()


def test_withholding_drops_what_is_named_and_nothing_else():
    whole = Answer(
        labels=np.array([0]),
        scores=np.array([[0.6, 0.4]]),
        values=np.array([2.0]),
        embeddings=np.array([[1.0, 2.0]]),
    )
    open_ = ~NO_CHANNEL
    for name, left, shut in (
        ("label", whole.only(~Channel.LABEL), Channel.LABEL),
        (
            "scores",
            whole.only(~(Channel.SCORES | Channel.TOP_K)),
            Channel.SCORES | Channel.TOP_K | Channel.LOGITS | Channel.LOGPROBS,
        ),
        ("value", whole.only(~Channel.VALUE), Channel.VALUE),
        ("embedding", whole.only(~Channel.EMBEDDING), Channel.EMBEDDING),
    ):
        policy = chain({"kind": "withhold", "channels": [name]})
        found = policy.apply(whole, np.zeros((1, 1)))
        assert found.channels == left.channels
        beside = Channel.INTERMEDIATE | Channel.EXPLANATION  # no step thins these: they are shut
        assert policy.exposes(open_) == open_ & ~shut & ~beside
    every = chain({"kind": "withhold", "channels": ["label", "scores", "value", "embedding"]})
    assert every.apply(whole, np.zeros((1, 1))).channels == NO_CHANNEL


def test_the_order_in_which_channels_are_withheld_has_no_meaning():
    one = chain({"kind": "withhold", "channels": ["scores", "label"]})
    assert (
        one.digest == chain({"kind": "withhold", "channels": ["label", "scores", "label"]}).digest
    )


def test_what_stands_beside_an_answer_leaves_it_as_it_is():
    answer = Answer(labels=np.array([0]), scores=np.array([[0.6, 0.4]]))
    for step in ({"kind": "pad_time", "grid_ms": 5}, {"kind": "bucket_usage", "tokens": 5}):
        assert chain(step).apply(answer, np.zeros((1, 1))) is answer
        assert chain(step).exposes(~NO_CHANNEL) == ~NO_CHANNEL


def test_equal_scores_show_the_earlier_class():
    found = scores_of(chain({"kind": "top_k", "k": 1}), [[0.25] * 4])
    np.testing.assert_array_equal(found.scores, [[0.25, NAN, NAN, NAN]])


def test_a_bucket_holds_its_lower_edge_and_the_last_one_both():
    found = scores_of(chain({"kind": "bucket", "count": 4}), [[0.0, 0.25, 0.5, 0.75, 1.0]])
    assert found.scores.tolist() == [[0.125, 0.375, 0.625, 0.875, 0.875]]


def test_temperature_is_the_power_law_and_keeps_the_shown_mass():
    p = np.array([[0.64, 0.36]])
    found = scores_of(chain({"kind": "temperature", "t": 2}), p).scores
    np.testing.assert_allclose(found, [[0.8 / 1.4, 0.6 / 1.4]], rtol=1e-12)
    found = scores_of(chain({"kind": "temperature", "t": 2}), [[0.64, 0.16, NAN]]).scores
    np.testing.assert_allclose(found, [[0.8 * 0.8 / 1.2, 0.8 * 0.4 / 1.2, NAN]], rtol=1e-12)


@pytest.mark.parametrize("t", [1e-6, 1e6])
def test_temperature_survives_its_extremes(t):
    rows = [[1.0, 0.0, 0.0], [1e-300, 0.5, 0.5], [0.2, 0.5, 0.3], [1 + 5e-4, -5e-4, 0.0]]
    found = scores_of(chain({"kind": "temperature", "t": t}), rows).scores
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-3)
    assert found[0].tolist() == [1.0, 0.0, 0.0]
    expected = [0.0, 1.0, 0.0] if t < 1 else [1 / 3] * 3
    np.testing.assert_allclose(found[2], expected, atol=1e-5)


def test_temperature_of_a_row_with_nothing_shown():
    found = scores_of(chain({"kind": "temperature", "t": 2}), [[0.0, 0.0], [NAN, NAN]], [0, 0])
    np.testing.assert_array_equal(found.scores, [[0.0, 0.0], [NAN, NAN]])


def test_rounding_a_huge_value_does_not_lose_it():
    found = chain({"kind": "round", "digits": 15}).apply(
        Answer(values=np.array([1e300, 1.5])), np.zeros((2, 1))
    )
    assert found.values.tolist() == [1e300, 1.5]


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ({"kind": "round", "digits": 1}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "bucket", "count": 3}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "clip", "low": 0, "high": 1}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "keyed_noise", "scale": 1}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "temperature", "t": 2}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "abstain", "confidence": 1}, Channel.LABEL | Channel.TOP_K | Channel.SCORES),
        ({"kind": "threshold", "t": 0.1}, Channel.LABEL | Channel.TOP_K),
        ({"kind": "top_k", "k": 1}, Channel.LABEL | Channel.TOP_K),
        ({"kind": "hard_label"}, Channel.LABEL),
    ],
)
def test_channels_left(step, left):
    assert chain(step).exposes(SHOWN) == left
    assert chain(step).exposes(Channel.TIMING) == Channel.TIMING  # no answer hides its delay
    value = NO_CHANNEL if step["kind"] == "hard_label" else Channel.VALUE
    assert chain(step).exposes(Channel.VALUE) == value


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"kind": "round"}, "digits"),
        ({"kind": "round", "digits": 16}, "digits is 16; it must be a whole number from -15 to 15"),
        ({"kind": "round", "digits": 1.5}, "digits is 1.5; it must be a whole number"),
        ({"kind": "round", "digits": "2"}, "digits is '2'"),
        ({"kind": "round", "digits": True}, "digits is True"),
        ({"kind": "round", "digits": None}, "digits is None"),
        ({"kind": "round", "digits": float("nan")}, "digits is nan"),
        ({"kind": "round", "digits": 10**400}, "digits is 1000"),
        ({"kind": "bucket"}, r"edges is \[\] and count is 0; give one"),
        ({"kind": "bucket", "count": 3, "edges": [0, 1]}, "give one of the two"),
        ({"kind": "bucket", "count": -1}, "count is -1"),
        ({"kind": "bucket", "edges": [1]}, "two or more increasing"),
        ({"kind": "bucket", "edges": [0, 1, 1]}, "two or more increasing"),
        ({"kind": "bucket", "edges": [1, 0]}, "two or more increasing"),
        ({"kind": "bucket", "edges": "01"}, "edges is '01'; it must be a list"),
        ({"kind": "bucket", "edges": [0, float("inf")]}, "an edge is inf"),
        ({"kind": "threshold", "t": 0}, r"t is 0; it must be a number in \(0, 1\]"),
        ({"kind": "threshold", "t": 1.1}, "t is 1.1"),
        ({"kind": "top_k", "k": 0}, "k is 0; it must be a whole number from 1"),
        ({"kind": "hard_label", "k": 1}, r"no setting 'k'; it has \[\]"),
        ({"kind": "temperature", "t": 0}, "t is 0"),
        ({"kind": "temperature", "t": -1}, "t is -1"),
        ({"kind": "temperature", "t": float("inf")}, "t is inf"),
        ({"kind": "abstain", "confidence": 2}, "confidence is 2"),
        ({"kind": "abstain", "confidence": False}, "confidence is False"),
        ({"kind": "keyed_noise", "scale": 0}, "scale is 0"),
        ({"kind": "keyed_noise", "scale": 1, "distribution": "cauchy"}, "distribution is 'cauchy'"),
        ({"kind": "keyed_noise", "scale": 1, "distribution": [1]}, "distribution is"),
        ({"kind": "pad_time", "grid_ms": 0}, "grid_ms is 0"),
        ({"kind": "pad_time", "grid_ms": 1e9}, r"grid_ms is 1e\+09|grid_ms is 1000000000"),
        ({"kind": "bucket_usage", "tokens": 0}, "tokens is 0"),
        ({"kind": "bucket_usage", "tokens": 1.5}, "tokens is 1.5"),
        ({"kind": "withhold", "channels": []}, r"channels is \[\]; it must be a list of some of"),
        ({"kind": "withhold", "channels": "label"}, "channels is 'label'"),
        ({"kind": "withhold", "channels": ["labels"]}, "'labels'"),
        ({"kind": "withhold", "channels": [["label"]]}, "channels is"),
        ({"kind": "withhold", "channels": {"label": 1}}, "channels is"),
        ({"kind": "rotate", "d": 3}, "no setting 'd'"),
        ({"kind": "clip", "low": 1, "high": 1}, "low must be less than high"),
        ({"kind": "clip", "low": 0, "high": [1]}, "high is"),
        ({"kind": "rund", "digits": 1}, "kind 'rund'; it must be one of.*Did you mean 'round'"),
        ({"kind": ["round"]}, "kind"),
        ({"digits": 1}, "kind None"),
        ({"kind": "round", "digit": 1}, "no setting 'digit'.*Did you mean 'digits'"),
        ({"kind": "round", "digits": 1, 3: 4}, "no setting 3"),
        ("round", "kind None"),
    ],
)
def test_bad_settings_name_the_step_the_value_and_the_rule(step, message):
    with pytest.raises(BadPolicy, match=message) as caught:
        chain({"kind": "hard_label"}, step)
    assert "Step 2" in caught.value.what


def test_the_shelf_holds_ours_and_each_is_a_frozen_slotted_dataclass():
    kinds = defence_kinds()
    assert set(kinds) >= OURS
    for kind, cls in kinds.items():
        assert cls.kind == kind
        assert cls.__module__.endswith(f".{kind}") or kind not in OURS
        assert dataclasses.is_dataclass(cls)
        assert cls.__dataclass_params__.frozen
        assert hasattr(cls, "__slots__")
        assert cls.keyed == (kind in ("keyed_noise", "rotate")) or kind not in OURS


def test_the_shelf_is_light_enough_for_the_guard():
    heavy = [
        "pandas",
        "scipy",
        "sklearn",
        "torch",
        "statsmodels",
        "duckdb",
        "pydantic",
        "matplotlib",
    ]
    program = (
        "import sys, numpy as np\n"
        "from reticent.core import Answer\n"
        "from reticent.policy import Policy\n"
        "import reticent.ledger\n"
        "p = Policy.from_list([{'kind': 'keyed_noise', 'scale': 1}, {'kind': 'top_k', 'k': 1}])\n"
        "p.apply(Answer(scores=np.ones((1, 2)) / 2), np.ones((1, 3)))\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
