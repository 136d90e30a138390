"""A small language model with known probabilities: what comes next depends on the last two ids."""

from dataclasses import dataclass

import numpy as np

from reticent.core import Floats, Ints

ALPHABET = "0123456789abcdefghij klmnopqrstuvwxyz.:"


def tokens(text: str) -> Ints:
    return np.array([ALPHABET.index(c) for c in text.lower()], dtype=np.int64)


def pair_tokens(text: str) -> Ints:
    """Return ids of a tokenizer that joins two digits where it can, as byte-pair encodings do."""
    found, i = [], 0
    while i < len(text):
        if text[i : i + 2].isdigit() and len(text[i : i + 2]) == 2:
            found.append(len(ALPHABET) + int(text[i : i + 2]))
            i += 2
        else:
            found.append(ALPHABET.index(text[i]))
            i += 1
    return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Trigram:
    """Logits by the last two ids.

    Attributes:
        logprobs: (v, v, v).
        asked: sizes of the batches asked about.
    """

    logprobs: Floats
    asked: list[int]

    @staticmethod
    def random(seed: int, *, spread: float, size: int = len(ALPHABET)) -> "Trigram":
        logits = np.random.default_rng(seed).normal(size=(size, size, size)) * spread
        return Trigram(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)), [])

    def begin(self, prefix: Ints, wanted: Ints) -> tuple[Floats, Ints]:
        state = prefix[None, -2:]
        return self.logprobs[state[:, 0], state[:, 1]][:, wanted], state

    def step(self, state: Ints, rows: Ints, tokens: Ints, wanted: Ints) -> tuple[Floats, Ints]:
        self.asked.append(len(rows))
        after = np.stack([state[rows, 1], tokens], axis=1)
        return self.logprobs[after[:, 0], after[:, 1]][:, wanted], after

    def whole(self, prefix: Ints, path: Ints) -> float:
        ids = [*prefix[-2:].tolist(), *path.tolist()]
        return sum(
            float(self.logprobs[a, b, c]) for a, b, c in zip(ids, ids[1:], ids[2:], strict=False)
        )
