"""Read records from files and queries, and check them. Loaded when first used."""

from importlib import import_module
from typing import Any

_HOME = {
    "Checked": "checks",
    "ColumnFacts": "facts",
    "Facts": "facts",
    "Finding": "checks",
    "among": "_rows",
    "check_auxiliary": "checks",
    "check_sides": "checks",
    "data_digest": "digest",
    "describe": "facts",
    "read_table": "table",
    "require_columns": "checks",
    "split_members": "members",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
