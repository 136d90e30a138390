"""Functions that a chat may have its caller run: what may be asked, and what a model calls.

Source: https://platform.openai.com/docs/api-reference/chat/create (tools, tool_choice, and the
older functions, function_call).
"""

import re
from collections.abc import Mapping
from typing import Any, final

from reticent.core import Call
from reticent.protocols._body import bad_reply, only
from reticent.protocols._openai import TOOL_FINISHES, Asked, Check, flag
from reticent.protocols.base import BadQuestion

MOST = 128  # functions of a question, and calls of a text
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MOST_ID = 128
_WAYS = ("none", "auto", "required")
_ONE = 'Send {"type": "function", "function": {"name": ..., "parameters": {...}}}.'


# --- requests -------------------------------------------------------------------------------------


def tools(found: Any) -> list[dict[str, Any]]:
    """Return the functions of `tools`, each in one form; raises BadQuestion."""
    if type(found) is not list or not 1 <= len(found) <= MOST:
        raise BadQuestion("tools is no list of functions.", way_out=f"Send 1 to {MOST}.")
    return [_tool(each) for each in found]


def functions(found: Any) -> list[dict[str, Any]]:
    """Return the functions of the older `functions`; raises BadQuestion."""
    if type(found) is not list or not 1 <= len(found) <= MOST:
        raise BadQuestion("functions is no list of functions.", way_out=f"Send 1 to {MOST}.")
    return [_function(each) for each in found]


def tool_choice(found: Any) -> Any:
    """Return which function is to be called; raises BadQuestion."""
    if type(found) is str and found in _WAYS:
        return found
    if type(found) is dict and found.get("type") == "function":
        only(found, ("type", "function"), where="tool_choice")
        return {"type": "function", "function": _named(found.get("function"))}
    raise BadQuestion("tool_choice is not supported.", way_out=f"Use one of {list(_WAYS)}.")


def function_call(found: Any) -> Any:
    """Return the older form of the same; raises BadQuestion."""
    if type(found) is str and found in _WAYS[:2]:
        return found
    return _named(found)


_NONE: frozenset[str] = frozenset()

CHECKS: Mapping[str, Check] = {
    "tools": tools,
    "tool_choice": tool_choice,
    "parallel_tool_calls": flag("parallel_tool_calls"),
    "functions": functions,
    "function_call": function_call,
}


def fit_together(fields: Mapping[str, Any]) -> None:
    """Raise BadQuestion if what is said of functions does not go with those that there are."""
    if fields.keys().isdisjoint(CHECKS):
        return
    names = names_of(fields)
    if "tools" in fields and "functions" in fields:
        raise BadQuestion("tools and functions say the same.", way_out="Send tools.")
    for key, needs in (
        ("tool_choice", "tools"),
        ("parallel_tool_calls", "tools"),
        ("function_call", "functions"),
    ):
        if key in fields and needs not in fields:
            raise BadQuestion(f"{key} comes without {needs}.", way_out="Send both.")
    chosen = fields.get("tool_choice", fields.get("function_call"))
    if type(chosen) is dict and chosen.get("function", chosen)["name"] not in names:
        raise BadQuestion("A function is chosen that is not there.", way_out="Name one of them.")


def names_of(fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the functions of a question."""
    if "tools" not in fields and "functions" not in fields:  # nearly always
        return _NONE
    found = [each["function"] for each in fields.get("tools", ())]
    return frozenset(each["name"] for each in (*found, *fields.get("functions", ())))


def message(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a message that says what was called or came of it; None for one that does not.

    Raises: BadQuestion.
    """
    role, content = found.get("role"), found.get("content")
    if role == "tool":
        only(found, ("role", "content", "tool_call_id"), where="A message")
        return {"role": role, "content": _text(content), "tool_call_id": _id(found)}
    if role == "function":
        only(found, ("role", "content", "name"), where="A message")
        return {"role": role, "content": _text(content), **_named({"name": found.get("name")})}
    if role != "assistant" or not ("tool_calls" in found or "function_call" in found):
        return None
    only(found, ("role", "content", "tool_calls", "function_call"), where="A message")
    said: dict[str, Any] = {"role": role, "content": None if content is None else _text(content)}
    calls, call = found.get("tool_calls"), found.get("function_call")
    if calls is not None:
        if type(calls) is not list or not 1 <= len(calls) <= MOST:
            raise BadQuestion("tool_calls is no list of calls.", way_out=f"Send 1 to {MOST}.")
        said["tool_calls"] = [_past(each) for each in calls]
    if call is not None:
        said["function_call"] = _called(call)
    if len(said) == 2:
        raise BadQuestion("A message calls nothing and says so.", way_out="Leave tool_calls out.")
    return said


def _past(found: Any) -> dict[str, Any]:
    if type(found) is not dict or found.get("type") != "function":
        raise BadQuestion("A call in a message is no function's.", way_out=_ONE)
    only(found, ("id", "type", "function", "index"), where="A call in a message")
    return {"id": _id(found, "id"), "type": "function", "function": _called(found.get("function"))}


def _called(found: Any) -> dict[str, Any]:
    if type(found) is not dict:
        raise BadQuestion("A call in a message is no object.", way_out=_ONE)
    only(found, ("name", "arguments"), where="A call in a message")
    return {**_named({"name": found.get("name")}), "arguments": _text(found.get("arguments"))}


def _tool(found: Any) -> dict[str, Any]:
    if type(found) is not dict or found.get("type") != "function":
        raise BadQuestion("A tool is of a kind that is not supported here.", way_out=_ONE)
    only(found, ("type", "function"), where="A tool")
    return {"type": "function", "function": _function(found.get("function"))}


def _function(found: Any) -> dict[str, Any]:
    if type(found) is not dict:
        raise BadQuestion("A function is no object.", way_out=_ONE)
    only(found, ("name", "description", "parameters", "strict"), where="A function")
    said = _named({"name": found.get("name")})
    if found.get("description") is not None:
        said["description"] = _text(found["description"])
    parameters = found.get("parameters")
    if parameters is not None:
        if type(parameters) is not dict:
            raise BadQuestion("The parameters of a function are no object.", way_out=_ONE)
        said["parameters"] = parameters
    if found.get("strict") is not None:
        said["strict"] = flag("strict")(found["strict"])
    return said


def _named(found: Any) -> dict[str, Any]:
    name = found.get("name") if type(found) is dict and len(found) == 1 else None
    if type(name) is not str or not _NAME.fullmatch(name):
        raise BadQuestion(
            "A function has no name of letters, digits, dots, dashes and underscores.", way_out=_ONE
        )
    return {"name": name}


def _id(found: Mapping[str, Any], key: str = "tool_call_id") -> str:
    value = found.get(key)
    if type(value) is not str or not 1 <= len(value) <= _MOST_ID:
        raise BadQuestion(f"{key} is no short text.", way_out="Send the one that the call had.")
    return value


def _text(found: Any) -> str:
    if type(found) is not str:
        raise BadQuestion("A message about a function holds no text.", way_out="Send a text.")
    return found


# --- replies --------------------------------------------------------------------------------------


@final
class CallReader:
    """Reads the calls of one text, whole or piece by piece; calls of what was not offered go.

    A server's ids and places are its own: calls are counted here, in the order in which they begin.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._known: dict[Any, int | None] = {}
        self._last: Any = None
        self.count = 0

    def feed(self, said: Mapping[str, Any]) -> tuple[Call, ...]:
        """Return what a message or a delta calls.

        Raises: BadReply, also for calls that are written by turns: their order would be lost.
        """
        if not self._names:
            return ()
        found = said.get("tool_calls")
        if found is None:
            older = said.get("function_call")
            found = [] if older is None else [{"index": 0, "function": older}]
        if type(found) is not list or len(found) > MOST:
            raise bad_reply("its tool_calls are no list, or too long")
        return tuple(call for each in found if (call := self._call(each)) is not None)

    def _call(self, each: Any) -> Call | None:
        called = each.get("function") if type(each) is dict else None
        if type(called) is not dict:
            raise bad_reply("a tool call has no function")
        name, arguments = _word(called.get("name")), _word(called.get("arguments"))
        place = self._place(each, begins=bool(name))
        begins = place not in self._known
        if begins:
            self._begin(place, name)
        elif place != self._last:
            raise bad_reply("its tool calls are written by turns")
        index = self._known[place]
        if index is None or not (begins or arguments):
            return None
        return Call(index=index, name=name if begins else "", arguments=arguments)

    def _place(self, each: Mapping[str, Any], *, begins: bool) -> Any:
        place = each.get("index")
        if type(place) is int:
            return place
        if not begins and self._last is not None:
            return self._last
        return ("unnumbered", len(self._known))

    def _begin(self, place: Any, name: str) -> None:
        if len(self._known) >= MOST:
            raise bad_reply("it has too many tool calls")
        self._last = place
        self._known[place] = self.count if name in self._names else None
        self.count += name in self._names


def _word(found: Any) -> str:
    if found is None:
        return ""
    if type(found) is not str:
        raise bad_reply("a tool call has a name or arguments that are no text")
    return found


def finish_after(found: str | None, raw: Any, called: bool) -> str | None:
    """Return why a text ended that may have called something.

    Args:
        found: the reason without calls.
        raw: the server's word.
        called: whether a call went on.
    """
    return TOOL_FINISHES[0] if called and raw in TOOL_FINISHES else found


def write_calls(
    calls: tuple[Call, ...], asked: Asked, choice: int, *, piece: bool
) -> dict[str, Any]:
    """Return `tool_calls`, or the older `function_call`, of a message or a delta; {} for none.

    Ids are made of the question, so that equal replies have equal bytes.
    """
    if not calls:
        return {}
    if asked.older_calls:
        first = calls[0]
        name = {"name": first.name} if first.name else {}
        return {"function_call": {**name, "arguments": first.arguments}} if not first.index else {}
    return {"tool_calls": [_written(call, asked, choice, piece) for call in calls]}


def _written(call: Call, asked: Asked, choice: int, piece: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"index": call.index} if piece else {}
    function: dict[str, Any] = {}
    if call.name:
        said["id"] = f"call_{asked.id.rpartition('-')[2]}_{choice}_{call.index}"
        said["type"] = "function"
        function["name"] = call.name
    function["arguments"] = call.arguments
    return {**said, "function": function}
