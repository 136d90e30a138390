"""How many rows a caller may ask for: rates, budgets and requests in flight."""

from reticent.guard.limits.memory import MemoryLimits
from reticent.guard.limits.opening import open_limits
from reticent.guard.limits.scopes import ScopeMaker, network_of

__all__ = ["MemoryLimits", "ScopeMaker", "network_of", "open_limits"]
