"""A linear copy of a classifier, fitted to whatever its answers say."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from reticent.attacks._images_black_box.shown import Shown, nearest_consistent
from reticent.core import Floats

FAINTEST = 1e-12  # scores below it are rounding of the model's own arithmetic
EXACT_RIDGE = 1e-6  # of the largest singular value squared, for exact scores


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Linear:
    """Logits that are linear in the amplitudes of a texture's cosines.

    Attributes:
        weights: (k, classes).
        bias: (classes,).
    """

    weights: Floats
    bias: Floats

    def logits(self, modes: Floats) -> Floats:
        """Return (n, classes) for (n, k) amplitudes."""
        return np.asarray(modes @ self.weights + self.bias)


def blank(k: int, classes: int) -> Linear:
    """Return a copy that knows nothing."""
    return Linear(weights=np.zeros((k, classes)), bias=np.zeros(classes))


def fit_exact(modes: Floats, shown: Shown) -> Linear:
    """Return the copy whose log-scores are nearest to those shown, all of them and exact.

    Log-scores are known up to a constant a row: each row counts from its mean.
    """
    target = np.log(np.maximum(shown.scores, FAINTEST))
    target = target - target.mean(axis=1, keepdims=True)
    middle, level = modes.mean(axis=0), target.mean(axis=0)
    x, y = modes - middle, target - level
    u, s, v = np.linalg.svd(x, full_matrices=False)
    ridge = EXACT_RIDGE * max(float(s[0]) ** 2, 1e-300) if len(s) else 1.0
    weights = v.T @ ((s / (s**2 + ridge))[:, None] * (u.T @ y))
    return Linear(weights=weights, bias=level - middle @ weights)


def fit_censored(
    modes: Floats,
    shown: Shown,
    deviation: Floats,
    *,
    ridge: float,
    start: Linear | None = None,
    rounds: int = 100,
) -> Linear:
    """Return the copy that makes the answers likeliest, whatever they withhold.

    Cross-entropy to the nearest distribution that each answer allows (see `nearest_consistent`);
    weights are a priori as large as the texture's deviations, for a classifier's templates look
    like pictures.

    Args:
        modes: (n, k) what was asked.
        shown: the n answers.
        deviation: (k,) of the weights a priori, up to a factor.
        ridge: what a weight of one deviation costs, in nats.
        start: where to begin.
        rounds: most steps of L-BFGS.
    """
    known = shown.labels >= 0
    known |= np.isfinite(shown.scores).any(axis=1)
    answers = Shown(scores=shown.scores[known], labels=shown.labels[known], step=shown.step)
    k, classes = modes.shape[1], shown.scores.shape[1]
    middle = modes[known].mean(axis=0)
    x = (modes[known] - middle) * deviation
    held = start or blank(k, classes)
    # Each unknown in steps of its own usual curvature: the fit takes a tenth of the steps.
    scale = 1 / np.sqrt(np.sum(x**2, axis=0) / classes + ridge)
    bias_scale = np.sqrt(classes / max(len(x), 1))
    x = (x * scale).astype(np.float32)
    first = np.concatenate(
        [
            held.weights / (deviation * scale)[:, None],
            ((held.bias + middle @ held.weights) / bias_scale)[None],
        ]
    )
    hot = np.eye(classes)[answers.labels] if answers.bare else None
    cost = ridge * scale[:, None] ** 2

    def loss(flat: Floats) -> tuple[float, Floats]:
        theta = flat.reshape(k + 1, classes)
        z = log_softmax(x @ theta[:k].astype(np.float32) + bias_scale * theta[k], axis=1)
        p = np.exp(z)
        target = nearest_consistent(p, answers) if hot is None else hot
        nats = float(np.sum(target * (np.log(np.maximum(target, 1e-300)) - z)))
        back = (p - target).astype(np.float32)
        down = np.concatenate([x.T @ back, bias_scale * back.sum(axis=0)[None]])
        down = down.astype(np.float64)
        down[:k] += cost * theta[:k]
        return nats + float(np.sum(cost * theta[:k] ** 2)) / 2, down.ravel()

    found = minimize(
        loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": rounds, "maxcor": 8}
    )
    theta = found.x.reshape(k + 1, classes)
    weights = theta[:k] * (deviation * scale)[:, None]
    return Linear(weights=weights, bias=bias_scale * theta[k] - middle @ weights)
