"""What pydantic found wrong with a configuration, in the words and at the place of its file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from reticent.config.audited import Audited
from reticent.config.faults import Fault, did_you_mean, shown, written
from reticent.config.lines import Key

_WORDS = (
    ("string", "text"),
    ("dictionary", "table"),
    ("a boolean", "true or false"),
    ("tuple", "list"),
    ("Tuple", "list"),
    ("a integer", "an integer"),
    (" after validation", ""),
)
_OR_INSTANCE = re.compile(r" or instance of \w+")  # tables are written, not instantiated


def tables_of(form: type[BaseModel]) -> dict[tuple[str, ...], type[BaseModel]]:
    """Return place of a table -> what it may hold, for every table of a configuration."""
    return dict(_tables((), form))


def _tables(
    place: tuple[str, ...], table: type[BaseModel]
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    yield place, table
    for name, field in table.model_fields.items():
        for within in _models(field.annotation):
            yield from _tables((*place, name), within)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def faults_from(
    details: Iterable[ErrorDetails], doc: Mapping[str, Any], form: type[Audited]
) -> list[Fault]:
    """Return pydantic's findings about `doc`, one a key, in our words."""
    faults: dict[Key, Fault] = {}
    for detail in details:
        if detail["loc"] == ():
            continue  # what does not fit together: `faults_in` says it, each at its place
        fault = _from_detail(detail, doc, form)
        faults.setdefault(fault.key, fault)
    # A list is also "too short" when an entry of it is bad: say the cause alone.
    causes = {key[:i] for key in faults for i, part in enumerate(key) if isinstance(part, int)}
    return [fault for key, fault in faults.items() if key not in causes]


def _from_detail(detail: ErrorDetails, doc: Mapping[str, Any], form: type[Audited]) -> Fault:
    missing, unknown = detail["type"] == "missing", detail["type"] == "extra_forbidden"
    key = _present(detail["loc"][: -1 if missing else None], doc)
    place = tuple(part for part in key if isinstance(part, str))
    if missing:
        absent = str(detail["loc"][-1])
        table = f"[{written(key)}]" if key else "The file"
        return Fault(
            (*key, absent),
            f"{table} has no {absent if key else f'[{absent}]'}, which is required.",
            form.required.get((*place, absent), ""),
        )
    if unknown:
        known = _fields(place[:-1], form)
        return Fault(
            key,
            f"Unknown key {written(key)}.",
            did_you_mean(str(key[-1]), known) or f"Known here: {', '.join(known)}.",
        )
    context = detail.get("ctx", {})
    rule = detail["msg"].replace("Input should be", "it must be").replace("a valid ", "a ")
    for theirs, ours in _WORDS:
        rule = rule.replace(theirs, ours)
    rule = _OR_INSTANCE.sub("", rule)
    return Fault(
        key,
        f"{written(key)} is {shown(detail['input'])}; {small(rule).rstrip('.')}.",
        str(context.get("way_out", "")),
    )


def small(text: str) -> str:
    """Return a sentence as it goes on behind a semicolon."""
    return text[:1].lower() + text[1:]


def _present(loc: Iterable[str | int], doc: Any) -> Key:
    """Return the part of pydantic's location that is in the document: no names of types."""
    key: Key = ()
    for part in loc:
        entry = isinstance(doc, (list, tuple)) and isinstance(part, int) and part < len(doc)
        if entry or (isinstance(doc, Mapping) and part in doc):
            doc = doc[part]
            key = (*key, part)
    return key


def _fields(place: tuple[str, ...], form: type[Audited]) -> list[str]:
    table = tables_of(form).get(place)
    return list(table.model_fields) if table else []
