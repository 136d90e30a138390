"""The learners that beliefs about hidden columns are chosen from."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from reticent.attacks._encode import fit_encoder, fit_softmax, log_normalise
from reticent.core import Column, Domain, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

#: (n, d) table -> (n, k) log-probability of each value of the domain.
Predict = Callable[["pd.DataFrame"], Floats]

#: table, hidden value, its index in the domain -> Predict.
Fit = Callable[["pd.DataFrame", Column, Ints], Predict]

FLOOR = 1e-6  # no value is ever ruled out by a learner
TARGET_BINS = 12  # bins a continuous target is cut into for a classifier
DENSITY_POINTS = 256
ROUNDS, LEAVES, RATE = 60, 8, 0.15  # of boosting; slower settings gained nothing on census data


def learners(domain: Domain, *, strong: bool, rng: np.random.Generator) -> dict[str, Fit]:
    """Return name -> fitting function for a column of this kind; the prior is not among them."""
    seed = int(rng.integers(2**31))
    found: dict[str, Fit] = {}
    if domain.continuous:
        found["bins"] = _bins(domain)
        found["ridge"] = _ridge(domain)
        if strong:
            found["boosted"] = _boosted_regression(domain, seed)
    else:
        found["logit"] = _logit(domain)
        if strong:
            found["boosted"] = _boosted_classes(domain, seed)
    return found


def _logit(domain: Domain) -> Fit:
    def fit(x: "pd.DataFrame", _values: Column, target: Ints) -> Predict:
        encoder = fit_encoder(x)
        model = fit_softmax(encoder.design(x), target, len(domain.values))
        return lambda new: _floored(model.log_proba(encoder.design(new)))

    return fit


def _boosted_classes(domain: Domain, seed: int) -> Fit:
    def fit(x: "pd.DataFrame", _values: Column, target: Ints) -> Predict:
        from sklearn.ensemble import HistGradientBoostingClassifier

        encoder = fit_encoder(x)
        present = np.unique(target)
        model = HistGradientBoostingClassifier(
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            learning_rate=RATE,
            early_stopping=False,
            random_state=seed,
        )
        if len(present) > 1:
            model.fit(encoder.matrix(x), target)

        def predict(new: "pd.DataFrame") -> Floats:
            p = np.zeros((len(new), len(domain.values)))
            p[:, present] = model.predict_proba(encoder.matrix(new)) if len(present) > 1 else 1.0
            return _floored(np.log(np.maximum(p, FLOOR)))

        return predict

    return fit


def _bins(domain: Domain) -> Fit:
    """A classifier over quantile bins of the target, spread within a bin as the data are."""

    def fit(x: "pd.DataFrame", values: Column, target: Ints) -> Predict:
        numbers = np.asarray(values, dtype=np.float64)
        cuts = np.unique(np.quantile(numbers, np.arange(1, TARGET_BINS) / TARGET_BINS))
        bins = np.searchsorted(cuts, numbers, side="right")
        spread = np.zeros((len(cuts) + 1, len(domain.values)))
        np.add.at(spread, (bins, target), 1.0)
        spread = (spread + 1e-9) / (spread + 1e-9).sum(axis=1, keepdims=True)
        encoder = fit_encoder(x)
        model = fit_softmax(encoder.design(x), bins, len(spread))

        def predict(new: "pd.DataFrame") -> Floats:
            p = np.exp(model.log_proba(encoder.design(new))) @ spread
            return _floored(np.log(np.maximum(p, FLOOR)))

        return predict

    return fit


def _ridge(domain: Domain) -> Fit:
    """Least squares on binned columns; the residuals' own density around the prediction."""

    def fit(x: "pd.DataFrame", values: Column, _target: Ints) -> Predict:
        encoder = fit_encoder(x)
        design = encoder.design(x)
        numbers = np.asarray(values, dtype=np.float64)
        penalty = np.ones(design.shape[1])
        penalty[0] = 1e-6
        gram = design.T @ design
        inverse = np.linalg.inv(gram + np.diag(penalty))
        weights = inverse @ (design.T @ numbers)
        used = float(np.trace(inverse @ gram))
        # Fitted residuals are too small by the freedom the fit used up.
        wider = np.sqrt(len(numbers) / max(len(numbers) - used, 1.0))
        around = _density((numbers - design @ weights) * wider, domain)
        return lambda new: around(encoder.design(new) @ weights)

    return fit


def _boosted_regression(domain: Domain, seed: int) -> Fit:
    def fit(x: "pd.DataFrame", values: Column, _target: Ints) -> Predict:
        from sklearn.ensemble import HistGradientBoostingRegressor

        encoder = fit_encoder(x)
        matrix, numbers = encoder.matrix(x), np.asarray(values, dtype=np.float64)
        blank = HistGradientBoostingRegressor(
            max_iter=ROUNDS,
            max_leaf_nodes=LEAVES,
            learning_rate=RATE,
            early_stopping=False,
            random_state=seed,
        )
        fifth = np.random.default_rng(seed).permutation(len(numbers)) % 5 == 0
        residuals = numbers[fifth] - blank.fit(matrix[~fifth], numbers[~fifth]).predict(
            matrix[fifth]
        )
        around = _density(residuals, domain)
        model = blank.fit(matrix, numbers)
        return lambda new: around(model.predict(encoder.matrix(new)))

    return fit


def _density(residuals: Floats, domain: Domain) -> Callable[[Floats], Floats]:
    """Return a function from predictions (n,) to log-probabilities (n, k) over the grid."""
    grid = np.asarray(domain.values, dtype=np.float64)
    scale = max(float(residuals.std()), 1e-9 * max(float(np.abs(grid).max()), 1.0))
    width = 1.06 * scale * max(len(residuals), 2) ** -0.2  # Silverman's rule
    points = np.linspace(residuals.min() - 4 * width, residuals.max() + 4 * width, DENSITY_POINTS)
    sample = np.quantile(residuals, (np.arange(DENSITY_POINTS) + 0.5) / DENSITY_POINTS)
    kernel = np.exp(-0.5 * ((points[:, None] - sample) / width) ** 2).mean(axis=1)

    def around(mean: Floats) -> Floats:
        p = np.interp(grid[None, :] - mean[:, None], points, kernel, left=0.0, right=0.0)
        far = np.exp(-np.abs(grid[None, :] - mean[:, None]) / scale)  # never a row of zeros
        return _floored(np.log(p + FLOOR * far + 1e-300))

    return around


def _floored(log_p: Floats) -> Floats:
    return log_normalise(np.maximum(log_normalise(log_p), np.log(FLOOR)))
