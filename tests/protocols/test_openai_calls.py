"""Functions that a chat offers and a model calls."""

import json

import pytest
from protocols.openai_texts import (
    CHAT,
    OPEN,
    answering,
    asking,
    events_of,
    interface,
    sse,
    stream_through,
    whole_through,
)

from reticent.protocols import BadQuestion, BadReply
from reticent.protocols.openai_chat import OpenAIChat

CHATS = OpenAIChat()
PATH = "/v1/chat/completions"
FUNCTION = {"name": "mail", "description": "Sends", "parameters": {"type": "object", "x": [1]}}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"id": "a1", "type": "function", "function": {"name": "mail", "arguments": "{}"}}


def read(settings=(), **more):
    return CHATS.read_question(asking(PATH, CHAT | more), interface(**dict(settings)))


def messages(*more):
    return {"messages": [*CHAT["messages"], *more]}


def test_functions_are_part_of_the_question_in_one_form():
    question = read(
        tools=[{"function": {**FUNCTION, "strict": None}, "type": "function"}],
        tool_choice={"function": {"name": "mail"}, "type": "function"},
        parallel_tool_calls=False,
        **messages(
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "done", "tool_call_id": "a1"},
        ),
    )
    (row,) = map(json.loads, question.rows)
    assert row["tools"] == [TOOL]
    assert row["tool_choice"] == {"type": "function", "function": {"name": "mail"}}
    assert row["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "done", "tool_call_id": "a1"},
    ]
    asked = json.loads(CHATS.write_question(question, interface()).body)
    assert asked["tools"] == [TOOL]
    assert question.rows != read().rows


def test_the_older_form_is_read_as_it_is():
    question = read(
        functions=[FUNCTION],
        function_call={"name": "mail"},
        **messages(
            {"role": "assistant", "content": "", "function_call": CALL["function"]},
            {"role": "function", "content": "done", "name": "mail"},
        ),
    )
    (row,) = map(json.loads, question.rows)
    assert (row["functions"], row["function_call"]) == ([FUNCTION], {"name": "mail"})
    assert row["messages"][2] == {"role": "function", "content": "done", "name": "mail"}


@pytest.mark.parametrize(
    "more",
    [
        {"tools": []},
        {"tools": [TOOL] * 129},
        {"tools": [FUNCTION]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{**TOOL, "cache": 1}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "run": 1}}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "name": "a b"}}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "name": "a" * 65}}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "parameters": "x"}}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "description": 3}}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "strict": 1}}]},
        {"tools": [TOOL], "functions": [FUNCTION]},
        {"tool_choice": "auto"},
        {"parallel_tool_calls": True},
        {"function_call": "auto"},
        {"tools": [TOOL], "tool_choice": "other"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tools": [TOOL], "tool_choice": {"type": "mcp", "function": {"name": "mail"}}},
        {"functions": [FUNCTION], "function_call": {"name": "other"}},
        messages({"role": "tool", "content": "x"}),
        messages({"role": "tool", "content": None, "tool_call_id": "a"}),
        messages({"role": "tool", "content": "x", "tool_call_id": "a" * 129}),
        messages({"role": "tool", "content": "x", "tool_call_id": "a", "y": 1}),
        messages({"role": "function", "content": "x"}),
        messages({"role": "assistant", "content": None, "tool_calls": []}),
        messages({"role": "assistant", "content": None, "tool_calls": None}),
        messages({"role": "assistant", "content": None, "tool_calls": [{**CALL, "y": 1}]}),
        messages({"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": 3}]}),
        messages({"role": "assistant", "content": None, "function_call": {"name": "mail"}}),
        messages({"role": "user", "content": "x", "tool_calls": [CALL]}),
    ],
    ids=lambda more: json.dumps(more)[-60:],
)
def test_what_is_no_offer_is_refused(more):
    with pytest.raises(BadQuestion):
        read(**more)


def test_an_endpoint_may_refuse_functions_altogether():
    shut = {"tools": False}
    for more in (
        {"tools": [TOOL]},
        {"functions": [FUNCTION]},
        messages({"role": "tool", "content": "x", "tool_call_id": "a"}),
    ):
        with pytest.raises(BadQuestion):
            read(shut, **more)
    assert read(shut).rows == read().rows


def called(index, arguments, name="mail", **more):
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "id": "srv", "type": "function", "function": function, **more}


def whole_of(message, finish="tool_calls", **offered):
    question = read(**(offered or {"tools": [TOOL]}))
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    response = answering({"choices": [choice]})
    return json.loads(whole_through(CHATS, question, response, OPEN, interface()))["choices"][0]


def streamed_of(*deltas, finish="tool_calls", **offered):
    question = read(stream=True, **(offered or {"tools": [TOOL]}))
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    out = stream_through(CHATS, question, [sse(events)], OPEN, interface())
    return [each["choices"][0] for each in events_of(out)]


def test_calls_come_with_ids_of_the_question_and_nothing_of_the_servers():
    calls = [{**called(7, '{"a":1}'), "x": "CANARY"}, called(9, "", "print"), called(8, "{}")]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = whole_of(message)
    ids = [call.pop("id") for call in choice["message"]["tool_calls"]]
    assert len(set(ids)) == 2
    assert not any("srv" in each for each in ids)
    assert whole_of(message)["message"]["tool_calls"][0]["id"] == ids[0]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"type": "function", "function": {"name": "mail", "arguments": '{"a":1}'}},
            {"type": "function", "function": {"name": "mail", "arguments": "{}"}},
        ],
    }
    assert choice["finish_reason"] == "tool_calls"


def test_a_stream_of_calls_is_the_whole_in_pieces():
    whole = whole_of({"content": "Hm", "tool_calls": [called(0, '{"a":1}'), called(1, "[]")]})
    pieces = streamed_of(
        {"content": "Hm"},
        {"tool_calls": [called(0, "")]},
        {"tool_calls": [called(0, '{"a"')]},  # some servers name the function again and again
        {"tool_calls": [called(0, ":1}", name="")]},
        {"tool_calls": [called(1, "[]")]},
    )
    calls = {}
    for piece in pieces:
        for call in piece["delta"].get("tool_calls", ()):
            kept = calls.setdefault(call["index"], {"function": {"name": "", "arguments": ""}})
            kept |= {key: call[key] for key in ("id", "type") if key in call}
            for key, value in call["function"].items():
                kept["function"][key] += value
    assert list(calls.values()) == whole["message"]["tool_calls"]
    assert "".join(p["delta"].get("content", "") for p in pieces) == whole["message"]["content"]
    assert pieces[-1]["finish_reason"] == whole["finish_reason"] == "tool_calls"


def test_the_older_form_is_answered_in_the_older_form():
    message = {"content": None, "function_call": {"name": "mail", "arguments": "{}"}}
    choice = whole_of(message, "function_call", functions=[FUNCTION])
    assert choice["message"]["function_call"] == {"name": "mail", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"
    assert "tool_calls" not in choice["message"]
    # And a server that knows only the older form is read where the newer one was asked for.
    assert "tool_calls" in whole_of(message)["message"]


def test_a_call_of_what_was_not_offered_is_dropped_and_the_text_just_ends():
    for message in (
        {"content": None, "tool_calls": [called(0, "CANARY", "other")]},
        {"content": None, "tool_calls": [called(0, "CANARY", "")]},
        {"content": None, "function_call": {"name": "other", "arguments": "CANARY"}},
    ):
        choice = whole_of(message)
        assert choice["message"] == {"role": "assistant", "content": ""}
        assert choice["finish_reason"] == "stop"
    pieces = streamed_of(
        {"tool_calls": [called(0, "", "other")]}, {"tool_calls": [called(0, "CANARY", "")]}
    )
    assert "CANARY" not in json.dumps(pieces)
    assert pieces[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "deltas",
    [
        [{"tool_calls": {}}],
        [{"tool_calls": [3]}],
        [{"tool_calls": [{"index": 0}]}],
        [{"tool_calls": [{"index": 0, "function": {"name": "mail", "arguments": {}}}]}],
        [{"tool_calls": [{"index": 0, "function": {"name": 3}}]}],
        [{"tool_calls": [called(i, "{}") for i in range(129)]}],
        [{"tool_calls": [called(i, "x", "")]} for i in (0, 1, 0)],
        [{"tool_calls": [called(i, "{}")]} for i in range(129)],
    ],
    ids=lambda deltas: json.dumps(deltas)[:60],
)
def test_what_is_no_call_is_a_bad_reply(deltas):
    with pytest.raises(BadReply):
        streamed_of(*deltas)


def test_scores_beside_a_call_are_dropped():
    scores = {"content": [{"token": "CANARY", "logprob": -1.0, "top_logprobs": []}]}
    offered = {"tools": [TOOL], "logprobs": True}
    question = read(**offered)
    choice = {
        "index": 0,
        "message": {"content": None, "tool_calls": [called(0, "{}")]},
        "finish_reason": "tool_calls",
        "logprobs": scores,
    }
    out = whole_through(CHATS, question, answering({"choices": [choice]}), OPEN, interface())
    assert b"CANARY" not in out
    question = read(stream=True, **offered)
    delta = {"index": 0, "delta": {"tool_calls": [called(0, "{}")]}, "logprobs": scores}
    sent = sse([{"choices": [delta]}])
    assert b"CANARY" not in stream_through(CHATS, question, [sent], OPEN, interface())
