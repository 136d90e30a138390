import json

import pytest
from protocols.openai_texts import TEXT, answering, asking, interface, recorded, shaped

from reticent.core import BadInput
from reticent.policy import Policy
from reticent.protocols import BadQuestion, Interface, Question
from reticent.protocols.openai_completions import OpenAICompletions

PATH = "/v1/completions"
TEXTS = OpenAICompletions()


def read(settings=(), **more):
    return TEXTS.read_question(asking(PATH, TEXT | more), interface(**dict(settings)))


def test_each_prompt_is_a_row_and_each_text_is_paid_for():
    question = read({"most_choices": 3}, prompt=["a", "b"], n=3, max_tokens=1)
    assert question.cost == 6
    assert [json.loads(row) for row in question.rows] == [
        {"prompt": prompt, "n": 3, "max_tokens": 1} for prompt in "ab"
    ]
    sent = json.loads(TEXTS.write_question(question, interface()).body)
    assert sent == {"model": "small", "prompt": ["a", "b"], "n": 3, "max_tokens": 1}
    one = read(prompt=["a"])
    assert one.rows == read(prompt="a").rows
    assert json.loads(TEXTS.write_question(one, interface()).body)["prompt"] == "a"


@pytest.mark.parametrize(
    "prompt", [None, [], [1, 2], [[1, 2]], 3, {"a": 1}, ["a", 1], ["a", None]], ids=str
)
def test_prompts_are_texts(prompt):
    with pytest.raises(BadQuestion):
        read(prompt=prompt)


@pytest.mark.parametrize(
    "more",
    [
        {"logprobs": 6},
        {"logprobs": True},
        {"top_logprobs": 1},
        {"max_completion_tokens": 1},
        {"response_format": {"type": "text"}},
        {"messages": []},
    ],
    ids=str,
)
def test_refused_fields(more):
    with pytest.raises(BadQuestion):
        read(**more)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        ['{"prompt":"a","seed":1}', '{"prompt":"b","seed":2}'],
        ["{}"],
        ['{"prompt":3}'],
        ["plain words"],
        [3],
    ],
    ids=str,
)
def test_rows_that_do_not_go_together_are_refused(rows):
    with pytest.raises(BadQuestion):
        TEXTS.write_question(Question(rows=rows, cost=len(rows)), interface())


@pytest.mark.parametrize("settings", [{"most_alternatives": 1.0}, {"images": True}], ids=str)
def test_settings_that_cannot_be_used_are_said_at_the_start(settings):
    with pytest.raises(BadInput):
        TEXTS.path(interface(**settings))
    assert TEXTS.path(Interface(model="m", path="/other")) == "/other"


def test_recorded_texts_of_two_prompts_go_to_their_prompts():
    what = "openai: completion, two prompts, two texts each"
    body, response = next((b, r) for w, b, r in recorded("openai", PATH) if w == what)
    iface = Interface(model=body["model"], task="text", settings={"most_choices": 2})
    question = TEXTS.read_question(asking(PATH, body), iface)
    reply = shaped(TEXTS.read_reply(response, question, iface), Policy(), question)
    assert [choice.text for choice in reply.choices] == [" b", " c", " c", " d"]
    assert json.loads(TEXTS.write_reply(reply, question, iface))["usage"]["total_tokens"] == 6


def test_recorded_scores_come_back_as_they_were():
    what = "llama-cpp: completion, log-probabilities"
    body, response = next((b, r) for w, b, r in recorded("llama-cpp", PATH) if w == what)
    iface = Interface(model=body["model"], task="text")
    question = TEXTS.read_question(asking(PATH, body), iface)
    reply = shaped(TEXTS.read_reply(response, question, iface), Policy(), question)
    found = json.loads(TEXTS.write_reply(reply, question, iface))["choices"][0]["logprobs"]
    raw = json.loads(response.body)["choices"][0]["logprobs"]
    assert found["tokens"] == raw["tokens"]
    assert found["token_logprobs"] == pytest.approx(raw["token_logprobs"], rel=1e-12)
    for shown, expected in zip(found["top_logprobs"], raw["top_logprobs"], strict=True):
        assert shown == pytest.approx(expected, rel=1e-12)
    assert found["text_offset"] == [0, 2, 9, 12]  # of the written text: the prompt is not in it


def test_the_bytes_are_these():
    question = read(logprobs=1)
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"b": -0.25}]}
    body = {"choices": [{"index": 0, "text": "a", "logprobs": logprobs, "finish_reason": "stop"}]}
    reply = TEXTS.read_reply(answering(body), question, interface())
    assert TEXTS.write_reply(reply, question, interface()).decode() == (
        '{"id":"cmpl-ID","object":"text_completion","created":0,"model":"small",'
        '"choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-0.5],'
        '"top_logprobs":[{"b":-0.25,"a":-0.5}],"text_offset":[0]},"finish_reason":"stop"}]}'
    ).replace("cmpl-ID", question.details["asked"].id)
