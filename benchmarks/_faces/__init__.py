"""The sections of faces.py: one target or one way in per file, on one frame."""
