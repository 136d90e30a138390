"""Audits whose right answer is known: which text is behind a vector?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from reticent.attacks.base import Knowledge, Reference
from reticent.audit.truth import Truth
from reticent.core import (
    Bools,
    Candidates,
    Domain,
    Floats,
    Population,
    TextReconstructionClaim,
    as_texts,
)
from reticent.policy import Policy
from reticent.targets.embedder import EmbedderTarget
from reticent.testing.planted import REFERENCE_SECRET, TARGET_SECRET, Planted, door

TEMPLATE = "{who} from {where} asked about {what}"
FILLS = {
    "who": ("anna", "boris", "chloe", "david", "elena", "farid", "greta", "hugo"),
    "where": ("lisbon", "oslo", "turin", "riga", "porto", "ghent", "bern", "malaga"),
    "what": ("asthma", "diabetes", "migraine", "anaemia", "eczema", "gout", "lupus", "sepsis"),
}
DIMENSIONS = 48
ORDER_WEIGHT = 0.15


def projected_bag(name: str, seed: int, dimensions: int = DIMENSIONS) -> EmbedderTarget:
    """Return a tiny embedder: every word, and faintly every pair of neighbours, has a direction.

    Directions are drawn from the word and the seed alone, so any text can be asked.
    """
    drawn: dict[str, Floats] = {}

    def direction(unit: str) -> Floats:
        if unit not in drawn:
            key = [seed, *unit.encode("utf-8", "surrogatepass")]
            drawn[unit] = np.random.default_rng(key).normal(size=dimensions)
        return drawn[unit]

    def embed(texts: Sequence[str]) -> Floats:
        out = np.zeros((len(texts), dimensions))
        for row, text in enumerate(texts):
            words = text.lower().split()
            for word in words:
                out[row] += direction(word)
            for first, second in pairwise(words):
                out[row] += ORDER_WEIGHT * direction(f"{first} {second}")
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))

    return EmbedderTarget(embed=embed, name=name)


def plant_texts(
    *,
    leak: bool,
    seed: int,
    policy: Policy | None = None,
    n: int = 240,
    n_population: int = 400,
) -> Planted:
    """Plant vectors that are embeddings of the texts, or (silence) of other texts drawn alike.

    Every text fills `TEMPLATE`, each slot uniformly and on its own, so a slot that is guessed
    without a look at the vector is right with probability 1 / 8, whatever the guess.

    Args:
        leak: whether the vectors have to do with the texts.
        seed: of texts and embedders.
        policy: of the endpoint; the vectors under attack went through it too.
        n: vectors under attack.
        n_population: texts of the adversary's own.

    Returns: the audit; `known` has prior_accuracy, of one slot. `truth.records` has the fills.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    policy = policy or Policy()
    target = projected_bag("planted embedder", seed)

    def draw(count: int) -> "pd.DataFrame":
        return pd.DataFrame({s: rng.choice(np.array(v, object), count) for s, v in FILLS.items()})

    def texts(fills: "pd.DataFrame") -> list[str]:
        columns = [fills[slot] for slot in FILLS]
        return [
            TEMPLATE.format(**dict(zip(FILLS, row, strict=True)))
            for row in zip(*columns, strict=True)
        ]

    fills, others, own = draw(n), draw(n), draw(n_population)
    asked = as_texts(texts(fills if leak else others))
    seen = policy.apply(target.answer(asked), asked, secret=TARGET_SECRET)
    public = door(
        projected_bag("public embedder", seed + 1, 2 * DIMENSIONS),
        Policy(),
        identity="public embedder",
        secret=REFERENCE_SECRET,
    )
    return Planted(
        access=door(target, policy),
        candidates=Candidates(x=np.empty((n, 0)), observed=seen),
        knowledge=Knowledge(
            population=Population(x=as_texts(texts(own)), y=np.zeros(n_population, dtype=np.int64)),
            references=[Reference(access=public, contains=np.zeros(n, dtype=bool))],
            domains={s: Domain(values=np.array(v, object)) for s, v in FILLS.items()},
            template=TEMPLATE,
        ),
        truth=Truth(is_member=np.ones(n, dtype=bool), records=fills),
        known={"prior_accuracy": 1 / 8},
    )


def slots_right(claim: TextReconstructionClaim, case: Planted) -> Bools:
    """Return (n * slots,) where a text names the true fill of a slot and no other fill of it."""
    records = case.truth.records
    if records is None:
        raise ValueError("the planted audit has no records")
    said = [set(text.lower().split()) for text in claim.texts]
    return np.array(
        [
            said[i] & set(fills) == {records[slot].iloc[i]}
            for slot, fills in FILLS.items()
            for i in range(len(said))
        ]
    )
