"""What a defence of vectors costs: do searches still find what they found?"""

from dataclasses import replace

import numpy as np

from reticent.audit.embedding.grade import mean_figure
from reticent.core import Floats, Ints, Leakage

BLOCK = 256


def neighbours(queries: Floats, corpus: Floats, k: int) -> Ints:
    """Return (q, k) the rows of `corpus` with the greatest cosine with each query, best first.

    Withheld coordinates count as 0. Ties go to the earlier row.
    """
    a, b = _unit(queries), _unit(corpus)
    k = min(k, len(b))
    found = np.empty((len(a), k), dtype=np.int64)
    for start in range(0, len(a), BLOCK):
        near = a[start : start + BLOCK] @ b.T
        found[start : start + BLOCK] = np.argsort(-near, axis=1, kind="stable")[:, :k]
    return found


def recall_at_k(
    bare: tuple[Floats, Floats],
    guarded: tuple[Floats, Floats],
    *,
    k: int = 10,
    confidence: float,
    rng: np.random.Generator,
) -> Leakage:
    """Return the share of the bare embedder's k nearest that a search under the policy still finds.

    Both the stored vectors and the queries went through the policy: a search compares like with
    like. Without relevance judgements this is the overlap of the two top k, the recall of a store
    whose right answers are those of the bare vectors.

    Args:
        bare: (q, d) queries and (n, d) corpus as the model answers.
        guarded: the same under the policy; queries not at all if it withholds vectors.
        k: results a search.
        confidence: of the interval, a bootstrap over queries.
        rng: of the bootstrap.
    """
    right, left = neighbours(*bare, k), neighbours(*guarded, k)
    hits = np.array(
        [len(set(a) & set(b)) for a, b in zip(right.tolist(), left.tolist(), strict=True)]
    )
    shares = hits / max(right.shape[1], 1)
    found = mean_figure(shares, metric=f"recall_at_{k}", confidence=confidence, rng=rng)
    return replace(found, counts={"hits": float(hits.sum()), "n": float(right.size)})


def _unit(vectors: Floats) -> Floats:
    plain = np.nan_to_num(vectors)
    return np.asarray(plain / np.maximum(np.linalg.norm(plain, axis=1, keepdims=True), 1e-12))
