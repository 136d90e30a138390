"""The guard's routes as OpenAPI 3.1, for tests and for those who write clients.

It is printed for operators and never served: it names models, inputs and their ranges. The guard
takes less than it says, for a schema cannot say that a shape fits its data.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from reticent.config import GuardFile
from reticent.config.guard import Endpoint, Input
from reticent.config.interfaces import interface_of
from reticent.core import BadInput
from reticent.protocols import (
    BadQuestion,
    Question,
    TextProtocol,
    WireProtocol,
    WireRequest,
    protocol_kinds,
)

Schema = dict[str, Any]

_STATUSES = {
    400: "The request cannot be read.",
    401: "A valid key or token is needed.",
    404: "There is nothing here for this caller.",
    408: "The request took too long to arrive.",
    413: "The request, or its rows, are too many.",
    415: "The content type or encoding is not taken.",
    422: "The inputs are not what the model takes.",
    429: "The limit is reached.",
    502: "The model gave no usable answer.",
    503: "A part of the service, or the model, is away.",
    504: "The model took too long.",
}
#: A row of a text protocol, as the auditor writes it.
_TEXT_ROWS = {
    "openai-chat": '{"messages":[{"role":"user","content":"Name a colour."}]}',
    "openai-completions": '{"prompt":"A colour is"}',
    "openai-embeddings": "A colour is",
}
_SAMPLING: Schema = {
    "n": {"type": "integer", "minimum": 1},
    "max_tokens": {"type": "integer", "minimum": 1},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "seed": {"type": "integer"},
    "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "stream": {"type": "boolean"},
    "user": {"type": "string"},
}
#: What a request may hold besides what every one does.
_FURTHER: Mapping[str, Schema] = {
    "open-inference": {"id": {"type": "string", "pattern": "^[A-Za-z0-9_.:/ -]{1,128}$"}},
    "openai-chat": {
        **_SAMPLING,
        "logprobs": {"type": "boolean"},
        "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
    },
    "openai-completions": {
        **_SAMPLING,
        "logprobs": {"type": "integer", "minimum": 0, "maximum": 5},
    },
    "openai-embeddings": {
        "encoding_format": {"enum": ["float", "base64"]},
        "user": {"type": "string"},
    },
}


def describe_openapi(file: GuardFile) -> dict[str, Any]:
    """Return what callers may ask of the guard that `file` configures.

    Raises: BadInput for a protocol that is not installed.
    """
    by_path: dict[str, list[tuple[Endpoint, Schema]]] = {}
    for endpoint in file.guard.endpoint:
        path, operation = _operation(endpoint)
        by_path.setdefault(path, []).append((endpoint, operation))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Models behind a guard", "version": "1"},
        "paths": {path: {"post": _merged(found)} for path, found in by_path.items()},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
        },
        "security": [{"bearer": []}, {"key": []}],
    }


def _operation(endpoint: Endpoint) -> tuple[str, Schema]:
    kinds = protocol_kinds()
    if endpoint.protocol not in kinds:
        raise BadInput(
            f"Endpoint {endpoint.model!r} speaks {endpoint.protocol!r}, which is not installed.",
            way_out=f"Protocols here: {', '.join(kinds)}.",
        )
    protocol, interface = kinds[endpoint.protocol](), interface_of(endpoint)
    row = _TEXT_ROWS.get(endpoint.protocol) if _is_written(endpoint) else _row(endpoint)
    media_type, schema, example = "application/json", Schema(type="object"), None
    written = _written(protocol, row, endpoint)
    if written is not None:
        media_type, example = written.media_type, written.body.decode()
        if media_type == "application/json":
            example = orjson.loads(written.body)
            schema = _schema_of(example)
        else:
            schema = {"type": "string"}
    if schema["type"] == "object" and "properties" in schema:
        schema["properties"].update(_FURTHER.get(endpoint.protocol, {}))
    if "model" in schema.get("properties", {}):
        schema["properties"]["model"] = {"const": endpoint.model}
    refusal = orjson.loads(protocol.write_refusal(400, _STATUSES[400]))
    answers = ["application/json", "text/event-stream"][: 1 + (endpoint.task == "text")]
    return protocol.path(interface), {
        "operationId": f"{endpoint.tenant}.{endpoint.model}",
        "summary": f"Ask {endpoint.model}.",
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": schema} | _examples(endpoint, example)},
        },
        "responses": {
            "200": {
                "description": "What the policy leaves of the model's answer.",
                "headers": {"Reticent-Policy": {"schema": {"type": "string"}}},
                "content": {kind: {"schema": {}} for kind in answers},
            },
            **{
                str(status): {
                    "description": told,
                    "content": {"application/json": {"schema": _schema_of(refusal)}},
                }
                for status, told in _STATUSES.items()
            },
        },
    }


def _written(
    protocol: WireProtocol | TextProtocol, row: Any, endpoint: Endpoint
) -> WireRequest | None:
    """Return a question as the guard would write it; None for a protocol that cannot carry it."""
    if row is None:
        return None
    rows = [[row]] if endpoint.protocol == "openai-embeddings" else [row]
    try:
        return protocol.write_question(Question(rows=rows, cost=1), interface_of(endpoint))
    except BadQuestion:
        return None


def _examples(endpoint: Endpoint, example: Any) -> Schema:
    return {} if example is None else {"examples": {endpoint.model: {"value": example}}}


def _merged(found: Sequence[tuple[Endpoint, Schema]]) -> Schema:
    """Return one operation for all models at a path: of several tenants, or named in the body."""
    first = found[0][1]
    if len(found) == 1:
        return first
    content: dict[str, Schema] = {}
    for _, operation in found:
        for media_type, each in operation["requestBody"]["content"].items():
            there = content.setdefault(media_type, {"schema": {"anyOf": []}, "examples": {}})
            there["schema"]["anyOf"].append(each["schema"])
            there["examples"].update(each.get("examples", {}))
    return first | {
        "operationId": "+".join(operation["operationId"] for _, operation in found),
        "summary": f"Ask {', '.join(endpoint.model for endpoint, _ in found)}.",
        "requestBody": {"required": True, "content": content},
    }


def _is_written(endpoint: Endpoint) -> bool:
    return endpoint.task == "text" or endpoint.protocol == "openai-embeddings"


def _row(endpoint: Endpoint) -> Any:
    """Return a row that the model takes, as far as its declaration tells."""
    if endpoint.inputs:
        return [_cell(declared) for declared in endpoint.inputs]
    row: Any = 0.5
    for length in reversed(endpoint.row_shape or (1,)):
        row = [row] * length
    return row


def _cell(declared: Input) -> Any:
    if declared.values:
        return declared.values[0]
    if declared.kind == "text":
        return "a"
    if declared.kind == "boolean":
        return True
    bound = declared.low if declared.low is not None else declared.high
    if declared.kind == "integer":
        if bound is None:
            return 1
        return math.ceil(bound) if declared.low is not None else math.floor(bound)
    return 0.5 if bound is None else float(bound)


def _schema_of(example: Any) -> Schema:
    """Return a schema that an example and all of its kind fit."""
    if type(example) is dict:
        return {
            "type": "object",
            "properties": {name: _schema_of(each) for name, each in example.items()},
            "required": list(example),
            "additionalProperties": False,
        }
    if type(example) is list:
        return {"type": "array", "items": _any_of([_schema_of(each) for each in example])}
    kinds = {str: "string", bool: "boolean", int: "number", float: "number"}
    return {"type": kinds.get(type(example), "null")}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    if len(different) == 1:
        return different[0]
    return {"anyOf": different} if different else {}
