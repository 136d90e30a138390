"""Fingerprints of a private corpus, and the filter that keeps a model from saying it."""
