"""The values that reticent.toml may hold, and the rules that they keep."""

import math
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from reticent.config.checks import LEARNERS

PLACEHOLDERS = frozenset(
    ("todo", "tbd", "fixme", "unknown", "none", "nobody", "n/a", "na", "?", "-", "owner")
)


def broken(rule: str, way_out: str = "") -> PydanticCustomError:
    """Return the error that says which rule a value broke."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "way_out": way_out})


def named(text: str) -> str:
    """Return a name if it is one: one line, not empty."""
    if not text.strip():
        raise broken("it must not be empty.")
    if text != text.strip() or not text.isprintable():
        raise broken("it must be one line without spaces around it.")
    return text


def owner(text: str) -> str:
    """Return an owner if it names one."""
    if text.strip().casefold() in PLACEHOLDERS or not text.strip():
        raise broken(
            "it must name a person or a team who answers for this model.",
            'Write for example owner = "Credit risk team <credit-risk@example.org>".',
        )
    return named(text)


def call(text: str) -> str:
    """Return `package.module:function` if it is one."""
    module, colon, name = text.partition(":")
    parts = [*module.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise broken('it must look like "package.module:function".')
    return text


def reference(text: str) -> str:
    """Return how look-alikes are trained, if it is known."""
    if text == "same" or text in LEARNERS:
        return text
    if ":" not in text:
        raise broken(
            f'it must be "same", one of {list(LEARNERS)}, or "package.module:factory".',
            "Use a built-in learner if the model cannot be cloned.",
        )
    return call(text)


def endpoint_url(text: str) -> str:
    """Return the URL of an endpoint if it is one."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise broken("it must be an http or https URL.", 'Write it as "http://127.0.0.1:9000".')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise broken(
            "it must hold no user name, query or fragment.", "Give the key by model.key_env."
        )
    return text


def scalar(value: Any) -> Any:
    """Return a value that a column can hold."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise broken("it must be a text, a finite number or true/false.")


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values if no two are the same; 1, 1.0 and true differ."""
    seen: list[Any] = []
    for value in values:
        if any(value == other and type(value) is type(other) for other in seen):
            raise broken(f"it must not hold {value!r} twice.", "Remove one of the two.")
        seen.append(value)
    return values


def probabilities(prior: dict[str, float]) -> dict[str, float]:
    """Return a prior if it is one."""
    if not prior or abs(sum(prior.values()) - 1) > 1e-6:
        raise broken(f"its probabilities sum to {sum(prior.values()):.6g}; they must sum to 1.")
    return prior


Named = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(named)]
Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Scalar = Annotated[
    Any,
    AfterValidator(scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Source = Annotated[str, Field(min_length=1, max_length=100_000)]
FileName = Annotated[str, Field(min_length=1, max_length=4096)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
KeyName = Annotated[
    EnvName | None,
    Field(
        examples=["ENDPOINT_KEY"],
        description="With url: environment variable that holds the key (bearer token).",
    ),
]
Timeout = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Patience = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
EndpointPatience = Annotated[
    Patience,
    Field(
        description="With url: longest wait, for each question, that its rate limits (429) and "
        "errors (5xx) are given."
    ),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Proportion = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Columns = Annotated[tuple[Named, ...], Field(strict=False), AfterValidator(different)]
Owner = Annotated[str, Field(max_length=500), AfterValidator(owner)]
Call = Annotated[str, AfterValidator(call)]
EndpointUrl = Annotated[str, AfterValidator(endpoint_url)]
Reference = Annotated[str, AfterValidator(reference)]
Prior = Annotated[dict[str, Share], AfterValidator(probabilities)]
