"""Write a reticent.toml that explains itself."""

import datetime as dt
import math
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reticent.config.audited import PolicyTable
from reticent.config.infer import ColumnFacts, ModelFacts, Roles, Suspect, is_scale
from reticent.config.schema import Adversary, Audit, Data, Exposure, Model, Sensitive
from reticent.core import BadInput

WIDTH = 96
FURTHEST = 1e90
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_HEAD = (
    "What this model gives away about the people it was trained on: what to measure, against whom, "
    'and what counts. "reticent audit reticent.toml" reads it, "reticent schema" describes every '
    'key. A line that starts with "# key =" shows a default or an example: remove the "# " to set '
    "it. Guesses are marked GUESS: confirm or correct them, for verdicts hang on them."
)


def write(
    model: ModelFacts,
    roles: Roles,
    columns: Mapping[str, ColumnFacts],
    *,
    owner: str,
    members: str | None = None,
    non_members: str | None = None,
    source: str | None = None,
) -> str:
    """Return the text of a commented reticent.toml that `load` reads.

    Args:
        model: what the model said of itself.
        roles: what the columns are, from `infer`.
        columns: name -> facts.
        owner: who answers for the model.
        members: file or SELECT of the training records.
        non_members: file or SELECT of others from the same population.
        source: instead of these two, one file or SELECT with both and `roles.member_column`.

    Raises: BadInput if `source` is given and no column tells members from others.
    """
    if source is not None and roles.member_column is None:
        raise BadInput(
            f"{source} holds no column that tells members from others.",
            way_out="Add a column in_training (1 for members), or give two files: the training "
            "records, and others from the same population.",
        )
    model_values = {
        "owner": owner,
        "path": model.path,
        "call": model.call,
        "kind": model.kind,
        "task": model.task,
        "classes": list(model.classes) or None,
        "reference": None if model.cloneable else "boosting",
    }
    data_values = {
        "members": members,
        "non_members": non_members,
        "source": source,
        "member_column": roles.member_column if source else None,
        "target": roles.target,
        "features": list(roles.features) or None,
        "identifier": roles.identifier,
    }
    parts = [
        "\n".join(_wrapped(_HEAD)),
        _table("[model]", Model, model_values),
        _table("[data]", Data, data_values, notes={"target": "GUESS.", "identifier": "GUESS."}),
        *_sensitive(roles, columns),
        _table("[adversary]", Adversary, {}),
        _table("[exposure]", Exposure, {}),
        *_policies(model, columns.get(roles.target)),
        _table("[audit]", Audit, {}),
        _guard(roles),
    ]
    return "\n\n".join(parts) + "\n"


_GUARD = (
    'To enforce a policy in front of the running model: "reticent guard reticent.toml". It takes '
    "the first [[policy]], or the one that an endpoint names. docs/configuration.md has every key."
)


def _guard(roles: Roles) -> str:
    """Return the gateway's tables as comments: where the model will run, nobody knows yet."""
    inputs = [{"name": name} for name in roles.features[:3]] or [{"name": "age"}]
    lines = [
        "[guard]",
        'listen = "127.0.0.1:8080"',
        "[[guard.endpoint]]",
        'model = "name-on-the-wire"',
        'owner = "Who answers for it"',
        'protocol = "open-inference"',
        'upstream = "http://127.0.0.1:9000"',
        f"inputs = {rendered(inputs)}",
    ]
    return "\n".join([*_wrapped(_GUARD), *map(_comment, lines)])


def rendered(value: Any) -> str:
    """Return a value as TOML on one line.

    >>> rendered({"kind": "bucket", "edges": [0.0, 1.0]})
    '{kind = "bucket", edges = [0.0, 1.0]}'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {rendered(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(map(rendered, value)) + "]"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return repr(float(value))


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if ord(letter) < 32 or ord(letter) == 127:
        return f"\\u{ord(letter):04x}"
    return letter


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else rendered(name)


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.split("\n"))


def _table(
    header: str,
    schema: type[BaseModel],
    values: Mapping[str, Any],
    *,
    notes: Mapping[str, str] | None = None,
    only: tuple[str, ...] = (),
) -> str:
    """Return a table with every key of its schema: set, or shown as a comment."""
    lines = [header] if only else [*_wrapped(schema.__doc__ or ""), header]
    for name, field in schema.model_fields.items():
        if only and name not in only:
            continue
        chosen = values.get(name)
        note = (notes or {}).get(name, "") if chosen is not None else ""
        if not only or note:
            lines += _wrapped(f"{note} {'' if only else field.description or ''}".strip())
        if chosen is not None:
            lines.append(f"{name} = {rendered(chosen)}")
        elif not only:
            default = field.default
            if field.examples and (default is None or not default or default is PydanticUndefined):
                default = field.examples[0]
            lines.append(f"# {name} = {rendered(_plain(default))}")
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    return "" if value is None or value is PydanticUndefined else value


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH)]


def _sensitive(roles: Roles, columns: Mapping[str, ColumnFacts]) -> list[str]:
    tables = []
    for i, suspect in enumerate(roles.sensitive):
        # The first table explains every key; the others set theirs only.
        only = () if i == 0 else ("column", "harm", "continuous")
        tables.append(_suspect(suspect, columns, only))
    if not tables:
        words = "No column looks sensitive by its name. Declare those whose values would hurt:"
        example = {"column": roles.features[0] if roles.features else "name", "harm": "high"}
        table = _table("[[sensitive]]", Sensitive, example)
        tables.append("\n".join([*_wrapped(words), _comment(table)]))
    if roles.also_sensitive:
        words = "These look sensitive too. Each is an audit of its own: take those that matter."
        others = [
            _suspect(s, columns, ("column", "harm", "continuous")) for s in roles.also_sensitive
        ]
        tables.append("\n#\n".join(["\n".join(_wrapped(words)), *map(_comment, others)]))
    return tables


def _suspect(suspect: Suspect, columns: Mapping[str, ColumnFacts], only: tuple[str, ...]) -> str:
    facts = columns.get(suspect.column)
    values = {
        "column": suspect.column,
        "harm": suspect.harm,
        "continuous": True if facts is not None and is_scale(facts) else None,
    }
    why = f"GUESS ({suspect.why}: the name has {suspect.word!r})."
    return _table("[[sensitive]]", Sensitive, values, notes={"column": why}, only=only)


def _policies(model: ModelFacts, outcome: ColumnFacts | None) -> list[str]:
    """Return three policies side by side: open, a little less, a lot less."""
    chains: list[tuple[str, list[dict[str, Any]]]] = [("open", [])]
    if model.task != "regression":
        chains.append(("rounded", [{"kind": "round", "digits": 2}]))
        chains.append(("label-only", [{"kind": "hard_label"}]))
    elif outcome is not None and (edges := _tenths(outcome)):
        chains.append(("bucketed", [{"kind": "bucket", "edges": edges}]))
        noise = {"kind": "keyed_noise", "scale": float(f"{(edges[-1] - edges[0]) / 20:.3g}")}
        chains.append(("noisy", [noise, {"kind": "clip", "low": edges[0], "high": edges[-1]}]))
    else:
        chains.append(("rounded", [{"kind": "round", "digits": 0}]))
        chains.append(("coarse", [{"kind": "round", "digits": -1}]))
    tables = []
    for i, (name, defences) in enumerate(chains):
        values = {"name": name, "defences": defences}
        only = () if i == 0 else ("name", "defences")
        tables.append(_table("[[policy]]", PolicyTable, values, only=only))
    return tables


def _tenths(outcome: ColumnFacts) -> list[float]:
    """Return eleven edges over the range of a regressor's outcomes; none if it cannot be cut."""
    low, high = outcome.low, outcome.high
    if low is None or high is None or not max(abs(low), abs(high)) < FURTHEST:
        return []
    exact = [low + (high - low) * i / 10 for i in range(11)]
    plain = [float(f"{edge:.6g}") for edge in exact]
    return next((e for e in (plain, exact) if all(a < b for a, b in pairwise(e))), [])
