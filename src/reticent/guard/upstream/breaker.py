"""When to stop asking a model server that fails."""

from dataclasses import dataclass
from typing import Literal, final

State = Literal["closed", "open", "half-open"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a circuit opens, and for how long.

    Attributes:
        least_failures: failures within the window below which it stays closed.
        share: of the outcomes within the window, how many must be failures, 0 to 1. Without it a
            caller who knows an input that the model fails on could shut it for everybody.
        window_s: length of the window.
        rest_s: how long it stays open at first; doubles with every trial that fails.
        longest_rest_s: and how long at most.
    """

    least_failures: int = 8
    share: float = 0.5
    window_s: float = 10.0
    rest_s: float = 1.0
    longest_rest_s: float = 30.0


@final
class Breaker:
    """A circuit breaker: closed, open, or half-open with one trial under way.

    It has no clock: every method is told the time, in seconds of any clock that only goes forward.
    A ticket ties an outcome to the state it was admitted in: a slow success from before the
    circuit opened does not close it.

    Args:
        settings: when it opens, and for how long.

    Attributes:
        epoch: the ticket of those who are admitted while it is closed.
        state: closed, open or half-open.
    """

    __slots__ = (
        "_before",
        "_failures",
        "_half_s",
        "_opened_s",
        "_outcomes",
        "_rest_s",
        "_settings",
        "_start_s",
        "epoch",
        "state",
    )

    def __init__(self, settings: BreakerSettings) -> None:
        self._before = (0, 0)  # outcomes and failures of the half window before this one
        self.epoch = 0
        self._half_s = settings.window_s / 2
        self._outcomes = self._failures = 0  # of the half window now
        self._opened_s = 0.0
        self._rest_s = settings.rest_s
        self._settings = settings
        self._start_s = float("-inf")
        self.state: State = "closed"

    def admit(self, now_s: float) -> int | None:
        """Return a ticket, to be handed to exactly one of the methods below; None if open."""
        if self.state == "closed":
            return self.epoch
        if self.state == "open" and now_s - self._opened_s >= self._rest_s:
            self.epoch += 1
            self.state = "half-open"
            return self.epoch
        return None

    def retry_after_s(self, now_s: float) -> float:
        """Return when the next trial is due; 0 unless the circuit is open."""
        if self.state != "open":
            return 0.0
        return max(0.0, self._opened_s + self._rest_s - now_s)

    def succeeded(self, ticket: int, now_s: float) -> None:
        """Note an answer."""
        if ticket != self.epoch:
            return
        if self.state == "closed":
            if now_s - self._start_s < self._half_s:
                self._outcomes += 1
            else:
                self._count(0, now_s)
        else:
            self.epoch += 1
            self._before = (0, 0)
            self._outcomes = self._failures = 0
            self._rest_s = self._settings.rest_s
            self.state = "closed"

    def failed(self, ticket: int, now_s: float) -> None:
        """Note a failure: no connection, no answer in time, or a status of 5xx."""
        if ticket != self.epoch:
            return
        if self.state == "closed":
            self._count(1, now_s)
            outcomes = self._before[0] + self._outcomes
            failures = self._before[1] + self._failures
            enough = failures >= self._settings.least_failures
            if enough and failures >= self._settings.share * outcomes:
                self._open(now_s)
        else:
            self._rest_s = min(2 * self._rest_s, self._settings.longest_rest_s)
            self._open(now_s)

    def abandoned(self, ticket: int, now_s: float) -> None:
        """Note that nobody waits for the outcome any more; a trial is then still owed."""
        if ticket == self.epoch and self.state == "half-open":
            self._open(now_s - self._rest_s)

    def _open(self, opened_s: float) -> None:
        self.epoch += 1
        self._opened_s = opened_s
        self.state = "open"

    def _count(self, failures: int, now_s: float) -> None:
        age_s = now_s - self._start_s
        if age_s >= self._half_s:
            kept = age_s < 2 * self._half_s
            self._before = (self._outcomes, self._failures) if kept else (0, 0)
            self._outcomes = self._failures = 0
            self._start_s = now_s
        self._outcomes += 1
        self._failures += failures
