"""What each filling of a slot adds to a vector, and the fillings that explain a vector best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reticent.core import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Additive:
    """A vector is about `mean` plus what each slot's filling adds.

    Attributes:
        mean: (d,).
        effects: for each slot, (k_s, d).
    """

    mean: Floats
    effects: tuple[Floats, ...]

    def rest(self, goals: Floats, fills: Ints, slot: int) -> Floats:
        """Return (n, d) what is left to be explained by one slot, the others being as in `fills`.

        Args:
            goals: (n, d) vectors.
            fills: (n, s) index of each slot's filling.
            slot: the one whose own effect stays in.
        """
        left = goals - self.mean
        for other, effect in enumerate(self.effects):
            if other != slot:
                left = left - effect[fills[:, other]]
        return left

    def fit(self, goals: Floats, fills: Ints, slot: int) -> Floats:
        """Return (n, k_s) how well each filling of a slot explains what is left; higher is better.

        Minus the squared distance, up to what is the same for all fillings.
        """
        effect = self.effects[slot]
        return np.asarray(2 * self.rest(goals, fills, slot) @ effect.T - (effect**2).sum(axis=1))

    def solve(self, goals: Floats, start: Ints, sweeps: int) -> Ints:
        """Return (n, s) fillings by coordinate descent from `start`, asking nobody."""
        fills = start.copy()
        for _ in range(sweeps):
            before = fills.copy()
            for slot in range(len(self.effects)):
                fills[:, slot] = self.fit(goals, fills, slot).argmax(axis=1)
            if np.array_equal(before, fills):
                break
        return fills

    def badness(self, goals: Floats, fills: Ints) -> Floats:
        """Return (n,) squared distance between the goals and what the fillings add up to."""
        left = self.rest(goals, fills, 0) - self.effects[0][fills[:, 0]]
        return np.asarray((left**2).sum(axis=1))


def learn_additive(vectors: Floats, design: Sequence[tuple[Ints, Ints]]) -> Additive:
    """Return the effects seen in a design that varies one slot at a time.

    Args:
        vectors: (m, d) one a text of the design.
        design: for each slot, (rows, filling): (c, k_s) and (k_s,), where row j of `rows` are the
            places in `vectors` of context j with each filling in turn. The other slots are the
            same along a row, so what differs there is the slot's alone.
    """
    effects = []
    for rows, _ in design:
        block = vectors[rows]
        effects.append((block - block.mean(axis=1, keepdims=True)).mean(axis=0))
    every = np.concatenate([vectors[rows].mean(axis=1) for rows, _ in design])
    return Additive(mean=every.mean(axis=0), effects=tuple(effects))
