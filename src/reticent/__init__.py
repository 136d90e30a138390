"""Measure, limit and watch what a model reveals about the people it was trained on.

Names are loaded when they are first used, so that `import reticent` stays cheap.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Answer": "reticent.core",
    "Channel": "reticent.core",
    "Leakage": "reticent.core",
    "Policy": "reticent.policy",
    "ReticentError": "reticent.core",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'reticent' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
