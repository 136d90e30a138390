"""Shared maths of the attacks that see pictures' answers only."""
