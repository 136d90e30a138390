"""Gradients from differences, for models that have none: trees, neighbours, odd pieces."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.attacks._images.gradient import Backward, Rows
from reticent.core import Floats, ImageSpace

DIRECTIONS = 48  # pairs of questions a picture and step
FAR = 0.1  # how far to look, in shades from black to white: a tree is flat nearby
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class EstimatedGradient:
    """A model with `predict_proba` whose slopes are measured along smooth random patterns.

    Attributes:
        why: what stands in the way of a real gradient.
    """

    model: Any
    space: ImageSpace
    rng: np.random.Generator
    why: str = ""

    @property
    def how(self) -> str:
        """Return where the gradients come from."""
        return f"estimated from differences: {self.why}"

    def forward(self, rows: Rows) -> tuple[Floats, Backward]:
        """Return log-probabilities (m, k) for pictures (m, size) in [0, 1], and the way back."""
        logits = self._ask(rows)

        def backward(slope: Floats) -> Rows:
            found = np.zeros(rows.shape, dtype=np.float32)
            for _ in range(DIRECTIONS):
                way = self._pattern()
                rise = self._ask(rows + FAR * way) - self._ask(rows - FAR * way)
                found += ((slope * rise).sum(axis=1)[:, None] * way).astype(np.float32)
            return found / (2 * FAR * DIRECTIONS)

        return logits, backward

    def _ask(self, rows: Rows) -> Floats:
        asked = self.space.inputs(np.clip(rows, 0, 1).astype(np.float64))
        return np.asarray(np.log(np.maximum(self.model.predict_proba(asked), _FLOOR)))

    def _pattern(self) -> Rows:
        from scipy.ndimage import gaussian_filter

        noise = self.rng.standard_normal(self.space.shape)
        wide = max(self.space.shape[0] / 16, 0.5)
        smooth = gaussian_filter(noise, (wide, wide, 0)[: noise.ndim])
        return np.asarray((smooth / smooth.std()).reshape(-1), dtype=np.float32)
