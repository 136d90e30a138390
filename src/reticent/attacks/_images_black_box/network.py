"""A small network from answers to pictures, taught by the endpoint's own answers."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.attacks._images.autoencoder import dense, torch_of_ours
from reticent.core import Floats

HIDDEN = 128
BATCH = 64
RATE = 2e-3
ASIDE = 0.1  # of the questions tell when to stop
LOOKS = 20  # at those, along the way
NOISE = 0.1  # on features, in their deviations, while it learns: answers are coarser than nets
RIDGE = 1e-2  # of the features' mean variance, for the straight part


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inverse:
    """A straight line from answers to pictures and what a network adds to it.

    Attributes:
        module: (n, f) features of mean 0 and variance 1 -> (n, k) what the line misses.
        line: (f, k).
        middle: (f,) mean of the features.
        scale: (f,) deviation of the features.
        level: (k,) mean of the pictures.
        deviation: (k,) of the pictures, along each of what describes them.
        explained: share of the variance of pictures that were set aside that it explains.
        line_explained: share that the line alone explains.
    """

    module: Any
    line: Floats
    middle: Floats
    scale: Floats
    level: Floats
    deviation: Floats
    explained: float
    line_explained: float

    def modes(self, told: Floats) -> Floats:
        """Return (n, k) descriptions of pictures for (n, f) features of answers."""
        import torch

        x = (told - self.middle) / self.scale
        with torch.no_grad():
            more = self.module(torch.from_numpy(x.astype(np.float32))).numpy().astype(np.float64)
        return np.asarray(self.level + self.deviation * (x @ self.line + more))


def fit_inverse(told: Floats, modes: Floats, rng: np.random.Generator, *, rounds: int) -> Inverse:
    """Return an inverse that was fitted to (n, f) features of answers and (n, k) pictures.

    The line comes first, by ridge regression; the network learns what it misses, and is kept as it
    was when it told most of the questions set aside: nothing at all if it never helped.

    Args:
        told: features.
        modes: what was asked.
        rng: of weights, order and noise.
        rounds: minibatches.
    """
    torch = torch_of_ours()
    n, k = modes.shape
    aside = max(round(ASIDE * n), 2)
    order = rng.permutation(n)
    far, near = order[:aside], order[aside:]
    middle, scale = told[near].mean(axis=0), np.maximum(told[near].std(axis=0), 1e-9)
    level, deviation = modes[near].mean(axis=0), np.maximum(modes[near].std(axis=0), 1e-9)
    x, y = (told - middle) / scale, (modes - level) / deviation
    inner = x[near].T @ x[near] + RIDGE * len(near) * np.eye(x.shape[1])
    line = np.linalg.solve(inner, x[near].T @ y[near])
    left = y - x @ line
    # What counts is pictures: each of what describes them by how much it varies.
    weight = deviation**2 / (deviation**2).mean()
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    module = dense(torch, generator, (x.shape[1], HIDDEN, HIDDEN, k))
    with torch.no_grad():
        module[-1].weight.zero_()
    given, wanted, by = (torch.from_numpy(v.astype(np.float32)) for v in (x, left, weight))
    optimiser = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=rounds)
    total = float((weight * y[far] ** 2).sum())
    first = best = float((weight * left[far] ** 2).sum())
    kept = copy.deepcopy(module)
    for turn in range(rounds):
        some = torch.from_numpy(near[rng.integers(len(near), size=BATCH)])
        seen = given[some]
        seen = seen + NOISE * torch.randn(seen.shape, generator=generator)
        loss = (by * (module(seen) - wanted[some]).square()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if (turn + 1) % max(rounds // LOOKS, 1) == 0:
            with torch.no_grad():
                miss = float((by * (module(given[far]) - wanted[far]).square()).sum())
            if miss < best:
                best, kept = miss, copy.deepcopy(module)
    return Inverse(
        module=kept.eval(),
        line=line,
        middle=middle,
        scale=scale,
        level=level,
        deviation=deviation,
        explained=1 - best / max(total, 1e-300),
        line_explained=1 - first / max(total, 1e-300),
    )
