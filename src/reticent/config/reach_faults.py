"""Faults in how a model of texts or vectors is reached, that no single value shows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reticent.config.faults import Fault


def faults_of_ways(
    model: Mapping[str, Any], ways: Sequence[str], *, none: str, path: str
) -> Iterator[Fault]:
    """Return what is wrong unless exactly one of the ways to a model is given.

    Args:
        model: the [model] table.
        ways: the keys that say how it is reached.
        none: how it is said that there is none of them.
        path: a path, as an example.
    """
    given = [way for way in ways if model.get(way) is not None]
    if len(given) != 1:
        yield Fault(
            ("model", given[1]) if given else ("model",),
            f"model has {' and '.join(given) or none}; exactly one of them says how it is reached.",
            f'Write for example path = "{path}".',
        )


def faults_of_url(model: Mapping[str, Any], *, served_as: str) -> Iterator[Fault]:
    """Return what is wrong if an endpoint is not told which model it is asked for.

    Args:
        model: the [model] table.
        served_as: a name, as an example.
    """
    if model.get("url") is not None and model.get("served_as") is None:
        yield Fault(
            ("model", "url"),
            "model.url is given without model.served_as, the model's name there.",
            f'Write for example served_as = "{served_as}".',
        )
