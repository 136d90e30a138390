"""A membership score learnt from reference models whose members the adversary knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reticent.attacks._membership_bayes import eb_lira
from reticent.attacks._membership_scores import masked_mean, masked_squares, rmia
from reticent.attacks._membership_signal import Signals
from reticent.core import Bools, Floats

MOST_ROWS = 60_000  # the learner gains nothing from more
#: Columns of `features` that grow with the target's confidence: the score may not fall in them.
GROWING = (0, 9, 10, 11, 12)


def features(s: Signals) -> Floats:
    """Return (n, f) what is known of each candidate: confidences and the published scores."""
    mean_in, n_in = masked_mean(s.references, s.contains)
    mean_out, n_out = masked_mean(s.references, ~s.contains)

    def std(mask: Bools, mean: Floats, count: Any) -> Floats:
        squares = masked_squares(s.references, mask, mean) / np.maximum(count - 1, 1)
        return np.where(count > 1, np.sqrt(squares), np.nan)

    def extreme(mask: Bools, sign: int) -> Floats:
        best = np.where(mask, sign * s.references, -np.inf).max(axis=0)
        return np.where(np.isfinite(best), sign * best, np.nan)

    columns = [
        s.target,
        mean_out,
        mean_in,
        std(~s.contains, mean_out, n_out),
        std(s.contains, mean_in, n_in),
        extreme(~s.contains, 1),
        extreme(~s.contains, -1),
        extreme(s.contains, 1),
        extreme(s.contains, -1),
        s.target - mean_out,
        s.target - mean_in,
        eb_lira(s),
        rmia(s) if len(s.target_z) else np.full(s.target.shape, np.nan),
    ]
    return np.column_stack(columns)


def learned(
    s: Signals, cases: Sequence[Signals], *, folds: int, seed: int
) -> tuple[list[Floats], Floats]:
    """Return learnt scores of each pseudo-target's candidates and of the target's, (n,) log-odds.

    A candidate is always scored by a model that was fitted without it. Leaving out the
    pseudo-target is not enough: the rows of one candidate share their reference models, so that
    a learner that knows the candidate again knows the masks of the others and, by what is left,
    that of the pseudo-target; with no leak at all it would look several times better than luck.

    Args:
        s: the target's case.
        cases: each reference model in the target's place, in the order of `s.contains`.
        folds: groups of candidates, 2 or more.
        seed: of the groups and the boosting.
    """
    rng = np.random.default_rng(seed)
    n = len(s.target)
    fold_of = rng.permutation(n) % folds
    rows = [features(case) for case in cases]
    asked = [*rows, features(s)]
    scores = np.empty((len(asked), n))
    for fold in range(folds):
        kept = fold_of != fold
        x = np.concatenate([r[kept] for r in rows])
        y = np.concatenate([c[kept] for c in s.contains])
        if len(y) > MOST_ROWS:
            chosen = np.sort(rng.permutation(len(y))[:MOST_ROWS])
            x, y = x[chosen], y[chosen]
        model = _boosted(x, y, seed)
        mine = ~kept
        for i, r in enumerate(asked):
            scores[i, mine] = model.decision_function(r[mine]) if mine.any() else 0.0
    # Trees answer in steps: the likelihood ratio orders what they leave equal.
    scores += 1e-6 * np.tanh(np.array([eb_lira(case) for case in (*cases, s)]) / 100)
    return list(scores[:-1]), scores[-1]


def _boosted(x: Floats, y: Bools, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    grows = np.zeros(x.shape[1], dtype=np.int64)
    grows[list(GROWING)] = 1
    return HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=int(np.clip(len(y) // 100, 20, 200)),
        monotonic_cst=grows,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    ).fit(x, y)
