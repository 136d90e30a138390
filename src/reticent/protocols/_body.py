"""What reading a request, or a reply, has in common for all protocols."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from reticent.core import BadInput
from reticent.protocols._json import NotJson, read
from reticent.protocols.base import (
    JSON,
    BadQuestion,
    BadReply,
    Interface,
    WireRequest,
    WireResponse,
)

SAFE = re.compile(r"[A-Za-z0-9_.:/ -]{1,128}", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9_.~-]{1,128}", re.ASCII)


def question_body(request: WireRequest, *, media_types: Collection[str] = (JSON,)) -> Any:
    """Return the parsed body of a question.

    Raises: BadQuestion for another method or media type, or for what is no strict JSON.
    """
    if request.method != "POST":
        raise BadQuestion("The method is not POST.", way_out="Ask with POST.")
    if request.media_type not in media_types:
        raise BadQuestion(
            "The body has another media type than this model takes.",
            way_out=f"Send {' or '.join(sorted(media_types))}.",
        )
    try:
        return read(request.body)
    except NotJson as error:
        raise BadQuestion(f"The body cannot be read: {error}.", way_out="Correct it.") from None


def question_object(request: WireRequest, needs: Collection[str]) -> dict[str, Any]:
    """Return the body of a question, an object with one of `needs` among its keys.

    Raises: BadQuestion.
    """
    body = question_body(request)
    if type(body) is not dict:
        raise BadQuestion("The body is no JSON object.", way_out=_one_of(needs))
    found = 0
    for key in needs:
        found += key in body
    if found != 1:
        raise BadQuestion(
            "The body does not hold exactly one of the keys that carry rows.",
            way_out=_one_of(needs),
        )
    return body


def _one_of(needs: Collection[str]) -> str:
    return f"Send an object with {' or '.join(map(repr, needs))}."


def only(found: Mapping[str, Any], known: Collection[str], *, where: str = "The body") -> None:
    """Raise BadQuestion if an object has a key that is not known here."""
    for key in found:
        if key not in known:
            raise BadQuestion(
                f"{where} holds a key that is not supported here.",
                way_out=f"Supported: {', '.join(known)}.",
            )


def reply_body(response: WireResponse) -> Any:
    """Return the parsed body of a server's reply.

    Raises: BadReply for another status than 200, or for what is no strict JSON.
    """
    if response.status != 200:
        check_status(response)
    try:
        return read(response.body)
    except NotJson as error:
        raise BadReply(
            f"The server's answer cannot be read: {error}.",
            way_out="Ask the server by hand; it must answer in strict JSON.",
        ) from None


def check_status(response: WireResponse) -> None:
    """Raise BadReply for another status than 200; it quotes the start of the server's words."""
    if response.status != 200:
        said = response.body[:200].decode("utf-8", "replace")
        raise BadReply(
            f"The server answered with status {response.status}: {said!r}.",
            way_out="Check that the model is loaded, and what inputs it takes.",
        )


def bad_reply(why: str) -> BadReply:
    """Return the error for a reply that is not this protocol's."""
    return BadReply(
        f"The server's answer does not fit the question: {why}.",
        way_out="Check the endpoint's protocol, task, classes and outputs.",
    )


def model_path(template: str, interface: Interface) -> str:
    """Return the path of a model: the declared one, or a template with `model` filled in.

    Raises: BadInput for names that cannot stand in a path.
    """
    return interface.path or _filled(template, interface.model, interface.version)


@lru_cache(maxsize=1024)
def _filled(template: str, model: str, version: str) -> str:
    for name in (model, *([version] if version else [])):
        if not _PART.fullmatch(name) or name.strip(".") == "":
            raise BadInput(
                f"{name!r} cannot stand in a path.",
                way_out="Use letters, digits, dots, hyphens and underscores, or declare the path.",
            )
    return template.format(model=model, version=version)


def setting(interface: Interface, name: str, choices: Collection[str], *, default: str) -> str:
    """Return one of the protocol's settings.

    Raises: BadInput if it is none of the choices.
    """
    value = interface.settings.get(name, default)
    if value not in choices:
        raise BadInput(
            f"settings.{name} is {value!r}; it must be one of {sorted(choices)}.",
            way_out=f"Default: {default!r}.",
        )
    return str(value)


def text_setting(interface: Interface, name: str) -> None:
    """Raise BadInput if a setting is there and is no plain text."""
    value = interface.settings.get(name)
    if value is not None and (not isinstance(value, str) or not SAFE.fullmatch(value)):
        raise BadInput(
            f"settings.{name} is {value!r}; it must be a plain text.",
            way_out="Use 1 to 128 letters, digits, spaces and . _ : / -",
        )


def known_settings(interface: Interface, known: Collection[str], *, kind: str) -> None:
    """Raise BadInput for a setting that the protocol does not have."""
    for name in interface.settings:
        if name not in known:
            raise BadInput(
                f"The protocol {kind} has no setting {name!r}.",
                way_out=f"It has {', '.join(sorted(known)) or 'none'}.",
            )
