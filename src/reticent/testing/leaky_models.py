"""The classifier of the leaky demonstration server: a cascade fitted to real patients' records.

The records are the 569 fine-needle aspirates of breast tumours that scikit-learn ships (W. N.
Street, W. H. Wolberg, O. L. Mangasarian, "Nuclear feature extraction for breast tumor diagnosis",
1993). Nothing about it is hidden or slowed down on purpose: a forest that fits its training rows
too well, and a triage before it that spares the clear cases the wait, are what many would write.
"""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from reticent.core import Floats, Ints

NAME = "tumour"
FEATURES = 10  # the means; the data set holds their errors and extremes besides
TREES = 200
CLEAR = 0.6


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Cascade:
    """Clearly benign rows are answered by a logistic regression, the others by a forest.

    Attributes:
        columns: input names, in order.
        classes: class values, in the order of the scores.
        rows: (n, d) what it was trained on.
        labels: (n,) their class indices.
        centre, scale: (d,) mean and standard deviation of the rows.
        weights: (d,) of the regression on standardised rows.
        offset: of the regression.
        forest: a fitted RandomForestClassifier.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    rows: Floats
    labels: Ints
    centre: Floats
    scale: Floats
    weights: Floats
    offset: float
    forest: Any

    def scores(self, x: Floats) -> Floats:
        """Return (n, 2) class probabilities of (n, d) rows."""
        benign = self._benign(x)
        found = np.column_stack([1 - benign, benign])
        unclear = benign < CLEAR
        if unclear.any():
            found[unclear] = self.forest.predict_proba(x[unclear])
        return found

    def explained(self, x: Floats) -> tuple[Floats, Floats]:
        """Return what each feature adds to the score of "benign".

        For a row of the first stage in log-odds; for one of the forest the change of the mean
        vote along the paths, feature by feature (A. Saabas, "Interpreting random forests", 2014).

        Returns: base values (n,), and contributions (n, d).
        """
        benign = self._benign(x)
        base = np.full(len(x), self.offset)
        parts = (x - self.centre) / self.scale * self.weights
        for i in np.flatnonzero(benign < CLEAR):
            base[i], parts[i] = self._along_paths(x[i : i + 1])
        return base, parts

    def _benign(self, x: Floats) -> Floats:
        logits = (x - self.centre) / self.scale @ self.weights + self.offset
        found: Floats = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
        return found

    def _along_paths(self, row: Floats) -> tuple[float, Floats]:
        base, parts = 0.0, np.zeros(len(self.columns))
        for tree in self.forest.estimators_:
            path = tree.decision_path(row).indices
            votes = tree.tree_.value[path, 0]
            share = votes[:, 1] / votes.sum(axis=1)
            base += share[0]
            np.add.at(parts, tree.tree_.feature[path[:-1]], np.diff(share))
        return base / len(self.forest.estimators_), parts / len(self.forest.estimators_)


def train(*, seed: int) -> Cascade:
    """Return the cascade, fitted to every other patient's record.

    Args:
        seed: of the forest.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    data = load_breast_cancer()
    x = np.asarray(data.data[::2, :FEATURES], dtype=np.float64)
    y = np.asarray(data.target[::2], dtype=np.int64)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    triage = LogisticRegression().fit((x - centre) / scale, y)
    return Cascade(
        columns=columns(),
        classes=tuple(map(str, data.target_names)),
        rows=x,
        labels=y,
        centre=centre,
        scale=scale,
        weights=triage.coef_[0],
        offset=float(triage.intercept_[0]),
        forest=RandomForestClassifier(
            n_estimators=TREES, min_samples_leaf=3, random_state=seed
        ).fit(x, y),
    )


def columns() -> tuple[str, ...]:
    """Return the names of the inputs, in order."""
    from sklearn.datasets import load_breast_cancer

    names = load_breast_cancer().feature_names[:FEATURES]
    return tuple(str(name).replace(" ", "_") for name in names)


def strangers() -> tuple[Floats, Ints]:
    """Return the rows (n, d) and class indices (n,) that the cascade was not fitted to."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    rows = np.asarray(data.data[1::2, :FEATURES], dtype=np.float64)
    return rows, np.asarray(data.target[1::2], dtype=np.int64)
