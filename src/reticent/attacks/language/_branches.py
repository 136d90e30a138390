"""A cache of transformers whose rows share what they have in common; imported only when used."""

from typing import Any, final

import torch
from transformers.cache_utils import Cache, DynamicLayer


def branched(cache: Any, rows: torch.Tensor) -> Cache:
    """Return the rows of a cache that branches go on from; the cache itself stays as it is.

    Args:
        cache: one of ours, or one with a single row in layers that only grow.
        rows: (b,) which of its rows each branch goes on from.
    """
    return Cache(layers=[_branch(layer, rows) for layer in cache.layers])


def _branch(layer: Any, rows: torch.Tensor) -> "Branches":
    if not isinstance(layer, Branches):
        return Branches((layer.keys, layer.values), None)
    own = layer.own
    return Branches(layer.shared, None if own is None else (own[0][rows], own[1][rows]))


@final
class Branches(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers is not typed
    """One layer's keys and values: what all rows share is kept once, what each adds by itself.

    Both are put together where the model wants them, in one copy: indexing whole rows and adding
    to them afterwards takes three, and more time than the model does.

    Attributes:
        shared: keys and values (1, heads, t, d) of what was read before the first branch.
        own: those (b, heads, t, d) of what each row read since; None for nothing.
    """

    def __init__(
        self,
        shared: tuple[torch.Tensor, torch.Tensor],
        own: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> None:
        self.shared = shared
        self.own = own
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in what one more token adds, and return all."""
        rows = len(key_states)
        before_keys, before_values = (
            ([], []) if self.own is None else ([self.own[0]], [self.own[1]])
        )
        own_keys, own_values = [*before_keys, key_states], [*before_values, value_states]
        keys = torch.cat([self.shared[0].expand(rows, -1, -1, -1), *own_keys], dim=-2)
        values = torch.cat([self.shared[1].expand(rows, -1, -1, -1), *own_values], dim=-2)
        self.own = torch.cat(own_keys, dim=-2), torch.cat(own_values, dim=-2)
        return keys, values

    def get_seq_length(self) -> int:
        """Return the tokens that were read."""
        own = 0 if self.own is None else self.own[0].shape[-2]
        return int(self.shared[0].shape[-2] + own)
