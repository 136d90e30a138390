"""What a stranger gets from a live endpoint, found from outside."""
