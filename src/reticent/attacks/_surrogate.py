"""Copy a model's behaviour by asking: questions, learners, and how good the copy is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from reticent.access import Access
from reticent.attacks._encode import Encoder, fit_encoder
from reticent.core import (
    Answer,
    Bools,
    BudgetSpent,
    Column,
    Floats,
    Inputs,
    Ints,
    NotExposed,
    Population,
    stack,
    take,
)

Learner = Literal["tree", "forest", "boosting", "linear", "paths"]
LEARNERS: tuple[Learner, ...] = ("tree", "forest", "boosting", "linear")

LEAST = 20  # questions below which no copy is worth the name
HELD_OUT = 0.2  # share of the population questions that only grade the copy
FIRST = 0.5  # share of the questions that go to population rows as they are
FIRST_BESIDE = 0.2  # the same where rows that matter more are asked about
ROUNDS = 3  # rounds of questions near what the copy takes for the boundary
SWAPPED = 0.3  # share of cells that a variation takes from another row
POOL = 4  # variations drawn for each that is asked
FOLDS = 3
TREES = 40
QUICK_TREES = 12  # of the forest that only points at the boundary


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Surrogate:
    """A copy of a model.

    Attributes:
        model: the fitted estimator; takes `encoder.matrix(x)`.
        encoder: turns inputs into its numbers.
        labels: (present,) the class index of each column of its scores; empty for a regressor.
        learner: which learner won.
        fidelity: on questions that it was not fitted to: share of equal labels, or 1 - mean
            squared error over variance; None if no answer was left to grade on.
        held_out: how many those were.
        by_learner: cross-validated fidelity of every learner that was tried.
        queries: rows asked.
    """

    model: Any
    encoder: Encoder
    labels: Ints
    learner: Learner
    fidelity: float | None
    held_out: int
    by_learner: dict[str, float]
    queries: int

    def answer(self, x: Inputs) -> Answer:
        """Return the copy's labels, or values."""
        if len(self.labels) == 0:
            values = np.asarray(self.model.predict(self.encoder.matrix(x)), dtype=np.float64)
            return Answer(values=values)
        return Answer(labels=self.labels[_best(self.model, self.encoder.matrix(x))])

    def scores(self, x: Inputs, classes: int) -> Floats:
        """Return (n, classes) how probable the copy finds each label of the model."""
        found = np.zeros((len(x), classes))
        found[:, self.labels] = self.model.predict_proba(self.encoder.matrix(x))
        return found


def copy_model(
    access: Access,
    population: Population,
    rng: np.random.Generator,
    *,
    queries: int,
    learners: Sequence[Learner] = LEARNERS,
    ahead: "Inputs | None" = None,
    attack: str = "surrogate",
) -> Surrogate:
    """Return a copy of the model behind the door.

    Half of the questions are rows of the population (a fifth of those is kept to grade the copy),
    the rest variations of them: cells swapped between rows whose answers differ, of which those
    are asked that the copy so far is least sure of.

    Args:
        access: the door to the model.
        population: the adversary's own records; outcomes are not used.
        rng: chooses, varies, splits.
        queries: most questions; fewer where the query budget ends.
        learners: which to choose from, by cross-validated fidelity.
        ahead: rows to ask about before any variation, as many as the questions allow.
        attack: its name, for messages.

    Raises: NotExposed; BudgetSpent if fewer than `LEAST` questions are possible.
    """
    left, before = access.queries_left, access.queries
    most = queries if left is None else min(queries, left)
    if most < LEAST:
        raise BudgetSpent(
            f"{attack} may ask {most} questions; fewer than {LEAST} make no copy.",
            way_out="Raise query_budget.",
        )
    encoder = fit_encoder(population.x)
    share = FIRST if ahead is None else FIRST_BESIDE
    first = min(len(population), max(int(share * most), LEAST))
    rows = take(population.x, rng.permutation(len(population))[:first].astype(np.int64))
    heard = _ask(access, rows)
    graded = np.zeros(len(rows), dtype=bool)
    graded[rng.permutation(len(rows))[: int(HELD_OUT * len(rows))]] = True
    test_x, test = take(rows, graded), _only(heard, graded)
    x, known = take(rows, ~graded), _only(heard, ~graded)
    if ahead is not None and len(ahead):
        some = take(ahead, np.arange(min(len(ahead), (most - len(rows)) * 9 // 10)))
        x, known = stack([x, some]), _join(known, _ask(access, some))
    seed = int(rng.integers(2**31))
    for i in range(ROUNDS):
        share = (most - (access.queries - before)) // (ROUNDS - i)
        if share < 1 or len(x) < 2:
            break
        questions = _questions(x, known, share, encoder, seed, rng)
        known = _join(known, _ask(access, questions))
        x = stack([x, questions])
    return _fitted(encoder, (x, known), (test_x, test), learners, seed, access.queries - before)


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """Answers as lessons: `target` holds class indices (-1 for none) or values (NaN for none)."""

    target: Column
    classes: bool

    @property
    def usable(self) -> Bools:
        if self.classes:
            return np.asarray(self.target >= 0)
        return np.isfinite(self.target)


def _ask(access: Access, x: Inputs) -> _Heard:
    answer = access.ask(x)
    if answer.values is not None:
        return _Heard(answer.values, classes=False)
    if answer.labels is not None:
        return _Heard(answer.labels, classes=True)
    if answer.scores is None:
        raise NotExposed(f"{access.target.name} answered with neither labels, scores nor values.")
    shown = np.nan_to_num(answer.scores, nan=-1.0)
    return _Heard(np.where(shown.max(axis=1) < 0, -1, shown.argmax(axis=1)), classes=True)


def _only(heard: _Heard, which: Bools) -> _Heard:
    return _Heard(heard.target[which], heard.classes)


def _join(one: _Heard, other: _Heard) -> _Heard:
    return _Heard(np.concatenate([one.target, other.target]), one.classes)


def _questions(
    x: Inputs, heard: _Heard, n: int, encoder: Encoder, seed: int, rng: np.random.Generator
) -> Inputs:
    """Return n variations of `x` that a quick copy is least sure of."""
    pool = _varied(x, heard, n * POOL, rng)
    usable = np.flatnonzero(heard.usable)
    lessons = heard.target[usable]
    if len(np.unique(lessons)) < 2:
        return take(pool, np.arange(n))
    quick = _make("forest", heard.classes, seed).set_params(n_estimators=QUICK_TREES)
    quick.fit(encoder.matrix(take(x, usable)), lessons)
    numbers = encoder.matrix(pool)
    if heard.classes:
        p = np.sort(quick.predict_proba(numbers), axis=1)
        doubt = p[:, -2] - p[:, -1]
    else:
        doubt = np.std([tree.predict(numbers) for tree in quick.estimators_], axis=0)
    # A few taken blindly keep the copy honest away from the boundary that it imagines.
    blind = n // 4
    surest = np.argsort(-doubt, kind="stable")[: n - blind]
    rest = np.setdiff1d(np.arange(len(doubt)), surest)
    chosen = np.concatenate([surest, rng.choice(rest, size=blind, replace=False)])
    return take(pool, chosen.astype(np.int64))


def _varied(x: Inputs, heard: _Heard, n: int, rng: np.random.Generator) -> Inputs:
    """Return n rows with some cells taken from other rows, preferably of another answer."""
    base = rng.integers(len(x), size=n)
    tries = rng.integers(len(x), size=(2, n))
    differs = heard.target[tries[0]] != heard.target[base]
    donor = np.where(differs, tries[0], tries[1])
    if isinstance(x, np.ndarray):
        swap = rng.random((n, *x.shape[1:])) < SWAPPED
        mixed: Floats = np.where(swap, x[donor], x[base])
        return mixed
    varied = take(x, base)
    other = take(x, donor)
    for name in x.columns:
        swap = rng.random(n) < SWAPPED
        varied[name] = varied[name].where(~swap, other[name])  # type: ignore[call-overload]  # tables, as x is
    return varied


def _fitted(
    encoder: Encoder,
    lessons: tuple[Inputs, _Heard],
    test: tuple[Inputs, _Heard],
    learners: Sequence[Learner],
    seed: int,
    queries: int,
) -> Surrogate:
    x, heard = lessons
    usable = np.flatnonzero(heard.usable)
    numbers, target = encoder.matrix(take(x, usable)), heard.target[usable]
    labels = np.unique(target).astype(np.int64) if heard.classes else np.empty(0, dtype=np.int64)
    if heard.classes:
        target = np.searchsorted(labels, target)
    by_learner: dict[str, float] = {
        name: _cross_validated(lambda n=name: _make(n, heard.classes, seed), numbers, target)  # type: ignore[misc]  # a default binds the loop's value
        for name in learners
    }
    best = max(learners, key=lambda name: by_learner[name])
    model = _make(best, heard.classes, seed) if len(np.unique(target)) > 1 else _constant(heard)
    model.fit(numbers, target)
    graded = np.flatnonzero(test[1].usable)
    copy = Surrogate(
        model=model,
        encoder=encoder,
        labels=labels,
        learner=best,
        fidelity=None,
        held_out=len(graded),
        by_learner=by_learner,
        queries=queries,
    )
    if len(graded) == 0:
        return copy
    answer = copy.answer(take(test[0], graded))
    said = answer.labels if heard.classes else answer.values
    return replace(copy, fidelity=_fidelity(said, test[1].target[graded], heard.classes))


def _cross_validated(make: Callable[[], Any], numbers: Floats, target: Column) -> float:
    """Return the mean fidelity over folds; -inf if the lessons are too few or all alike."""
    classes = target.dtype.kind in "iu"
    if len(target) < 2 * FOLDS or len(np.unique(target)) < 2:
        return -np.inf
    fold, found = np.arange(len(target)) % FOLDS, []
    for i in range(FOLDS):
        rest, held = fold != i, fold == i
        if len(np.unique(target[rest])) < 2:
            continue
        model = make().fit(numbers[rest], target[rest])
        found.append(_fidelity(model.predict(numbers[held]), target[held], classes))
    return float(np.mean(found)) if found else -np.inf


def _fidelity(said: Any, truth: Column, classes: bool) -> float:
    if classes:
        return float(np.mean(said == truth))
    spread = float(np.mean((truth - truth.mean()) ** 2))
    error = float(np.mean((said - truth) ** 2))
    return 1 - error / spread if spread > 0 else float(error == 0)


def _best(model: Any, numbers: Floats) -> Ints:
    return np.asarray(model.predict(numbers), dtype=np.int64)


def _constant(heard: _Heard) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    return DummyClassifier() if heard.classes else DummyRegressor()


def _make(learner: Learner, classes: bool, seed: int) -> Any:
    from sklearn import ensemble, tree
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if learner == "tree":
        kind = tree.DecisionTreeClassifier if classes else tree.DecisionTreeRegressor
        return kind(min_samples_leaf=2, random_state=seed)
    if learner == "forest":
        grown = ensemble.RandomForestClassifier if classes else ensemble.RandomForestRegressor
        return grown(TREES, random_state=seed)
    if learner == "paths":  # every lesson in a leaf of its own answer: nothing heard is blurred
        split = ensemble.ExtraTreesClassifier if classes else ensemble.ExtraTreesRegressor
        return split(TREES, random_state=seed)
    if learner == "boosting":
        boosted = (
            ensemble.HistGradientBoostingClassifier
            if classes
            else ensemble.HistGradientBoostingRegressor
        )
        return boosted(max_iter=TREES, early_stopping=False, random_state=seed)
    line = LogisticRegression(max_iter=1000) if classes else Ridge()
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), line)
