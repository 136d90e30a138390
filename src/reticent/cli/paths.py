"""Where results go when nothing else is said."""

from pathlib import Path

#: Directory of an audit's results.
OUT = Path("reticent-out")
