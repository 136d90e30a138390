"""OpenAI chat completions: OpenAI, vLLM, llama.cpp, TGI, Ollama, LiteLLM, ...

Source: https://platform.openai.com/docs/api-reference/chat.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, final

from reticent.core import BadInput, Call, Choice, TextReply, TokenScores
from reticent.protocols._body import bad_reply, known_settings, only, question_object, reply_body
from reticent.protocols._json import write
from reticent.protocols._openai import (
    ASKED,
    SAMPLING,
    TOOL_FINISHES,
    Asked,
    Check,
    asked_of,
    checked,
    count,
    flag,
    most_tokens_of,
    refusal,
    request_of,
    text_question,
    whole_setting,
    write_usage,
)
from reticent.protocols._openai_calls import (
    CHECKS,
    CallReader,
    finish_after,
    fit_together,
    message as call_message,
    names_of,
    write_calls,
)
from reticent.protocols._openai_scores import read_chat, write_chat
from reticent.protocols._openai_stream import DONE, ChunkReader, ReadCalls, whole
from reticent.protocols._sse import event
from reticent.protocols.base import (
    JSON,
    NO_HEADERS,
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_NEEDS = ("messages",)
_AS_IT_IS: Sequence[dict[str, Any]] = ({},)  # one prompt, which is among the fields
_SETTINGS = ("most_choices", "most_tokens", "most_alternatives", "images", "tools")
_ASKING = ("user", "system", "developer")  # they call nothing
_ROLES = (*_ASKING, "assistant")
_KEYS = ("role", "content", "name")
_KNOWN = frozenset(_KEYS)
_PREFIX = "chatcmpl"
_MOST_MESSAGES = 10_000
_MOST_NAME = 64


@final
class OpenAIChat:
    """`POST /v1/chat/completions`, whole or streamed.

    Biased tokens and whatever else is not listed in the code are refused; reasoning and refusals
    beside the text are dropped, and so are calls of functions that the question does not offer.
    Replies have no server's id, time or fingerprint: ids are made of the question.

    Settings:
        most_choices: largest `n`; default 1.
        most_tokens: largest `max_tokens`, in force also where a caller names none; 0 for no limit.
        most_alternatives: largest `top_logprobs`; default 20.
        images: true lets images through, inside the request only (data: URLs).
        tools: false refuses questions that offer functions to call; default true.
    """

    kind: ClassVar[str] = "openai-chat"
    names_model: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(self) -> None:
        self._known: tuple[Interface, str, dict[str, Check], int] | None = None

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        most_tokens_of(interface)
        _checks(interface)
        return interface.path or "/v1/chat/completions"

    def _of(self, interface: Interface) -> tuple[Interface, str, dict[str, Check], int]:
        """Return path, checks and most tokens of an endpoint, worked out once."""
        known = self._known
        if known is None or known[0] is not interface:
            path, checks = self.path(interface), _checks(interface)
            known = self._known = (interface, path, checks, most_tokens_of(interface))
        return known

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the messages and what else decides the answer, as one row; raises BadQuestion."""
        _, _, checks, most_tokens = self._of(interface)
        fields = checked(question_object(request, _NEEDS), checks, interface)
        if "messages" not in fields:
            raise BadQuestion("messages is null.", way_out="Send one message or more.")
        if "max_tokens" in fields and "max_completion_tokens" in fields:
            raise BadQuestion("max_tokens stands there under two names.", way_out="Send one.")
        if not fields.get("logprobs"):
            fields.pop("logprobs", None)
            if fields.pop("top_logprobs", 0):
                raise BadQuestion("top_logprobs comes without logprobs.", way_out="Send both.")
        fit_together(fields)
        return text_question(
            fields, _AS_IT_IS, most_tokens, _PREFIX, _alternatives(fields), names_of(fields)
        )

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the request; raises BadQuestion for rows that are none."""
        if len(question.rows) != 1:
            raise BadQuestion("A chat is one row.", way_out="Ask row by row.")
        body = request_of(question, interface.model)
        return WireRequest("POST", self._of(interface)[1], body, JSON, NO_HEADERS)

    def read_reply(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> TextReply:
        """Return texts, scores that were asked for, and token counts; raises BadReply."""
        asked = _asked(question)
        piece = partial(_read, asked, "message", 0)
        return whole(reply_body(response), asked, piece, _calls(asked, "message"))

    def write_reply(self, reply: TextReply, question: Question, interface: Interface) -> bytes:
        """Return a `chat.completion`."""
        asked = _asked(question)
        body = _frame(asked, interface, "chat.completion")
        body["choices"] = choices = []
        for choice in reply.choices:
            said: dict[str, Any] = {"role": "assistant", "content": choice.text}
            if choice.calls:
                said["content"] = choice.text or None
                said |= write_calls(choice.calls, asked, choice.index, piece=False)
            scores = choice.token_scores
            choices.append(
                {
                    "index": choice.index,
                    "message": said,
                    "logprobs": scores and write_chat(scores, asked.alternatives or 0),
                    "finish_reason": _finish(choice, asked),
                }
            )
        if reply.usage is not None:
            body["usage"] = write_usage(reply.usage)
        return write(body)

    def reader(self, question: Question, interface: Interface) -> ChunkReader:
        """Return a reader of `chat.completion.chunk` events."""
        asked = _asked(question)
        return ChunkReader(
            asked,
            lambda each, start: _read(asked, "delta", start, each),
            opening=True,
            calls=_calls(asked, "delta"),
        )

    def write_piece(self, piece: TextReply, question: Question, interface: Interface) -> bytes:
        """Return an event for each choice of a piece, and one for token counts."""
        asked = _asked(question)
        frame = _frame(asked, interface, "chat.completion.chunk")
        events = [{**frame, "choices": [_chunk(choice, asked)]} for choice in piece.choices]
        if piece.usage is not None:
            events.append({**frame, "choices": [], "usage": write_usage(piece.usage)})
        return b"".join(event(write(each)) for each in events)

    def write_end(self, question: Question, interface: Interface) -> bytes:
        """Return [DONE]."""
        return event(DONE)

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return refusal(status, message)


def _checks(interface: Interface) -> dict[str, Check]:
    images, calls = _switch(interface, "images", False), _switch(interface, "tools", True)
    return {
        **SAMPLING,
        "messages": partial(_messages, images=images, calls=calls),
        "n": count("n", 1, whole_setting(interface, "most_choices", 1, 1, 128)),
        "max_tokens": count("max_tokens", 1, 10**9),
        "max_completion_tokens": count("max_completion_tokens", 1, 10**9),
        "logprobs": flag("logprobs"),
        "top_logprobs": count(
            "top_logprobs", 0, whole_setting(interface, "most_alternatives", 20, 0, 1000)
        ),
        "response_format": _format,
        **(CHECKS if calls else {}),
    }


def _switch(interface: Interface, name: str, default: bool) -> bool:
    value = interface.settings.get(name, default)
    if type(value) is not bool:
        raise BadInput(
            f"settings.{name} is {value!r}; it must be true or false.",
            way_out=f"Default: {str(default).lower()}.",
        )
    return value


def _asked(question: Question) -> Asked:
    known = question.details.get(ASKED)
    if type(known) is Asked:
        return known
    return asked_of(question, _PREFIX, _alternatives, names_of)


def _alternatives(fields: Mapping[str, Any]) -> int | None:
    return fields.get("top_logprobs", 0) if fields.get("logprobs") else None


def _calls(asked: Asked, key: str) -> ReadCalls | None:
    """Return what reads the calls of all texts of a reply; None if there can be none.

    Scores beside a call may be those of its arguments: they go.
    """
    if not asked.functions:
        return None
    readers: dict[int, CallReader] = {}

    def read_calls(
        index: int, each: Mapping[str, Any], finish: str | None, scores: TokenScores | None
    ) -> tuple[tuple[Call, ...], str | None, TokenScores | None]:
        reader = readers.setdefault(index, CallReader(asked.functions))
        calls = reader.feed(each[key])
        finish = finish_after(finish, each.get("finish_reason"), reader.count > 0)
        beside = bool(each[key].get("tool_calls") or each[key].get("function_call"))
        return calls, finish, None if beside else scores

    return read_calls


def _finish(choice: Choice, asked: Asked) -> str | None:
    if asked.older_calls and choice.finish_reason == TOOL_FINISHES[0]:
        return TOOL_FINISHES[1]
    return choice.finish_reason


def _messages(found: Any, *, images: bool, calls: bool) -> list[dict[str, Any]]:
    if type(found) is not list or not 1 <= len(found) <= _MOST_MESSAGES:
        raise BadQuestion("messages is no list of messages.", way_out="Send one or more.")
    return [_message(each, images, calls) for each in found]


def _message(found: Any, images: bool, calls: bool) -> dict[str, Any]:
    if type(found) is not dict:
        raise BadQuestion("A message is no object.", way_out="Send role and content.")
    role = found.get("role")
    if calls and role not in _ASKING and (about := call_message(found)) is not None:
        return about
    if not _KNOWN.issuperset(found):
        only(found, _KEYS, where="A message")
    if role not in _ROLES:
        raise BadQuestion("A message has another role.", way_out=f"Use one of {list(_ROLES)}.")
    content = found.get("content")
    if type(content) is list and content:
        content = [_part(each, images) for each in content]
    elif type(content) is not str:
        raise BadQuestion("The content of a message is no text.", way_out="Send a text.")
    message = {"role": role, "content": content}
    name = found.get("name")
    if name is not None:
        if type(name) is not str or not 1 <= len(name) <= _MOST_NAME:
            raise BadQuestion("The name in a message is no short text.", way_out="Leave it out.")
        message["name"] = name
    return message


def _part(found: Any, images: bool) -> dict[str, Any]:
    kind = found.get("type") if type(found) is dict else None
    if kind == "text":
        only(found, ("type", "text"), where="A part of a message")
        if type(found.get("text")) is str:
            return {"type": "text", "text": found["text"]}
    if kind == "image_url" and images:
        only(found, ("type", "image_url"), where="A part of a message")
        image = found.get("image_url")
        url = image.get("url") if type(image) is dict else None
        # Nothing that would have the model server fetch something from elsewhere.
        if type(url) is str and url.startswith("data:image/"):
            only(image, ("url",), where="image_url")
            return {"type": "image_url", "image_url": {"url": url}}
    raise BadQuestion(
        "A part of a message is of a kind that is not supported here.",
        way_out=f"Send text parts{' and images as data: URLs' if images else ''} only.",
    )


def _format(found: Any) -> dict[str, str]:
    kind = found.get("type") if type(found) is dict else None
    if kind not in ("text", "json_object") or len(found) != 1:
        raise BadQuestion(
            "response_format is not supported.", way_out='Its type is "text" or "json_object".'
        )
    return {"type": kind}


def _read(
    asked: Asked, key: str, start: int, each: Mapping[str, Any]
) -> tuple[str, TokenScores | None]:
    """Return text and scores of a choice of a reply (`message`) or of a chunk (`delta`)."""
    said = each.get(key)
    if type(said) is not dict:
        raise bad_reply(f"a choice has no {key}")
    text = said.get("content")
    if text is not None and type(text) is not str:
        raise bad_reply("the content of a choice is no text")
    scores = None
    if asked.alternatives is not None:
        scores = read_chat(each.get("logprobs"), alternatives=asked.alternatives, start=start)
    return text or "", scores


def _frame(asked: Asked, interface: Interface, what: str) -> dict[str, Any]:
    return {"id": asked.id, "object": what, "created": 0, "model": interface.model}


def _chunk(choice: Choice, asked: Asked) -> dict[str, Any]:
    delta: dict[str, Any] = {"content": choice.text} if choice.text else {}
    if choice.calls:
        delta |= write_calls(choice.calls, asked, choice.index, piece=True)
    elif not choice.text and choice.finish_reason is None and choice.token_scores is None:
        delta = {"role": "assistant", "content": ""}
    return {
        "index": choice.index,
        "delta": delta,
        "logprobs": write_chat(choice.token_scores, asked.alternatives or 0),
        "finish_reason": _finish(choice, asked),
    }
