"""The journal: append-only chained rows, signed checkpoints, and the tools that read them."""

from reticent.guard.journal.open import journal_store, open_journal

__all__ = ["journal_store", "open_journal"]
