"""The place of the memorised-output filter in a streamed text; see `reticent.textindex.held`."""

from reticent.textindex.held import (
    FilterMaker,
    Finding,
    HeldText,
    PassText,
    TextFilter,
    Verdict,
    filtered,
    whole,
)

__all__ = [
    "FilterMaker",
    "Finding",
    "HeldText",
    "PassText",
    "TextFilter",
    "Verdict",
    "filtered",
    "whole",
]
