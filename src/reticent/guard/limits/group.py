"""Scopes that are asked together again and again."""

from collections.abc import Sequence
from typing import final

from reticent.guard.limits.admissions import GRANTED
from reticent.guard.limits.spending import Spending
from reticent.guard.types import Admission, Scope


@final
class ScopeGroup:
    """Scopes that were asked together, and what was spent of each, by what has to be looked at.

    Attributes:
        scopes: those.
        ones: of all.
        rated: of those with a rate, and that.
        counted: of those with a lifetime budget, and its rows.
        slots: of those with slots, and how many.
        held: of the same.
        rolling: whether one has a rolling budget.
    """

    __slots__ = ("counted", "held", "ones", "rated", "rolling", "scopes", "slots")

    def __init__(self, scopes: Sequence[Scope], ones: tuple[Spending, ...]) -> None:
        self.scopes = scopes
        self.ones = ones
        self.rated = tuple((one, one.rate) for one in ones if one.rate is not None)
        lifetimes = ((one, one.scope.lifetime_rows) for one in ones)
        self.counted = tuple((one, most) for one, most in lifetimes if most is not None)
        slots = ((one, one.scope.concurrent) for one in ones)
        self.slots = tuple((one, most) for one, most in slots if most is not None)
        self.held = tuple(one for one, _ in self.slots)
        self.rolling = any(one.windows for one in ones)

    def granted(self, rows: int, now_us: int) -> Admission | None:
        """Book rows that surely fit; None, and nothing booked, where it takes a closer look."""
        if self.rolling:
            return None
        for one, most in self.counted:
            spent = one.spent + rows
            if spent > most or spent > one.leased:
                return None
        for one, most in self.slots:
            if one.in_flight >= most:
                return None
        for one, rate in self.rated:
            level = one.level_units
            if level:  # `drained`, without a call: most requests come through here
                elapsed_us = now_us - one.at_us
                if elapsed_us > 0:
                    level -= elapsed_us * rate.units_per_us
                    if level < 0:
                        level = 0
            level += rows * rate.units_per_row
            if level > rate.room_units:
                return None
            one.poured_units = level
        for one, _ in self.rated:
            one.level_units = one.poured_units
        for one, _ in self.counted:
            one.spent += rows
        for one in self.ones:
            if now_us > one.at_us:
                one.at_us = now_us
        held = self.held
        if not held:
            return GRANTED
        for one in held:
            one.in_flight += 1
        return Admission(True, 0.0, "", "", held)
