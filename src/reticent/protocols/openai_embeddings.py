"""OpenAI embeddings: OpenAI, vLLM, llama.cpp, TEI, Infinity, ...

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

import base64
import binascii
from typing import Any, ClassVar, final

import numpy as np

from reticent.core import Answer, Floats
from reticent.protocols._answers import numbers
from reticent.protocols._body import bad_reply, known_settings, question_object, reply_body
from reticent.protocols._json import write
from reticent.protocols._openai import checked, count, refusal, text_of, whole_setting
from reticent.protocols._openai_stream import indexed
from reticent.protocols.base import (
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_SETTINGS = ("dimensions",)
_FORMS = ("float", "base64")
_MOST_TEXTS = 100_000


@final
class OpenAIEmbeddings:
    """`POST /v1/embeddings`: one vector a text, as numbers or as base64 of 32-bit floats.

    Texts only: lists of token ids are refused. Token counts are not passed on; the zeros in their
    place are for clients that insist on them. The server is always asked for numbers.

    Settings:
        dimensions: length of the vectors that the server is asked for, and the only one a caller
            may name: two lengths of one vector would tell more than either; 0 for the model's own.
    """

    kind: ClassVar[str] = "openai-embeddings"
    names_model: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("embedding",)

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        _dimensions(interface)
        return interface.path or "/v1/embeddings"

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the texts, a row each; raises BadQuestion."""
        size = _dimensions(interface)
        checks = {
            "input": _texts,
            "encoding_format": _form,
            "dimensions": count("dimensions", size, size),
        }
        fields = checked(question_object(request, needs=("input",)), checks, interface)
        if "input" not in fields:
            raise BadQuestion("input is null.", way_out="Send a text, or a list of texts.")
        rows = [[text] for text in fields["input"]]
        form = fields.get("encoding_format", "float")
        return Question(rows=rows, cost=len(rows), details={"form": form})

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the request; raises BadQuestion for rows that are no texts."""
        body: dict[str, Any] = {
            "model": interface.model,
            "input": [text_of(row) for row in question.rows],
            "encoding_format": "float",
        }
        size = _dimensions(interface)
        if size:
            body["dimensions"] = size
        return WireRequest(method="POST", path=self.path(interface), body=write(body))

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return the vectors in the order of the texts; raises BadReply."""
        body = reply_body(response)
        n = len(question.rows)
        data = indexed(body.get("data") if type(body) is dict else None, n)
        if sorted(index for index, _ in data) != list(range(n)):
            raise bad_reply(f"{n} vectors are needed, one a text")
        vectors = {index: each.get("embedding") for index, each in data}
        cells = [_unpacked(vectors[i]) for i in range(n)]
        found = numbers(cells)
        if found.ndim != 2:
            raise bad_reply("it has no single vector a text; choose a model that pools its tokens")
        return Answer(embeddings=found)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return a list of vectors, empty if the answer has none."""
        data: list[dict[str, Any]] = []
        if answer.embeddings is not None:
            vectors = np.ascontiguousarray(answer.embeddings) + 0.0
            packed = question.details.get("form") == "base64"
            data = [
                {
                    "object": "embedding",
                    "index": i,
                    "embedding": _packed(vector) if packed else vector,
                }
                for i, vector in enumerate(vectors)
            ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return write({"object": "list", "data": data, "model": interface.model, "usage": usage})

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return refusal(status, message)


def _dimensions(interface: Interface) -> int:
    return whole_setting(interface, "dimensions", 0, 0, 1_000_000)


def _texts(found: Any) -> list[str]:
    texts = found if type(found) is list else [found]
    if not 1 <= len(texts) <= _MOST_TEXTS or any(type(text) is not str for text in texts):
        raise BadQuestion("input is no text.", way_out="Send a text, or a list of texts.")
    return texts


def _form(found: Any) -> str:
    if found not in _FORMS:
        raise BadQuestion("encoding_format is not supported.", way_out=f"One of {list(_FORMS)}.")
    return str(found)


def _packed(vector: Floats) -> str:
    """Return base64 of little-endian 32-bit floats; numbers beyond their range become infinite."""
    with np.errstate(over="ignore"):
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _unpacked(found: Any) -> Any:
    """Return the cells of a vector that may be base64, null where it has NaN; others as they are.

    Raises: BadReply.
    """
    if type(found) is not str:
        return found
    try:
        vector = np.frombuffer(base64.b64decode(found, validate=True), dtype="<f4")
    except (binascii.Error, ValueError):
        raise bad_reply("a vector is no base64 of 32-bit floats") from None
    return [None if v != v else v for v in vector.tolist()]
