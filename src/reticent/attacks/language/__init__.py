"""Adversaries of language models, one a file. They never import each other, nor the truth."""

from functools import cache
from importlib.metadata import entry_points

from reticent.attacks.language.base import TextAttack, TextKnowledge, settings_of

__all__ = ["TextAttack", "TextKnowledge", "settings_of", "text_attack_types"]


@cache
def text_attack_types() -> dict[str, type[TextAttack]]:
    """Return the shelf: name -> attack class, our own and every installed plug-in's."""
    loaded = {point.name: point.load() for point in entry_points(group="reticent.text_attacks")}
    return dict(sorted(loaded.items()))
