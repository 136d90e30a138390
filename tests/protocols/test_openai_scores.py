import math

import numpy as np
import pytest
from hypothesis import given
from protocols.openai_texts import chat_scores, close, positions, text_scores

from reticent.core import Answer, TokenScores
from reticent.protocols import BadReply
from reticent.protocols._openai_scores import (
    read_chat,
    read_completion,
    write_chat,
    write_completion,
)

FORMS = [(read_chat, chat_scores), (read_completion, text_scores)]
FOUND = [("a", -0.5, [("b", -0.4), ("a", -0.5)]), ("z", -3.0, [("x", -0.1), ("y", -2.5)])]


@pytest.mark.parametrize(("read", "form"), FORMS)
def test_the_chosen_token_is_one_of_the_alternatives_or_comes_last(read, form):
    scores = read(form(FOUND), alternatives=2, start=3)
    assert scores.start == 3
    assert scores.tokens == (("b", "a"), ("x", "y", "z"))
    assert scores.answer.labels.tolist() == [1, 2]
    expected = np.exp([[-0.4, -0.5, np.nan], [-0.1, -2.5, -3.0]])
    np.testing.assert_array_equal(scores.answer.scores, expected)


@pytest.mark.parametrize(("read", "form"), FORMS)
def test_no_more_alternatives_than_were_asked_for(read, form):
    scores = read(form(FOUND), alternatives=1, start=0)
    assert scores.tokens == (("b", "a"), ("x", "z"))
    assert read(form(FOUND), alternatives=0, start=0).tokens == (("a",), ("z",))
    best = [("a", -0.1, [("a", -0.1), ("b", -3.0)])]
    assert read(form(best), alternatives=1, start=0).tokens == (("a",),)


@pytest.mark.parametrize(("read", "form"), FORMS)
def test_a_withheld_score_of_the_chosen_token_is_no_alternatives(read, form):
    scores = read(form([("a", None, [("a", -1.0), ("b", -2.0)])]), alternatives=2, start=0)
    assert scores.tokens == (("a", "b", "a"),)
    assert scores.answer.labels.tolist() == [2]
    np.testing.assert_array_equal(scores.answer.scores, [[math.exp(-1), math.exp(-2), math.nan]])


@given(positions())
def test_log_probabilities_go_there_and_back(found):
    scores = read_chat(chat_scores(found), alternatives=4, start=0)
    written = write_chat(scores, 4)["content"]
    for (token, own, beside), entry in zip(found, written, strict=True):
        assert entry["token"] == token
        if own < -745:
            assert entry["logprob"] is None
        else:
            assert close(entry["logprob"], own)
        shown = [(each["token"], each["logprob"]) for each in entry["top_logprobs"]]
        for text, value in beside:
            assert value < -745 or any(t == text and close(v, value) for t, v in shown)
    written = write_completion(read_completion(text_scores(found), alternatives=4, start=0), 4)
    assert written["tokens"] == [token for token, _, _ in found]
    assert written["text_offset"] == [
        sum(len(token) for token, _, _ in found[:i]) for i in range(len(found))
    ]


def test_there_is_one_zero():
    written = write_chat(read_chat(chat_scores([("a", -0.0, [])]), alternatives=0, start=0), 0)
    assert math.copysign(1, written["content"][0]["logprob"]) == 1


@pytest.mark.parametrize(
    ("token", "expected"),
    [("é", [195, 169]), ("", []), ("\ufffd", None), ("\\xf0\\x9f", None), ("bytes:\\xe2", None)],
)
def test_bytes_are_those_of_the_text_or_not_said(token, expected):
    form = chat_scores([(token, -1.0, [])])
    form["content"][0]["bytes"] = [1, 2, 3]
    written = write_chat(read_chat(form, alternatives=0, start=0), 0)
    assert written["content"][0]["bytes"] == expected


def test_withheld_scores_are_null_and_withheld_labels_too():
    scores = TokenScores(
        tokens=(("a", "b"), ("c",), ("d", "d")),
        answer=Answer(
            labels=np.array([0, -1, 0]),
            scores=np.array([[np.nan, 0.25], [np.nan, np.nan], [0.1, 0.2]]),
        ),
    )
    first, second, third = write_chat(scores, 5)["content"]
    assert (first["token"], first["logprob"]) == ("a", None)
    assert [each["token"] for each in first["top_logprobs"]] == ["b"]
    assert second == {"token": None, "logprob": None, "bytes": None, "top_logprobs": []}
    written = write_completion(scores, 5)
    assert written["tokens"] == ["a", None, "d"]
    assert written["token_logprobs"] == [None, None, math.log(0.1)]
    assert written["top_logprobs"] == [{"b": math.log(0.25)}, {}, {"d": math.log(0.2)}]
    for again in (
        read_chat(write_chat(scores, 5), alternatives=5, start=0),
        read_completion(written, alternatives=5, start=0),
    ):
        assert again.answer.labels[1] == -1
        assert np.isnan(again.answer.scores[0, again.answer.labels[0]])
        assert third["logprob"] == math.log(0.1)


BAD_CHAT = [
    {"content": {}},
    {"content": [1]},
    {"content": [{"token": 3, "logprob": -1.0}]},
    {"content": [{"token": "a", "logprob": "-1"}]},
    {"content": [{"token": "a", "logprob": True}]},
    {"content": [{"token": "a", "logprob": 1e6}]},
    {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": ["a"]}]},
    {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": [{"token": None}]}]},
]
BAD_TEXT = [
    [],
    {},
    {"tokens": ["a"], "token_logprobs": []},
    {"tokens": "a", "token_logprobs": "a"},
    {"tokens": [1], "token_logprobs": [1]},
    {"tokens": ["a"], "token_logprobs": [-1], "top_logprobs": []},
    {"tokens": ["a"], "token_logprobs": [-1], "top_logprobs": [[]]},
    {"tokens": ["a"], "token_logprobs": [-1], "top_logprobs": [{"a": "b"}]},
]


@pytest.mark.parametrize(
    ("read", "found"),
    [(read_chat, bad) for bad in BAD_CHAT] + [(read_completion, bad) for bad in BAD_TEXT],
)
def test_what_is_no_list_of_scores_is_refused(read, found):
    with pytest.raises(BadReply):
        read(found, alternatives=2, start=0)


def test_no_scores_are_no_error():
    for found in (None, {"content": None}, {"content": None, "refusal": []}):
        assert read_chat(found, alternatives=2, start=0) is None
    assert read_completion(None, alternatives=2, start=0) is None
