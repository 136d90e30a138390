"""Render records for people and for tools."""
