"""Who is asking: API keys, tokens, and callers that a trusted proxy vouches for."""

from reticent.guard.identity.chain import Identity
from reticent.guard.identity.opening import open_identity, open_key_changes

__all__ = ["Identity", "open_identity", "open_key_changes"]
