"""Carry vectors of an unknown embedder over to a known one, and read them there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.attacks.embedding._read import learn_reader
from reticent.attacks.embedding._refine import Refinement, refine
from reticent.attacks.embedding._vectors import asker, own_texts, shown, stolen, unit
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    NotEnoughKnowledge,
    TextReconstructionClaim,
)

FOLDS = 5
RIDGES = tuple(10.0**k for k in range(-4, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Map vectors of the target to those of a public embedder by a few pairs, then decode there.

    The adversary gets the target's vectors of about a thousand texts of its own (a leak, or so many
    queries), and has a public embedder that it may ask without end. A ridge regression, its
    strength chosen by cross-validation, carries one space over into the other; the words are read
    by a decoder that was trained on the public one, and mended by asking the public one.

    Differences to ALGEN: the decoder reads words (see word-decoder) instead of generating; the
    generator took 200,000 pairs and a graphics card.

    Attributes:
        pairs: texts whose vectors are asked of the target.
        most_words: of the vocabulary.
        epochs: times that each of the public pairs is seen in training.
        rate: greatest step of the training.
        threshold: probability from which a word is claimed at first.
        rounds: changes at most of each text.
        pull: nats that a cosine of 1 is worth beside the decoder's log-odds.
    """

    name: ClassVar[str] = "embedding-alignment"
    family: ClassVar[Family] = Family.EMBEDDING
    accepts: ClassVar[Channel] = Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"population", "references"})
    cost: ClassVar[str] = "1,000 queries in all; minutes of training"
    source: ClassVar[str] = "ALGEN: Chen, Xu & Bjerva 2025, https://arxiv.org/abs/2502.11308"

    pairs: int = 1000
    most_words: int = 12_000
    epochs: int = 3
    rate: float = 3e-3
    threshold: float = 0.2
    rounds: int = 8
    pull: float = 150.0

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> TextReconstructionClaim:
        """Return the words read from each vector; the cosine of the guess is the confidence.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ask = asker(access, self.name)
        found = stolen(candidates, self.name)
        texts = own_texts(knowledge, self.name)
        if not knowledge.references:
            raise NotEnoughKnowledge(
                f"{self.name} reads through a public embedder, and there is none.",
                way_out="Give it one that is not the target, as a reference.",
            )
        public = asker(knowledge.references[0].access, self.name)
        there = unit(public(texts))
        chosen = rng.permutation(len(texts))[: self.pairs]
        here = unit(ask([texts[i] for i in chosen]))
        kept = shown(found)
        carry = _ridge(here[:, kept], there[chosen], rng)
        goals = unit(carry(unit(found)[:, kept]))
        reader = learn_reader(
            texts,
            there,
            np.ones(there.shape[1], dtype=bool),
            rng,
            most_words=self.most_words,
            epochs=self.epochs,
            rate=self.rate,
            threshold=self.threshold,
        )
        how = Refinement(rounds=self.rounds, adds=12, drops=6, swaps=3, pull=self.pull)
        guesses, cosine = refine(reader, public, goals, how)
        return TextReconstructionClaim(
            texts=tuple(map(reader.vocabulary.text, guesses)),
            confidence=cosine,
            notes={"pairs": len(chosen), "ridge": carry.ridge},
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Carry:
    """An affine map between two spaces."""

    matrix: Floats
    middle_here: Floats
    middle_there: Floats
    ridge: float

    def __call__(self, vectors: Floats) -> Floats:
        return np.asarray((vectors - self.middle_here) @ self.matrix + self.middle_there)


def _ridge(here: Floats, there: Floats, rng: np.random.Generator) -> _Carry:
    """Return the ridge regression of `there` on `here`, its strength by cross-validation."""
    fold = rng.permutation(len(here)) % FOLDS
    off = np.zeros(len(RIDGES))
    for k in range(FOLDS):
        known, held = fold != k, fold == k
        if not known.any() or not held.any():
            continue
        for j, ridge in enumerate(RIDGES):
            carry = _fit(here[known], there[known], ridge)
            off[j] += ((carry(here[held]) - there[held]) ** 2).sum()
    return _fit(here, there, RIDGES[int(off.argmin())])


def _fit(here: Floats, there: Floats, ridge: float) -> _Carry:
    a, b = here.mean(axis=0), there.mean(axis=0)
    x = here - a
    gram = x.T @ x + ridge * np.eye(x.shape[1])
    return _Carry(np.linalg.solve(gram, x.T @ (there - b)), a, b, ridge)
