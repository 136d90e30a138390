"""Read what a configuration names: the model and both sides of it, the adversary's records."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reticent.audit.opening import load_asked, name_of
from reticent.config import Config
from reticent.core import BadInput
from reticent.targets.base import Target
from reticent.targets.files import load_model, model_digest

if TYPE_CHECKING:
    import pandas as pd


def read_all(
    config: Config, *, trust: bool
) -> "tuple[Target, pd.DataFrame, pd.DataFrame, list[str], str]":
    """Return the model, both sides, the model's input columns, and the exact model's name."""
    if config.model.reached_by in ("function", "replay", "http"):
        members, non_members, features = _sides(config, ())
        target = load_asked(config, features, members)
        name = name_of(config, target, members[features])
        return target, members, non_members, features, name
    path = config.base / (config.model.path or "")
    target = load_model(path, trust=trust, name=config.model.title)
    members, non_members, features = _sides(config, target.columns)
    return target, members, non_members, features, model_digest(path)


def read_auxiliary(config: Config, source: str, fields: Sequence[str]) -> "pd.DataFrame":
    """Return the records that the adversary owns, checked.

    Raises: BadInput for missing columns or outcomes.
    """
    from reticent.data import check_auxiliary

    table = _read(config, source, fields)
    check_auxiliary(table, columns=fields)
    missing = int(table[config.data.target].isna().sum())
    if missing:
        raise BadInput(
            f"{missing} rows of the auxiliary data have no {config.data.target!r}.",
            way_out="Leave out records without an outcome.",
        )
    return table


def _sides(
    config: Config, columns: Sequence[str]
) -> "tuple[pd.DataFrame, pd.DataFrame, list[str]]":
    """Return both sides and the model's input columns, reading no column that is not needed."""
    from reticent.data import require_columns, split_members

    data = config.data
    chosen = data.features or columns or None
    wanted = None if chosen is None else [*chosen, data.target]
    if data.source is not None and data.member_column is not None:
        both = _read(config, data.source, None if wanted is None else [*wanted, data.member_column])
        members, non_members = split_members(both, data.member_column)
    else:
        members = _read(config, data.members or "", wanted)
        non_members = _read(config, data.non_members or "", wanted)
    if chosen is None and data.identifier is not None:
        # Misspelt, it would leave the true one among the inputs.
        require_columns(members.columns, [data.identifier], where="the members")
    aside = {data.target, data.identifier, data.member_column}
    features = list(chosen) if chosen else [c for c in members.columns if c not in aside]
    return members, non_members, features


def _read(config: Config, source: str, columns: Sequence[str] | None) -> "pd.DataFrame":
    from reticent.data import read_table

    wanted = None if columns is None else list(dict.fromkeys(columns))
    table: pd.DataFrame = read_table(source, columns=wanted, base=config.base)
    return table
