"""Audits of language models: what was planted, and what the model gave back."""
