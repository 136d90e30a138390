"""Which of the known names, places or conditions a vector speaks of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.attacks.embedding._vectors import asker, own_texts, shown, stolen, unit
from reticent.attacks.embedding._words import WORD
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    NotEnoughKnowledge,
    TextReconstructionClaim,
)

RIDGE = 0.1  # of the spread of the training vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRecovery:
    """Say for each kind of entity which value of a list the text behind a vector holds.

    It takes no template: what it needs is a list of values for each kind (`domains`) and texts of
    the adversary's own that hold some of them. Values in those texts are exchanged for
    others of the list, each value so many times, and a ridge classifier learns to tell the values
    apart by what the vectors have in common. A kind that no own text holds is learned from the
    values alone, each as a text by itself.

    Attributes:
        times: texts in which each value is seen.
    """

    name: ClassVar[str] = "entity-recovery"
    family: ClassVar[Family] = Family.EMBEDDING
    accepts: ClassVar[Channel] = Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"population", "domains"})
    cost: ClassVar[str] = "3 queries a known value"
    source: ClassVar[str] = (
        "Attribute inference from embeddings: Song & Raghunathan 2020, "
        "https://arxiv.org/abs/2004.00053; keyword inference: Pan et al. 2020, "
        "https://doi.org/10.1109/SP40000.2020.00095"
    )

    times: int = 3

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> TextReconstructionClaim:
        """Return the values read from each vector, with spaces between.

        The least margin between the best and the second value of a kind is the confidence.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ask = asker(access, self.name)
        found = stolen(candidates, self.name)
        texts = own_texts(knowledge, self.name)
        lists = {
            kind: [str(value) for value in domain.values.tolist()]
            for kind, domain in knowledge.domains.items()
            if len(domain.values) > 1
        }
        if not lists:
            raise NotEnoughKnowledge(
                f"{self.name} has no list of values to look for.",
                way_out="Give a list for every kind of entity.",
            )
        kept = shown(found)
        goals = unit(found)[:, kept]
        said: list[list[str]] = [[] for _ in goals]
        margin = np.full(len(goals), np.inf)
        for values in lists.values():
            made, labels = _exchanged(texts, values, self.times, rng)
            scores = _classified(unit(ask(made))[:, kept], labels, len(values), goals)
            best = np.sort(scores, axis=1)
            margin = np.minimum(margin, best[:, -1] - best[:, -2])
            for i, j in enumerate(scores.argmax(axis=1).tolist()):
                said[i].append(values[j])
        return TextReconstructionClaim(texts=tuple(map(" ".join, said)), confidence=margin)


def _exchanged(
    texts: Sequence[str], values: Sequence[str], times: int, rng: np.random.Generator
) -> tuple[list[str], "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Return texts with each value put in `times` times where another stood, and which it is."""
    carriers = _carriers(texts, values)
    made, labels = [], []
    for j, value in enumerate(values):
        if not carriers:
            made.append(value)
            labels.append(j)
            continue
        for i in rng.integers(len(carriers), size=times).tolist():
            before, after = carriers[i]
            made.append(before + value + after)
            labels.append(j)
    return made, np.array(labels, dtype=np.int64)


def _carriers(texts: Sequence[str], values: Sequence[str]) -> list[tuple[str, str]]:
    """Return what stands before and after the first value in each text that holds one."""
    wanted = {value.lower() for value in values}
    longest = max(len(WORD.findall(value)) for value in values) or 1
    found = []
    for text in texts:
        spans = [match.span() for match in WORD.finditer(text)]
        place = next(
            (
                (spans[i][0], spans[i + size][1])
                for size in range(longest - 1, -1, -1)
                for i in range(len(spans) - size)
                if text[spans[i][0] : spans[i + size][1]].lower() in wanted
            ),
            None,
        )
        if place is not None:
            found.append((text[: place[0]], text[place[1] :]))
    return found


def _classified(
    vectors: Floats, labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", k: int, goals: Floats
) -> Floats:
    """Return (n, k) scores of a ridge classifier, (m, d) vectors with (m,) labels being known."""
    middle = vectors.mean(axis=0)
    x = vectors - middle
    hot = np.zeros((len(x), k))
    hot[np.arange(len(x)), labels] = 1
    strength = RIDGE * float((x**2).sum()) / max(x.shape[1], 1)
    gram = x.T @ x + max(strength, 1e-9) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (hot - hot.mean(axis=0)))
    return np.asarray((goals - middle) @ weights)
