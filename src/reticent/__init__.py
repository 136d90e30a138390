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
    "Experiment": "reticent.audit.experiment",
    "Policy": "reticent.policy",
    "Record": "reticent.audit.record",
    "ReticentError": "reticent.core",
    "Sensitive": "reticent.audit.experiment",
    "audit_model": "reticent.audit.in_memory",
    "from_config": "reticent.audit.setup",
    "from_objects": "reticent.audit.setup",
    "load_config": "reticent.config:load",
    "load_record": "reticent.audit.save:load",
    "render": "reticent.report",
    "run_audit": "reticent.audit.run",
    "save_record": "reticent.audit.save:save",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'reticent' has no attribute {name!r}")
    home, _, there = _HOME[name].partition(":")
    return getattr(import_module(home), there or name)


def __dir__() -> list[str]:
    return sorted(__all__)
