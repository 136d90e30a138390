"""A transformers model asked token by token, what it has read kept (the extra `language`)."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from reticent.core import BadAnswer, Floats, Ints, NotExposed


@final
@dataclass(frozen=True, slots=True, eq=False)
class CachedModel:
    """Keys and values of what was read are kept, so that a step costs one token a row.

    Attributes:
        model: a transformers model for causal language modelling.
        name: how messages call it.
    """

    model: Any
    name: str

    def begin(self, prefix: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (1, c) log-probabilities of the `wanted` ids after a prefix, and what was read."""
        return self._asked(prefix[None, :], None, wanted)

    def step(self, state: Any, rows: Ints, tokens: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (b, c) log-probabilities after rows of a batch go on with one token each."""
        return self._asked(tokens[:, None], self._branched(state, rows), wanted)

    def whole(self, prefix: Ints, path: Ints) -> float:
        """Return the log-probability of the ids of a path after a prefix, in nats."""
        return _whole(self.model, prefix, path, self.name)

    def _asked(self, ids: Ints, cache: Any, wanted: Ints) -> tuple[Floats, Any]:
        import torch

        with torch.inference_mode():
            said = self.model(
                input_ids=torch.from_numpy(np.ascontiguousarray(ids)),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            return _shown(said.logits[:, -1], wanted, self.name), said.past_key_values

    @staticmethod
    def _branched(cache: Any, rows: Ints) -> Any:
        """Return the rows that branches go on from; the cache itself stays as it is."""
        import torch

        from reticent.attacks.language._branches import branched

        with torch.inference_mode():
            return branched(cache, torch.from_numpy(rows))


@final
@dataclass(frozen=True, slots=True, eq=False)
class RereadModel:
    """The same answers with nothing kept: every step reads its whole text again.

    What the search costs without a cache, for comparison; and the way for a model whose cache
    cannot be branched.

    Attributes:
        model: a transformers model for causal language modelling.
        name: how messages call it.
    """

    model: Any
    name: str

    def begin(self, prefix: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (1, c) log-probabilities of the `wanted` ids after a prefix, and the text."""
        return self._asked(prefix[None, :], wanted)

    def step(self, state: Any, rows: Ints, tokens: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (b, c) log-probabilities after rows of a batch go on with one token each."""
        return self._asked(np.concatenate([state[rows], tokens[:, None]], axis=1), wanted)

    def whole(self, prefix: Ints, path: Ints) -> float:
        """Return the log-probability of the ids of a path after a prefix, in nats."""
        return _whole(self.model, prefix, path, self.name)

    def _asked(self, ids: Ints, wanted: Ints) -> tuple[Floats, Any]:
        import torch

        with torch.inference_mode():
            said = self.model(
                input_ids=torch.from_numpy(np.ascontiguousarray(ids)),
                use_cache=False,
                logits_to_keep=1,
            )
            return _shown(said.logits[:, -1], wanted, self.name), ids


def cached(weights: object, *, name: str) -> CachedModel | RereadModel:
    """Return a model to ask token by token, with what it has read kept if it can be.

    Raises: NotExposed if the weights are not a transformers model for causal language modelling.
    """
    import inspect

    forward = getattr(weights, "forward", None)
    taken = inspect.signature(forward).parameters if callable(forward) else {}
    if "input_ids" not in taken or "logits_to_keep" not in taken:
        raise NotExposed(
            f"{name} is no transformers model for causal language modelling.",
            way_out="Score canaries through LOGPROBS; ranks are estimated then.",
        )
    if "past_key_values" not in taken:
        return RereadModel(weights, name)
    whole = CachedModel(weights, name)
    ids = np.arange(3) % int(weights.get_input_embeddings().weight.shape[0])  # type: ignore[attr-defined]  # of every transformers model
    _, state = whole.begin(ids, ids[:1])
    layers = getattr(state, "layers", ())
    # Caches that slide or hold a recurrent state are not rows of keys and values.
    plain = all(type(layer).__name__ == "DynamicLayer" for layer in layers) and len(layers) > 0
    return whole if plain else RereadModel(weights, name)


def _whole(model: Any, prefix: Ints, path: Ints, name: str) -> float:
    import torch

    with torch.inference_mode():
        ids = torch.from_numpy(np.concatenate([prefix, path]))[None]
        said = model(input_ids=ids, use_cache=False, logits_to_keep=len(path) + 1).logits[0, :-1]
        told = _shown(said, path, name)
    return float(np.diagonal(told).sum())


def _shown(logits: Any, wanted: Ints, name: str) -> Floats:
    import torch

    if not bool(torch.isfinite(logits).all()):
        raise BadAnswer(
            f"{name} answered logits that are not finite.", way_out='Load it in "float32".'
        )
    logits = logits.float()
    told = logits[:, torch.from_numpy(wanted)] - logits.logsumexp(dim=1, keepdim=True)
    return np.asarray(told.numpy(), dtype=np.float64)
