"""Pure output transforms, one per file."""

from functools import cache
from importlib.metadata import entry_points

from reticent.defences.base import Defence, Keyed

__all__ = ["Defence", "Keyed", "defence_kinds"]


@cache
def defence_kinds() -> dict[str, type[Defence]]:
    """Return kind -> defence class, our own and every installed plug-in's."""
    loaded = {point.name: point.load() for point in entry_points(group="reticent.defences")}
    return dict(sorted(loaded.items()))
