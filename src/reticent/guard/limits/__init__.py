"""How many rows a caller may ask for: rates, budgets and requests in flight."""
