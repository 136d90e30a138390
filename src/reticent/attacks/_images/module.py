"""Torch modules, differentiated by torch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from reticent.attacks._images.gradient import Backward, Maps, NotDifferentiable, Rows
from reticent.attacks._images.losses import Loss
from reticent.core import Floats, ImageSpace, Ints

SMALLEST = 4  # cells a side: below, a layer no longer says where
_PLANE = 4  # axes of what keeps the picture's plane
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

        given, told = [], []
        for start in range(0, len(rows), CHUNK):
            part = np.ascontiguousarray(rows[start : start + CHUNK], dtype=np.float32)
            x = torch.from_numpy(part).requires_grad_(True)
            given.append(x)
            out = self._through(x)
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

    def layers(self, rows: Rows) -> list[str]:
        """Return the names of layers that keep the picture's plane: the last of each size in a row.

        Args:
            rows: (n, size) a picture or more to see it with.
        """
        sizes: dict[str, tuple[int, ...]] = {}
        with self._watched(self._leaves()) as kept:
            self._through_plainly(rows[:1])
        for name, out in kept.items():
            if getattr(out, "ndim", 0) == _PLANE and min(out.shape[2:]) >= SMALLEST:
                sizes[name] = tuple(out.shape[1:])
        last_of_each = [list(run)[-1] for _, run in groupby(sizes, sizes.__getitem__)]
        return [name for name in last_of_each if sizes[name][1:] != self.space.shape[:2]]

    def maps(self, rows: Rows, names: Sequence[str]) -> list[Maps]:
        """Return what pictures (n, size) make of each named layer, (n, channels, h, w)."""
        with self._watched(names) as kept:
            self._through_plainly(rows)
        return [kept[name].numpy() for name in names]

    def slopes(self, rows: Rows, names: Sequence[str], loss: Loss, y: Ints) -> list[Maps]:
        """Return how the loss changes with what each named layer holds, (n, channels, h, w)."""
        import torch

        found: list[list[Maps]] = [[] for _ in names]
        for start in range(0, len(rows), CHUNK):
            part = np.ascontiguousarray(rows[start : start + CHUNK], dtype=np.float32)
            with self._watched(names) as kept:
                told = self._through(torch.from_numpy(part).requires_grad_(True))
            _, down = loss(told.detach().numpy().astype(np.float64), y[start : start + CHUNK])
            v = torch.from_numpy(np.where(np.isfinite(down), down, 0.0).astype(np.float32))
            held = [kept[name] for name in names]
            # What lies beside the way to the answer changes nothing.
            back = torch.autograd.grad(told, held, v, allow_unused=True, materialize_grads=True)
            for one, slope in zip(found, back, strict=True):
                one.append(slope.numpy())
        return [np.concatenate(one) for one in found]

    def _through(self, x: Any) -> Any:
        """Return what the module makes of rows of unit values."""
        low, width = self.space.low, self.space.high - self.space.low
        shape = (self.space.size,) if self.space.flat else self.space.shape
        return self.module((low + width * x).reshape(len(x), *shape))

    def _through_plainly(self, rows: Rows) -> None:
        import torch

        with torch.no_grad():
            self._through(torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)))

    def _leaves(self) -> list[str]:
        return [n for n, part in self.module.named_modules() if n and not list(part.children())]

    @contextmanager
    def _watched(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Keep what the named layers put out, in the order in which they do; the last time each."""
        parts = dict(self.module.named_modules())
        kept: dict[str, Any] = {}

        def keep(name: str) -> Callable[..., None]:
            def hook(_: Any, __: Any, out: Any) -> None:
                kept.pop(name, None)
                kept[name] = out

            return hook

        hooks = [parts[name].register_forward_hook(keep(name)) for name in names]
        try:
            yield kept
        finally:
            for hook in hooks:
                hook.remove()
