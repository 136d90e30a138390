import json

import pytest
from protocols.openai_texts import CHAT, answering, asking, events_of, interface, sse

from reticent.core import BadInput, Choice, TextReply
from reticent.protocols import BadQuestion
from reticent.protocols.openai_chat import OpenAIChat

PATH = "/v1/chat/completions"
CHATS = OpenAIChat()
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR"}}


def read(messages=None, settings=(), **more):
    body = CHAT | ({} if messages is None else {"messages": messages}) | more
    return CHATS.read_question(asking(PATH, body), interface(**dict(settings)))


def test_messages_are_one_row_whatever_their_order_of_keys():
    parts = [{"type": "text", "text": "Hi"}, {"text": "there", "type": "text"}]
    messages = [
        {"role": "system", "content": "Short."},
        {"content": parts, "role": "user", "name": "ann"},
        {"role": "assistant", "content": ""},
        {"role": "developer", "content": "x", "name": None},
    ]
    question = read(messages)
    assert len(question.rows) == question.cost == 1
    row = json.loads(question.rows[0])
    assert row["messages"][1] == {
        "role": "user",
        "name": "ann",
        "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}],
    }
    assert "name" not in row["messages"][3]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "Hi",
        ["Hi"],
        [{}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 3}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": ["Hi"]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi", "x": 1}]}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        [{"role": "user", "content": [IMAGE]}],
        [{"role": "tool", "content": "Hi"}],
        [{"role": ["user"], "content": "Hi"}],
        [{"role": "user", "content": "Hi", "tool_calls": []}],
        [{"role": "user", "content": "Hi", "name": ""}],
        [{"role": "user", "content": "Hi", "name": "x" * 65}],
    ],
    ids=str,
)
def test_what_is_no_message_is_refused(messages):
    with pytest.raises(BadQuestion):
        CHATS.read_question(asking(PATH, CHAT | {"messages": messages}), interface())


def test_images_pass_where_they_are_let_in_and_never_as_an_address_to_fetch():
    question = read([{"role": "user", "content": [IMAGE]}], {"images": True})
    assert json.loads(question.rows[0])["messages"][0]["content"] == [IMAGE]
    for url in ("http://127.0.0.1/", "file:///etc/passwd", "data:text/html,x", 3):
        image = {"type": "image_url", "image_url": {"url": url}}
        with pytest.raises(BadQuestion):
            read([{"role": "user", "content": [image]}], {"images": True})


@pytest.mark.parametrize(
    "more",
    [
        {"logprobs": 1},
        {"logprobs": False, "top_logprobs": 3},
        {"top_logprobs": 3},
        {"logprobs": True, "top_logprobs": 21},
        {"logprobs": True, "top_logprobs": -1},
        {"max_tokens": 3, "max_completion_tokens": 3},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "text", "x": 1}},
        {"response_format": "text"},
        {"modalities": ["audio"]},
        {"store": True},
        {"metadata": {}},
        {"stream_options": {"include_obfuscation": True}},
    ],
    ids=str,
)
def test_refused_fields(more):
    with pytest.raises(BadQuestion):
        read(**more)


def test_scores_that_are_not_asked_for_are_no_part_of_the_question():
    assert read(logprobs=False, top_logprobs=0).rows == read().rows
    assert read(logprobs=True).rows != read().rows
    assert json.loads(read(response_format={"type": "json_object"}).rows[0])["response_format"] == {
        "type": "json_object"
    }


def test_the_limit_of_tokens_holds_under_both_names():
    question = read(settings={"most_tokens": 9}, max_completion_tokens=5)
    assert "max_tokens" not in json.loads(question.rows[0])
    with pytest.raises(BadQuestion, match="more than 9"):
        read(settings={"most_tokens": 9}, max_completion_tokens=10)


@pytest.mark.parametrize(
    "settings",
    [{"most_choices": 0}, {"most_tokens": "1"}, {"most_alternatives": -1}, {"images": 1}, {"x": 1}],
    ids=str,
)
def test_settings_that_cannot_be_used_are_said_at_the_start(settings):
    with pytest.raises(BadInput):
        CHATS.path(interface(**settings))


def test_a_stream_opens_with_the_role_once_and_has_a_text_an_event():
    question, iface = read(stream=True, n=2, settings={"most_choices": 2}), interface()
    events = [
        {"choices": [{"index": i, "delta": {"content": c}} for i, c in enumerate("ab")]},
        {"choices": [{"index": 0, "delta": {"content": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
    ]
    reader = CHATS.reader(question, iface)
    pieces = list(reader.feed(sse(events)))
    everything = TextReply(choices=tuple(c for piece in pieces for c in piece.choices))
    out = CHATS.write_piece(everything, question, iface) + CHATS.write_end(question, iface)
    found = [
        (c["index"], c["delta"], c["finish_reason"])
        for event in events_of(out)
        for c in event["choices"]
    ]
    opening = {"role": "assistant", "content": ""}
    assert found == [
        (0, opening, None),
        (0, {"content": "a"}, None),
        (1, opening, None),
        (1, {"content": "b"}, None),
        (0, {}, "stop"),
        (1, {}, "length"),
    ]
    assert all(len(event["choices"]) == 1 for event in events_of(out))


def test_a_refusal_beside_the_text_is_an_empty_text():
    question, iface = read(), interface()
    message = {"role": "assistant", "content": None, "refusal": "I cannot"}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    reply = CHATS.read_reply(answering(body), question, iface)
    assert [(c.text, c.finish_reason) for c in reply.choices] == [("", "stop")]


def test_the_bytes_are_these():
    """Fixed keys, order and number format: a change here changes what auditors compare."""
    question = read()
    reply = TextReply(choices=(Choice(index=0, text="Blü", finish_reason="stop"),))
    row = '{"messages":[{"content":"Name a colour.","role":"user"}]}'
    assert question.rows == [row]
    assert CHATS.write_reply(reply, question, interface()).decode() == (
        '{"id":"chatcmpl-73a47ec518d743a967b2106a","object":"chat.completion","created":0,'
        '"model":"small","choices":[{"index":0,"message":{"role":"assistant","content":"Blü"},'
        '"logprobs":null,"finish_reason":"stop"}]}'
    )


def test_a_chat_is_asked_row_by_row():
    question = read()
    two = type(question)(rows=question.rows * 2, cost=2)
    with pytest.raises(BadQuestion):
        CHATS.write_question(two, interface())
    for row in (3, "no JSON", "[]", ["a", "b"], None):
        with pytest.raises(BadQuestion):
            CHATS.write_question(type(question)(rows=[row], cost=1), interface())
