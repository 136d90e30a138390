"""What the adversary believes about hidden columns before it asks the model anything.

Learners are fitted on the adversary's own records and compared by cross-validated log-loss; the
prior is always one of them, so on columns that cannot be learnt nothing worse is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from reticent.attacks import _learn
from reticent.attacks._encode import MAX_BINS
from reticent.attacks._learn import FLOOR, Fit, Predict
from reticent.core import BadInput, Column, Domain, Floats, Ints, Population

if TYPE_CHECKING:
    import pandas as pd

Strength = Literal["prior", "fast", "strong"]

OUTCOME = "\x00outcome"  # no real column is called that
PRIOR_WEIGHT = 1.0  # observations that the domain's own prior counts as
FOLDS = 3
LEAST_ROWS = 12  # below this nothing is learnt


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Posterior:
    """p(hidden column | known columns, outcome), fitted; made by `fit_posterior`.

    Attributes:
        column: the hidden column.
        chosen: name of the learner that was kept.
        log_loss: cross-validated nats a record of each learner that was tried.
    """

    column: str
    features: tuple[str, ...]
    sees_outcome: bool
    chosen: str
    log_loss: dict[str, float]
    predict: Predict

    def log_proba(self, x: "pd.DataFrame", y: Column | None) -> Floats:
        """Return (n, k) log-probability of each value of the column's domain."""
        return self.predict(table(x, self.features, y if self.sees_outcome else None))


def fit_posterior(
    column: str,
    domain: Domain,
    population: Population | None,
    features: Sequence[str],
    *,
    sees_outcome: bool,
    strength: Strength,
    rng: np.random.Generator,
    keep: str | None = None,
) -> Posterior:
    """Return the adversary's belief about one hidden column.

    Args:
        column: the hidden column.
        domain: the values it can take.
        population: the adversary's own records, or None.
        features: the columns that are known of every candidate.
        sees_outcome: whether the outcome is known of them too.
        strength: "prior" for the marginal alone, "fast" adds linear learners on binned columns,
            "strong" adds gradient boosting.
        rng: draws the folds.
        keep: the learner to use, where it has been chosen on fewer columns already.
    """
    learners, rows, target = _learners(column, domain, population, strength, rng)
    if population is None or len(target) == 0 or len(learners) == 1:
        return Posterior(
            column=column,
            features=(),
            sees_outcome=False,
            chosen="prior",
            log_loss={},
            predict=_prior(domain, target),
        )
    names = tuple(features)
    x, values = _training(column, population, rows, names, sees_outcome)
    log_loss: dict[str, float] = {}
    if keep is None or keep == "prior":  # the outcome may tell what the columns alone did not
        log_loss = _log_losses(learners, x, values, target, _folds(len(target), rng))
    chosen = min(log_loss, key=lambda name: log_loss[name]) if log_loss else str(keep)
    return Posterior(
        column=column,
        features=names,
        sees_outcome=sees_outcome,
        chosen=chosen,
        log_loss=log_loss,
        predict=learners[chosen](x, values, target),
    )


def out_of_fold(
    column: str,
    domain: Domain,
    population: Population,
    features: Sequence[str],
    *,
    sees_outcome: bool,
    strength: Strength,
    rng: np.random.Generator,
) -> Floats:
    """Return (n, k) log-probabilities for the population's own records.

    Each record is predicted by a learner that did not see it, as a candidate would be: a
    learner's belief about the rows it was fitted on is too sure of itself.
    """
    learners, rows, target = _learners(column, domain, population, strength, rng)
    marginal = _prior(domain, target)
    names = tuple(features)
    everyone = table(named_columns(population), names, population.y if sees_outcome else None)
    out = marginal(everyone)
    if len(learners) == 1:
        return out
    x, values = _training(column, population, rows, names, sees_outcome)
    folds = _folds(len(target), rng)
    log_loss = _log_losses(learners, x, values, target, folds)
    fit = learners[min(log_loss, key=lambda name: log_loss[name])]
    for fold in range(FOLDS):
        held = folds == fold
        predict = fit(_rows(x, ~held), values[~held], target[~held])
        out[rows[held]] = predict(_rows(x, held))
    return out


def table(x: "pd.DataFrame", columns: Sequence[str], y: Column | None) -> "pd.DataFrame":
    """Return the named columns, and the outcome beside them if it is known."""
    known = x[list(columns)]
    if y is None:
        return known
    outcome = np.asarray(y)
    # A class index is a name, not a size; few of them get a bin each anyway.
    if outcome.dtype.kind in "iu" and len(np.unique(outcome)) > MAX_BINS:
        outcome = outcome.astype(str)
    return known.assign(**{OUTCOME: outcome})


def guess(domain: Domain, log_proba: Floats) -> tuple[Ints, Floats]:
    """Return (n,) the index of the best guess and (n,) the probability that it counts as right.

    For a categorical column that is the most probable value; for a continuous one the value
    with the most probability within the domain's `tol` on either side.

    >>> grid = Domain(values=np.array([0.0, 1.0, 9.0]), continuous=True, tol=1.0)
    >>> guess(grid, np.log([[0.3, 0.3, 0.4]]))
    (array([0]), array([0.6]))
    """
    p = np.exp(log_proba)
    if domain.continuous:
        grid = np.asarray(domain.values, dtype=np.float64)
        near = np.abs(grid[:, None] - grid[None, :]) <= domain.tol * (1 + 1e-9)
        p = p @ near.astype(np.float64)
    best = np.argmax(np.round(p, 12), axis=1)  # equal sums in another order must stay equal
    return best, p[np.arange(len(p)), best]


def _learners(
    column: str,
    domain: Domain,
    population: Population | None,
    strength: Strength,
    rng: np.random.Generator,
) -> tuple[dict[str, Fit], Ints, Ints]:
    """Return the learners worth trying, the usable rows and the domain index of each."""

    def prior(_x: "pd.DataFrame", _values: Column, target: Ints) -> Predict:
        return _prior(domain, target)

    if population is None or len(population) == 0:
        return {"prior": prior}, np.empty(0, np.int64), np.empty(0, np.int64)
    raw = named_columns(population)[column].to_numpy()
    usable = np.ones(len(raw), dtype=bool)
    if domain.continuous:
        raw = np.asarray(raw, dtype=np.float64)
        usable = np.isfinite(raw)
    target = np.full(len(raw), -1, dtype=np.int64)
    target[usable] = domain.index_of(raw[usable])
    rows = np.flatnonzero(target >= 0)
    learners: dict[str, Fit] = {"prior": prior}
    if strength != "prior" and len(rows) >= LEAST_ROWS and len(np.unique(target[rows])) > 1:
        learners |= _learn.learners(domain, strong=strength == "strong", rng=rng)
    return learners, rows, target[rows]


def _prior(domain: Domain, target: Ints) -> Predict:
    """Return the frequency of each value, drawn towards the domain's prior."""
    counts = np.bincount(target, minlength=len(domain.values)).astype(np.float64)
    log_p = np.log(smoothed(counts, domain.prior))

    def predict(x: "pd.DataFrame") -> Floats:
        return np.tile(log_p, (len(x), 1))

    return predict


def smoothed(counts: Floats, prior: Floats) -> Floats:
    """Return frequencies in which `prior` counts as `PRIOR_WEIGHT` observations.

    >>> smoothed(np.array([3.0, 0.0]), np.array([0.5, 0.5])).tolist()
    [0.875, 0.125]
    """
    p = (counts + PRIOR_WEIGHT * prior) / (counts.sum() + PRIOR_WEIGHT)
    out: Floats = np.maximum(p, FLOOR) / np.maximum(p, FLOOR).sum()
    return out


def _training(
    column: str, population: Population, rows: Ints, names: tuple[str, ...], sees_outcome: bool
) -> tuple["pd.DataFrame", Column]:
    x = named_columns(population)
    y = population.y if sees_outcome else None
    return _rows(table(x, names, y), rows), x[column].to_numpy()[rows]


def named_columns(population: Population) -> "pd.DataFrame":
    """Return the adversary's records as a table.

    Raises: BadInput for a plain array.
    """
    if isinstance(population.x, np.ndarray):
        raise BadInput(
            f"The auxiliary records are an array of shape {population.x.shape}; attribute "
            "inference reads named columns.",
            way_out="Pass them as a table with column names.",
        )
    return population.x


def _rows(x: "pd.DataFrame", index: Column) -> "pd.DataFrame":
    return x.iloc[np.flatnonzero(index) if index.dtype == np.bool_ else index]


def _folds(n: int, rng: np.random.Generator) -> Ints:
    return rng.permutation(np.arange(n) % FOLDS)


def _log_losses(
    learners: dict[str, Fit], x: "pd.DataFrame", values: Column, target: Ints, folds: Ints
) -> dict[str, float]:
    """Return the cross-validated log-loss of each learner, nats a record."""
    losses = dict.fromkeys(learners, 0.0)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        rest = folds != fold
        train, test = _rows(x, rest), _rows(x, held)
        for name, fit in learners.items():
            log_p = fit(train, values[rest], target[rest])(test)
            losses[name] -= float(log_p[np.arange(len(held)), target[held]].sum())
    return {name: loss / len(target) for name, loss in losses.items()}
