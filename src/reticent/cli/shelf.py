"""The installed attacks as plain data."""

from typing import Any


def shelf() -> list[dict[str, Any]]:
    """Return one mapping an attack, sorted by family and name."""
    from reticent.attacks import attack_types

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
    return sorted(rows, key=lambda row: (row["family"], row["name"]))
