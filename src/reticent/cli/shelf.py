"""The installed attacks as plain data."""

from typing import Any


def shelf() -> list[dict[str, Any]]:
    """Return one mapping an attack, sorted by family and name."""
    from reticent.attacks import attack_types
    from reticent.attacks.language import text_attack_types
    from reticent.core import Family

    rows = [
        {
            "name": kind.name,
            "family": kind.family.value,
            "accepts": [str(c.name).lower() for c in kind.accepts],
            "wants": sorted(kind.wants),
            "cost": kind.cost,
            "source": kind.source,
        }
        for kind in attack_types().values()
    ]
    rows += [
        {
            "name": text.name,
            "family": Family.TEXT.value,
            "accepts": [str(c.name).lower() for c in text.accepts],
            "wants": sorted(text.wants),
            "cost": text.cost,
            "source": text.source,
        }
        for text in text_attack_types().values()
    ]
    return sorted(rows, key=lambda row: (row["family"], row["name"]))
