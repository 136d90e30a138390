"""Look at a model and its data, and say what a configuration for them would be."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reticent.config.checks import KIND_BY_SUFFIX
from reticent.config.infer import ColumnFacts, ModelFacts, infer
from reticent.config.write import write
from reticent.core import BadInput

if TYPE_CHECKING:
    from reticent.data import ColumnFacts as Counted, Facts

_SHAPES: dict[str, Literal["number", "whole", "text", "boolean", "time", "other"]] = {
    "number": "number",
    "whole number": "whole",
    "truth value": "boolean",
    "text": "text",
    "time": "time",
}


def configuration(
    model: str,
    data: Path,
    *,
    non_members: Path | None,
    owner: str,
    beside: Path,
    trust_model_file: bool,
) -> tuple[str, list[str]]:
    """Return the text of a configuration, and what its owner has to complete.

    Args:
        model: a model file, a recorded query log, or package.module:function.
        data: the members, or everybody with a column that tells members from others.
        non_members: the others, if `data` holds the members alone.
        owner: who answers for the model.
        beside: the folder of the configuration, from which its paths start.
        trust_model_file: consent that the model file may run code.

    Raises: BadInput for a model or data that cannot be read; UntrustedFile.
    """
    from reticent.data import describe, require_columns

    facts = describe(data)
    columns = [_column(facts, column) for column in facts.columns]
    if not columns:
        raise BadInput(f"{data} has no columns.", way_out="Export the data again.")
    if non_members is not None and not non_members.is_file():
        raise BadInput(f"Data file {str(non_members)!r} is not there.", way_out="Check the path.")
    about = _model(model, beside=beside, trust=trust_model_file)
    require_columns([c.name for c in columns], about.features, where=str(data))
    roles = infer(about, columns)
    both = non_members is None and roles.member_column is not None
    text = write(
        about,
        roles,
        {column.name: column for column in columns},
        owner=owner,
        members=None if both else _from(beside, data),
        non_members=None if non_members is None else _from(beside, non_members),
        source=_from(beside, data) if both else None,
    )
    to_do = ["confirm what is marked GUESS."]
    if not both and non_members is None:
        to_do.append("set data.non_members: records that the model was not trained on.")
    if owner == "TODO":
        to_do.append("set model.owner: the person or team who answers for the model.")
    if not roles.sensitive:
        to_do.append("add [[sensitive]] tables: no column's name looks sensitive.")
    return text, to_do


def _from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _column(facts: "Facts", column: "Counted") -> ColumnFacts:
    return ColumnFacts(
        name=column.name,
        shape=_SHAPES.get(column.kind, "other"),
        rows=facts.rows,
        distinct=column.distinct,
        missing=round((column.missing_share or 0.0) * facts.rows),
        low=column.low,
        high=column.high,
        values=tuple(v for v in column.values if isinstance(v, str | int | float)),
    )


def _model(model: str, *, beside: Path, trust: bool) -> ModelFacts:
    path = Path(model)
    if ":" in model and not path.exists():
        return ModelFacts(call=model, cloneable=False)
    if KIND_BY_SUFFIX.get(path.suffix.lower()) == "replay":
        return ModelFacts(path=_from(beside, path), kind="replay", cloneable=False)

    from reticent.targets.files import load_model

    target = load_model(path, trust=trust)
    return ModelFacts(
        path=_from(beside, path),
        task="classification" if target.classes else "regression",
        classes=tuple(c for c in target.classes if isinstance(c, str | int | float)),
        features=target.columns,
        cloneable=path.suffix.lower() != ".onnx",
    )
