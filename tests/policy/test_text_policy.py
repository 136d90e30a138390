"""A policy over a written text: what the auditor asks position by position is what callers get."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from defences.strategies import every_step
from hypothesis import given, settings, strategies as st

from reticent.access import QUERIED, Access
from reticent.core import (
    Answer,
    BadPolicy,
    Channel,
    Choice,
    NotExposed,
    TextReply,
    TokenScores,
    Usage,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_policy import position_rows, shape_text

ROW = '{"messages":[{"content":"Name a colour.","role":"user"}]}'
SECRET = b"k" * 32
NOISE = {"kind": "keyed_noise", "scale": 0.1}
NO_TEXT = ("quantise", "rotate", "truncate")  # vectors only
text_steps = st.lists(every_step.filter(lambda step: step["kind"] not in NO_TEXT), max_size=3)


def policy_of(*steps):
    return Policy.from_list(steps)


@st.composite
def token_scores(draw, start=0):
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = rng.dirichlet(np.full(k + 1, 0.5), size=n)[:, :k]  # the rest of the words are unseen
    width = rng.integers(1, k + 1, size=n)
    labels = rng.integers(0, width)
    scores[np.arange(k) >= width[:, None]] = np.nan
    tokens = tuple(tuple(f"t{j}" for j in range(w)) for w in width)
    return TokenScores(tokens=tokens, answer=Answer(labels=labels, scores=scores), start=start)


def reply_of(scores, index=0, **more):
    return TextReply(choices=(Choice(index=index, text="words", token_scores=scores, **more),))


def shape(reply, policy, **more):
    return shape_text(reply, policy, prompt_row=ROW, secret=SECRET, **more)


def shown_of(reply):
    """Return {token: probability} and the chosen token of each position."""
    scores = reply.choices[0].token_scores
    rows = zip(scores.tokens, scores.answer.scores, scores.answer.labels, strict=True)
    return [
        (
            {t: p for t, p in zip(texts, row, strict=False) if not np.isnan(p)},
            texts[label] if label >= 0 else None,
        )
        for texts, row, label in rows
    ]


@dataclass(frozen=True, slots=True)
class NextToken:
    """A language model as the auditor's door sees it: rows (prompt, text, position)."""

    found: TokenScores

    name = "a language model"
    channels = Channel.LABEL | Channel.TOP_K | Channel.SCORES
    classes = ()
    columns = ("prompt", "index", "position")

    def answer(self, x):
        return self.found.answer.take(np.asarray(x["position"]) - self.found.start)

    def weights(self):
        raise NotExposed("No weights.")


@settings(deadline=None)
@given(token_scores(start=3), text_steps, st.integers(0, 3))
def test_the_auditor_gets_the_very_numbers(found, steps, index):
    policy = policy_of(*steps)
    positions = range(3, 3 + len(found.tokens))
    x = pd.DataFrame(position_rows(ROW, index, positions), columns=list(NextToken.columns))
    access = Access(
        target=NextToken(found),
        policy=policy,
        ledger=QueryLedger(),
        identity="auditor",
        exposed=QUERIED,
        secret=SECRET,
    )
    try:
        audited = access.ask(x)
    except (BadPolicy, NotExposed) as error:
        if isinstance(error, BadPolicy):
            with pytest.raises(BadPolicy):
                shape(reply_of(found, index), policy)
        else:
            assert shape(reply_of(found, index), policy).choices[0].token_scores is None
        return
    shaped = shape(reply_of(found, index), policy)
    if audited.scores is None:
        assert shaped.choices[0].token_scores is None
        return
    for t, (shown, chosen) in enumerate(shown_of(shaped)):
        row = audited.scores[t]
        expected = {
            token: row[j] for j, token in enumerate(found.tokens[t]) if row[j] > 0
        }  # to the last bit
        assert shown == expected
        label = -1 if audited.labels is None else audited.labels[t]
        assert chosen == (found.tokens[t][label] if label >= 0 else None)


@settings(deadline=None)
@given(token_scores(), text_steps, st.data())
def test_pieces_get_the_numbers_of_the_whole(found, steps, data):
    policy = policy_of(*steps)
    try:
        whole = shape(reply_of(found), policy)
    except BadPolicy:
        return
    if whole.choices[0].token_scores is None:
        return
    cut = data.draw(st.integers(0, len(found.tokens)))
    pieces = []
    for part in (slice(0, cut), slice(cut, None)):
        index = np.arange(len(found.tokens))[part]
        if not len(index):
            continue
        tokens = found.tokens[part]
        taken = found.answer.take(index)
        narrow = max(map(len, tokens))  # a stream knows the width of its own pieces only
        answer = Answer(labels=taken.labels, scores=taken.scores[:, :narrow])
        piece = TokenScores(tokens=tokens, answer=answer, start=int(index[0]))
        pieces += shown_of(shape(reply_of(piece), policy))
    assert pieces == shown_of(whole)


@given(token_scores(), text_steps)
def test_what_comes_out_is_in_an_order_of_its_own(found, steps):
    policy = policy_of(*steps)
    try:
        shaped = shape(reply_of(found), policy).choices[0].token_scores
    except BadPolicy:
        return
    if shaped is None:
        return
    for texts, row in zip(shaped.tokens, shaped.answer.scores, strict=True):
        shown = row[: len(texts)]
        kept = shown[~np.isnan(shown)]
        assert (np.diff(kept) <= 0).all()
        assert np.isnan(shown).sum() <= 1
        pairs = [(-p, t) for t, p in zip(texts, shown.tolist(), strict=True) if p == p]
        assert pairs == sorted(pairs)


def one(scores, label=0, tokens=None):
    tokens = tokens or tuple("abcdefgh"[: len(scores)])
    return TokenScores(
        tokens=(tokens,), answer=Answer(labels=np.array([label]), scores=np.array([scores]))
    )


def test_rounding_hides_the_order_that_the_server_gave():
    rounded = policy_of({"kind": "round", "digits": 1})
    one_way = shape(reply_of(one([0.31, 0.29], tokens=("x", "y"))), rounded)
    other = shape(reply_of(one([0.31, 0.29], tokens=("y", "x"), label=1)), rounded)
    first, second = (r.choices[0].token_scores for r in (one_way, other))
    assert first.tokens == second.tokens == (("x", "y"),)
    assert first.answer.scores.tolist() == second.answer.scores.tolist() == [[0.3, 0.3]]


def test_withheld_and_zero_alternatives_are_dropped_and_the_chosen_one_stays():
    policy = policy_of({"kind": "top_k", "k": 1})
    (found,) = shown_of(shape(reply_of(one([0.6, 0.3, 0.1], label=2)), policy))
    assert found == ({"a": 0.6}, "c")
    tokens = shape(reply_of(one([0.6, 0.3, 0.1], label=2)), policy).choices[0].token_scores.tokens
    assert tokens == (("a", "c"),)  # and nothing tells that b was there
    policy = policy_of({"kind": "round", "digits": 0})
    assert shown_of(shape(reply_of(one([0.6, 0.3], label=1)), policy)) == [({"a": 1.0}, "b")]


@pytest.mark.parametrize(
    "step", [{"kind": "hard_label"}, {"kind": "withhold", "channels": ["scores"]}]
)
def test_a_policy_that_leaves_no_scores_leaves_the_text(step):
    shaped = shape(reply_of(one([0.6, 0.4]), finish_reason="stop"), policy_of(step))
    assert shaped.choices[0].token_scores is None
    assert (shaped.choices[0].text, shaped.choices[0].finish_reason) == ("words", "stop")


@dataclass(frozen=True, slots=True)
class Shutter:
    """Shuts a channel, and leaves it to others to keep to that."""

    kind = "shutter"
    keyed = False
    shut: Channel

    def narrows(self, channels):
        return channels & ~self.shut

    def apply(self, answer, noise):
        return answer


@pytest.mark.parametrize("shut", [Channel.SCORES | Channel.TOP_K, Channel.LOGPROBS])
def test_scores_stay_behind_a_channel_that_is_shut(shut):
    shaped = shape(reply_of(one([0.6, 0.4])), Policy((Shutter(shut),)))
    assert shaped.choices[0].token_scores is None


def test_a_piece_that_held_nothing_else_is_dropped_with_its_scores():
    piece = TextReply(choices=(Choice(index=0, text="", token_scores=one([0.6, 0.4])),))
    assert shape(piece, policy_of({"kind": "hard_label"})).choices == ()
    assert len(shape(piece, policy_of()).choices) == 1
    opening = TextReply(choices=(Choice(index=0, text=""),))
    assert len(shape(opening, policy_of({"kind": "hard_label"})).choices) == 1


def test_where_the_policy_abstains_or_withholds_labels_nothing_is_chosen():
    abstain = policy_of({"kind": "abstain", "confidence": 0.9})
    assert shown_of(shape(reply_of(one([0.6, 0.4])), abstain)) == [({}, None)]
    no_label = policy_of({"kind": "withhold", "channels": ["label"]})
    assert shown_of(shape(reply_of(one([0.6, 0.4])), no_label)) == [({"a": 0.6, "b": 0.4}, None)]


def test_noise_is_of_the_prompt_the_text_and_the_position():
    policy = policy_of(NOISE)
    found = TokenScores(
        tokens=(("a", "b"),) * 2,
        answer=Answer(labels=np.zeros(2, dtype=int), scores=np.full((2, 2), 0.4)),
    )

    def drawn(index=0, row=ROW, secret=SECRET):
        shaped = shape_text(reply_of(found, index), policy, prompt_row=row, secret=secret)
        return [tuple(sorted(shown.values())) for shown, _ in shown_of(shaped)]

    assert drawn() == drawn()
    draws = [*drawn(), *drawn(index=1), *drawn(row="other"), *drawn(secret=b"other")]
    assert len(set(draws)) == 8


def test_texts_of_several_prompts_are_those_of_each_prompt_alone():
    policy = policy_of(NOISE)
    found = one([0.5, 0.4])
    batch = TextReply(choices=tuple(Choice(index=i, text="", token_scores=found) for i in range(4)))
    shaped = shape_text(
        batch, policy, prompt_row=["one", "two"], secret=SECRET, choices_per_prompt=2
    )
    alone = [
        shape_text(reply_of(found, index), policy, prompt_row=row, secret=SECRET)
        for row in ("one", "two")
        for index in (0, 1)
    ]
    assert [c.index for c in shaped.choices] == [0, 1, 2, 3]
    for choice, single in zip(shaped.choices, alone, strict=True):
        expected = single.choices[0].token_scores.answer.scores
        assert np.array_equal(choice.token_scores.answer.scores, expected)
    listed = shape_text(reply_of(found, 1), policy, prompt_row=["one"], secret=SECRET)
    expected = alone[1].choices[0].token_scores.answer.scores
    assert np.array_equal(listed.choices[0].token_scores.answer.scores, expected)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], (3, 10)),
        ([{"kind": "bucket_usage", "tokens": 5}], (5, 10)),
        (
            [{"kind": "bucket_usage", "tokens": 5}, {"kind": "bucket_usage", "tokens": 8}],
            (8, 16),
        ),
        ([{"kind": "bucket_usage", "tokens": 1}], (3, 10)),
    ],
)
def test_token_counts_are_rounded_up(steps, expected):
    reply = TextReply(choices=(), usage=Usage(prompt_tokens=3, completion_tokens=10))
    usage = shape(reply, policy_of(*steps)).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == expected


def test_a_reply_is_left_alone_by_itself():
    found = one([0.5, 0.4])
    before = found.answer.scores.copy()
    shape(reply_of(found), policy_of(NOISE))
    assert np.array_equal(found.answer.scores, before)


def test_a_policy_that_does_not_fit_is_refused_even_if_it_would_leave_nothing():
    scores = TokenScores(
        tokens=(("a", "b"),),
        answer=Answer(labels=np.array([0]), scores=np.array([[0.7, 0.3]])),
    )
    policy = policy_of({"kind": "hard_label"}, {"kind": "abstain", "confidence": 0.5})
    with pytest.raises(BadPolicy):
        shape(reply_of(scores), policy)
