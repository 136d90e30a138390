"""OpenAI completions, the older form: vLLM, llama.cpp, TGI, ...

Source: https://platform.openai.com/docs/api-reference/completions.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, final

from reticent.core import Choice, TextReply, TokenScores
from reticent.protocols._body import bad_reply, known_settings, question_object, reply_body
from reticent.protocols._json import write
from reticent.protocols._openai import (
    SAMPLING,
    Asked,
    Check,
    asked_of,
    checked,
    count,
    most_tokens_of,
    refusal,
    row_fields,
    streaming,
    text_question,
    whole_setting,
    write_usage,
)
from reticent.protocols._openai_scores import read_completion, write_completion
from reticent.protocols._openai_stream import DONE, ChunkReader, whole
from reticent.protocols._sse import event
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_SETTINGS = ("most_choices", "most_tokens", "most_alternatives")
_PREFIX = "cmpl"
_MOST_PROMPTS = 100_000


@final
class OpenAICompletions:
    """`POST /v1/completions`, whole or streamed, one prompt or several.

    Prompts are texts: lists of token ids are refused, and so are `echo` and `best_of`, which score
    a caller's own text, and whatever else is not listed in the code. `text_offset` counts from the
    start of the written text, in a stream from that of the event.

    Settings:
        most_choices: largest `n`; default 1.
        most_tokens: largest `max_tokens`, in force also where a caller names none; 0 for no limit.
        most_alternatives: largest `logprobs`; default 5.
    """

    kind: ClassVar[str] = "openai-completions"
    names_model: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("text",)

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        most_tokens_of(interface)
        _checks(interface)
        return interface.path or "/v1/completions"

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return each prompt and what else decides its answer as a row; raises BadQuestion."""
        fields = checked(question_object(request, needs=("prompt",)), _checks(interface), interface)
        if "prompt" not in fields:
            raise BadQuestion("prompt is null.", way_out="Send a text.")
        prompts = [{"prompt": prompt} for prompt in fields.pop("prompt")]
        most_tokens = most_tokens_of(interface)
        return text_question(fields, prompts, most_tokens, _PREFIX, _alternatives(fields))

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the request; raises BadQuestion for rows that are none, or do not go together."""
        fields = [row_fields(row) for row in question.rows]
        prompts = [each.pop("prompt", None) for each in fields]
        if not fields or any(type(prompt) is not str for prompt in prompts):
            raise BadQuestion("A row has no prompt.", way_out='Give {"prompt": "..."}.')
        if any(each != fields[0] for each in fields):
            raise BadQuestion("Rows differ in their settings.", way_out="Ask them one by one.")
        body = {
            "model": interface.model,
            "prompt": prompts[0] if len(prompts) == 1 else prompts,
            **fields[0],
            **streaming(question),
        }
        return WireRequest(method="POST", path=self.path(interface), body=write(body))

    def read_reply(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> TextReply:
        """Return texts, scores that were asked for, and token counts; raises BadReply."""
        asked = _asked(question)
        return whole(reply_body(response), asked, partial(_read, asked, start=0))

    def write_reply(self, reply: TextReply, question: Question, interface: Interface) -> bytes:
        """Return a `text_completion`."""
        asked = _asked(question)
        body = _frame(asked, interface)
        body["choices"] = [_choice(choice, asked) for choice in reply.choices]
        if reply.usage is not None:
            body["usage"] = write_usage(reply.usage)
        return write(body)

    def reader(self, question: Question, interface: Interface) -> ChunkReader:
        """Return a reader of `text_completion` events."""
        asked = _asked(question)
        return ChunkReader(
            asked, lambda each, start: _read(asked, each, start=start), opening=False
        )

    def write_piece(self, piece: TextReply, question: Question, interface: Interface) -> bytes:
        """Return an event for each choice of a piece, and one for token counts."""
        asked = _asked(question)
        frame = _frame(asked, interface)
        events = [{**frame, "choices": [_choice(choice, asked)]} for choice in piece.choices]
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
    most = whole_setting(interface, "most_alternatives", 5, 0, 1000)
    return {
        **SAMPLING,
        "prompt": _prompts,
        "n": count("n", 1, whole_setting(interface, "most_choices", 1, 1, 128)),
        "max_tokens": count("max_tokens", 1, 10**9),
        "logprobs": count("logprobs", 0, most),
    }


def _prompts(found: Any) -> list[str]:
    prompts = found if type(found) is list else [found]
    if not 1 <= len(prompts) <= _MOST_PROMPTS or any(type(each) is not str for each in prompts):
        raise BadQuestion("prompt is no text.", way_out="Send a text, or a list of texts.")
    return prompts


def _asked(question: Question) -> Asked:
    return asked_of(question, _PREFIX, _alternatives)


def _alternatives(fields: Mapping[str, Any]) -> int | None:
    return fields.get("logprobs")


def _read(asked: Asked, each: Mapping[str, Any], *, start: int) -> tuple[str, TokenScores | None]:
    text = each.get("text")
    if type(text) is not str:
        raise bad_reply("a choice has no text")
    scores = None
    if asked.alternatives is not None:
        scores = read_completion(each.get("logprobs"), alternatives=asked.alternatives, start=start)
    return text, scores


def _frame(asked: Asked, interface: Interface) -> dict[str, Any]:
    return {"id": asked.id, "object": "text_completion", "created": 0, "model": interface.model}


def _choice(choice: Choice, asked: Asked) -> dict[str, Any]:
    return {
        "index": choice.index,
        "text": choice.text,
        "logprobs": write_completion(choice.token_scores, asked.alternatives or 0),
        "finish_reason": choice.finish_reason,
    }
