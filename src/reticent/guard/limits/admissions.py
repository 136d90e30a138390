"""What limits say, whoever counts."""

from reticent.guard.limits.gcra import NEVER_US, US_PER_S
from reticent.guard.types import Admission

GRANTED = Admission(granted=True)
NO_STORE_RETRY_S = 1.0
BUSY_RETRY_S = 1.0
"""When to come again if all slots are taken: a guess, since nobody knows when one comes free."""


def refusal(wait_us: int, scope: str, reason: str) -> Admission:
    """Return a refusal that ends after a wait; NEVER_US for one that does not end."""
    retry_after_s = float("inf") if wait_us == NEVER_US else wait_us / US_PER_S
    return Admission(granted=False, retry_after_s=retry_after_s, scope=scope, reason=reason)


def give_back(admission: Admission) -> None:
    """Return a request's slots; twice counts once."""
    held = admission.ticket
    if type(held) is tuple:  # of `Spending`
        admission.ticket = None
        for one in held:
            one.in_flight -= 1
