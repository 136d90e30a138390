"""One adversary per file. Attacks never import each other, nor the truth."""

from functools import cache
from importlib.metadata import entry_points

from reticent.attacks.base import Attack, Knowledge, Reference, Shadow, settings_of

__all__ = ["Attack", "Knowledge", "Reference", "Shadow", "attack_types", "settings_of"]


@cache
def attack_types() -> dict[str, type[Attack]]:
    """Return the shelf: name -> attack class, our own and every installed plug-in's."""
    loaded = {point.name: point.load() for point in entry_points(group="reticent.attacks")}
    return dict(sorted(loaded.items()))
