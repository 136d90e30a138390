"""A torch module behind one interface: pictures in our layout in, logits or vectors out."""

from typing import Any, Literal

import torch
from torch import nn

Layout = Literal["channels first", "channels last", "no channels", "rows", "as given"]
Answers = Literal["logits", "probabilities", "embedding"]

_TINY = 1e-12


class TorchView(nn.Module):
    """Takes (n, *shape) or (n, size) float32 in the model's units; answers (n, k).

    Args:
        module: the model as its owner has it.
        layout: how it takes pictures.
        answers: what comes out of it; probabilities are turned into their logarithms.
        shape: (height, width) or (height, width, 3).
    """

    def __init__(
        self, module: Any, layout: Layout, answers: Answers, shape: tuple[int, ...] | None
    ) -> None:
        nn.Module.__init__(self)
        self.module, self.layout, self.answers, self.shape = module, layout, answers, shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits or vectors."""
        out = self.module(arranged(x, self.layout, self.shape))
        if isinstance(out, (tuple, list)):
            out = out[0]
        if self.answers == "probabilities":
            return torch.log(torch.clamp(out, min=_TINY))
        return out  # type: ignore[no-any-return]  # a module may return anything


def arranged(x: torch.Tensor, layout: Layout, shape: tuple[int, ...] | None) -> torch.Tensor:
    """Return pictures as the model takes them."""
    if shape is None or layout == "as given":
        return x
    if layout == "rows":
        return x.reshape(len(x), -1)
    x = x.reshape(len(x), *shape)
    if layout == "no channels":
        return x
    if len(shape) == 2:
        x = x[..., None]
    return x.permute(0, 3, 1, 2) if layout == "channels first" else x


def working_layout(
    module: Any, shape: tuple[int, ...], low: float
) -> tuple[Layout | None, list[str]]:
    """Return the first layout that the module takes, and what it said to those it does not."""
    options: list[Layout] = ["channels first", "channels last"]
    if len(shape) == 2:
        options = ["channels first", "no channels", "channels last"]
    said = []
    for layout in [*options, "rows"]:
        grey = torch.full((2, *shape), low, dtype=torch.float32)
        try:
            with torch.no_grad():
                out = module(arranged(grey, layout, shape))
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            said.append(f"{layout}: {(str(error).strip().splitlines() or ['no message'])[0][:120]}")
            continue
        if isinstance(out, (tuple, list)):
            out = out[0]
        if getattr(out, "ndim", 0) == 2 and len(out) == 2:
            return layout, said
        said.append(f"{layout}: answered in the shape {tuple(getattr(out, 'shape', ()))}")
    return None, said


def colours_taken(module: nn.Module) -> int | None:
    """Return the input channels of the first convolution; None without one."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return int(part.in_channels)
    return None
