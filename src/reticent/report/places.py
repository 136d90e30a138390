"""Where things stand in a configuration file, so that a code scanner can point at them."""

import tomllib
from pathlib import Path

from reticent.config.lines import line_numbers, nearest


def lines_in(text: str) -> dict[str, int]:
    r"""Return where policies and sensitive columns stand in the text of a reticent.toml.

    Returns: "policies.NAME" and "sensitive.COLUMN" -> line, counted from 1; empty if the text is
        no TOML.

    >>> lines_in('[[sensitive]]\ncolumn = "affair"\n\n[[policy]]\nname = "open"\n')
    {'policies.open': 4, 'sensitive.affair': 1}
    """
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    at = line_numbers(text)
    found: dict[str, int] = {}
    for table, name, key in (("policy", "name", "policies"), ("sensitive", "column", "sensitive")):
        entries = body.get(table, [])
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict) and isinstance(entry.get(name), str):
                found[f"{key}.{entry[name]}"] = nearest(at, (table, i))
    return found


def lines_of(path: str | None) -> dict[str, int]:
    """Return the same for a file; empty if there is none that can be read."""
    try:
        return lines_in(Path(path).read_text("utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
