"""Attacks on language models: what their training texts were."""
