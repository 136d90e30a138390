"""Render the record of a live probe: the same formats, the same words and the same numbers."""
