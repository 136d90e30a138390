"""Torch modules, differentiated by torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.attacks._images.gradient import Backward, NotDifferentiable, Rows
from reticent.core import Floats, ImageSpace

CHUNK = 64  # pictures at a time: what a convolution keeps for the way back grows with them


@dataclass(frozen=True, slots=True, eq=False)
class ModuleGradient:
    """A module (n, *shape) or (n, size) in the model's units -> (n, k).

    Dropout and batch norm stay as the owner serves them: the module must be in evaluation mode.
    """

    module: Any
    space: ImageSpace
    how: str = "torch"

    def __post_init__(self) -> None:
        if getattr(self.module, "training", False):
            raise NotDifferentiable(
                f"{type(self.module).__name__} is in training mode: its dropout and batch norm "
                "would answer each picture by the others it came with.",
                way_out="Call .eval() on it, as whoever serves it does.",
            )

    def forward(self, rows: Rows) -> tuple[Floats, Backward]:
        """Return logits (m, k) for pictures (m, size) in [0, 1], and the way back.

        Raises: NotDifferentiable for a module that lets no gradient through.
        """
        import torch

        low, width = self.space.low, self.space.high - self.space.low
        shape = (self.space.size,) if self.space.flat else self.space.shape
        given, told = [], []
        for start in range(0, len(rows), CHUNK):
            part = np.ascontiguousarray(rows[start : start + CHUNK], dtype=np.float32)
            x = torch.from_numpy(part).requires_grad_(True)
            given.append(x)
            out = self.module((low + width * x).reshape(len(part), *shape))
            if not out.requires_grad:
                raise NotDifferentiable(
                    f"{type(self.module).__name__} answers without a gradient: something in it "
                    "detaches, rounds or picks.",
                    way_out="Audit what it answers instead: expose scores or label.",
                )
            told.append(out)
        logits = np.concatenate([t.detach().numpy() for t in told]).astype(np.float64)

        def backward(slope: Floats) -> Rows:
            back, place = [], 0
            for x, t in zip(given, told, strict=True):
                v = torch.from_numpy(np.asarray(slope[place : place + len(x)], np.float32))
                (g,) = torch.autograd.grad(t, x, v, retain_graph=True)
                back.append(g.numpy())
                place += len(x)
            return np.concatenate(back)

        return logits, backward
