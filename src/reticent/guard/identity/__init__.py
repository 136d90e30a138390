"""Who is asking: API keys, tokens, and callers that a trusted proxy vouches for."""
