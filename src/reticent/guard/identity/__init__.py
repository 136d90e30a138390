"""Who is asking: API keys, tokens, and callers that a trusted proxy vouches for."""

from reticent.guard.identity.chain import Identity
from reticent.guard.identity.opening import check_tokens, open_identity, open_key_changes

__all__ = ["Identity", "check_tokens", "open_identity", "open_key_changes"]
