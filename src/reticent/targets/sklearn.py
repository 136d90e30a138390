"""scikit-learn estimators and pipelines, and whatever speaks their interface."""

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from reticent.core import NO_CHANNEL, Answer, BadInput, Channel, Inputs, check_raw
from reticent.targets._raw import (
    CHUNK_ROWS,
    as_labels,
    as_scores,
    as_values,
    guarded,
    in_chunks,
    pick,
)

# Their predict is the argmax of their predict_proba (ties to the first class), so one call
# answers both. Of anything else (Platt-scaled SVMs, tuned thresholds, ...) both are asked.
_ARGMAX = frozenset(
    {
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "lightgbm.sklearn.LGBMClassifier",
        "xgboost.sklearn.XGBClassifier",
    }
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class SklearnTarget:
    """A fitted classifier or regressor with scikit-learn's interface.

    Classifiers expose SCORES (and TOP_K) exactly as `predict_proba` gives them: float32 is widened
    to float64, nothing is clipped, so the small probabilities that membership attacks live on
    survive, and where the model itself saturates to 0 or 1 that is what its endpoint would say.
    Without `predict_proba` (LinearSVC, RidgeClassifier) only LABEL is offered: a margin is no
    probability, and inventing a softmax of it would audit a model that nobody serves.
    Regressors expose VALUE. Always WEIGHTS.

    Attributes:
        model: the fitted estimator or pipeline; also LightGBM's and XGBoost's wrappers.
        name: how messages call it; the class name if not given.
        chunk_rows: rows asked at a time, which bounds memory and changes no answer.
    """

    model: Any
    name: str = ""
    chunk_rows: int = CHUNK_ROWS
    # Looked up once: attacks that walk ask a row at a time, and scikit-learn's tags are slow.
    _channels: Channel = field(init=False, repr=False)
    _classes: tuple[object, ...] = field(init=False, repr=False)
    _columns: tuple[str, ...] = field(init=False, repr=False)
    _asked_once: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "name", self.name or type(self.model).__name__)
        _check_model(self.model, self.name)
        put(self, "_classes", _classes(self.model))
        put(self, "_channels", _channels(self.model))
        put(self, "_columns", _columns(self.model))
        put(self, "_asked_once", _qualified(_last(self.model)) in _ARGMAX)

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers."""
        return self._channels

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values as the model holds them; empty for a regressor."""
        return self._classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns the model was fitted with; empty if it was fitted on arrays."""
        return self._columns

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row.

        Raises: BadAnswer if the model raised or answered nonsense; BadInput if a column it was
        fitted with is missing.
        """
        chosen = pick(x, self.columns, model=self.name)
        raw = guarded(
            lambda: in_chunks(self._ask, chosen, chunk_rows=self.chunk_rows),
            model=self.name,
            asked=chosen,
        )
        return check_raw(raw, questions=len(x), model=self.name)

    def weights(self) -> object:
        """Return the fitted model."""
        return self.model

    def _ask(self, x: Inputs) -> Answer:
        if len(x) == 0:
            return self._nothing()
        x = _as_boosters_take_it(self.model, x)
        classes = self.classes
        if not classes:
            raw = self.model.predict(x)
            return Answer(values=as_values(raw, model=self.name))
        scores = None
        if Channel.SCORES & self._channels:
            raw = self.model.predict_proba(x)
            scores = as_scores(raw, classes=len(classes), model=self.name)
            if self._asked_once:
                return Answer(labels=scores.argmax(axis=1), scores=scores)
        raw = self.model.predict(x)
        return Answer(labels=as_labels(raw, classes, model=self.name), scores=scores)

    def _nothing(self) -> Answer:
        if not self.classes:
            return Answer(values=np.empty(0))
        scored = Channel.SCORES & self.channels
        return Answer(
            labels=np.empty(0, dtype=np.int64),
            scores=np.empty((0, len(self.classes))) if scored else None,
        )


def _check_model(model: Any, name: str) -> None:
    """Raise BadInput if the model cannot be asked one question with one answer."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, type) or not _has(model, "predict"):
        raise BadInput(
            f"{name} is {_qualified(model)}, which has no predict.",
            way_out="Give a fitted classifier or regressor, or a module:function that answers.",
        )
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise BadInput(
            f"{name} is not fitted.", way_out="Fit it, save it, and try again."
        ) from None
    except TypeError:
        pass  # it speaks the interface without being a scikit-learn estimator
    if not _classifies(model) and not _regresses(model):
        raise BadInput(
            f"{name} is {_qualified(model)}, neither a classifier nor a regressor.",
            way_out="Clusterings and outlier detectors are not audited; wrap it in a function if "
            "its answer is a class or a value.",
        )
    several = (
        isinstance(getattr(model, "classes_", None), list)
        if _classifies(model)
        else (getattr(model, "n_outputs_", 1) > 1)
    )
    if several:
        raise BadInput(
            f"{name} has several outputs; one target is audited at a time.",
            way_out="Wrap it in a function that returns the one output under audit.",
        )


def _has(model: Any, method: str) -> bool:
    # Which methods an estimator has can depend on its settings (SVC(probability=...)); asking for
    # the attribute is scikit-learn's own protocol for that.
    return callable(getattr(model, method, None))


def _classifies(model: Any) -> bool:
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(model))
    except (AttributeError, TypeError):  # no scikit-learn tags: it speaks the interface only
        return hasattr(model, "classes_")


def _regresses(model: Any) -> bool:
    from sklearn.base import is_regressor

    try:
        return bool(is_regressor(model))
    except (AttributeError, TypeError):
        return not hasattr(model, "classes_")


def _channels(model: Any) -> Channel:
    if not _classifies(model):
        return Channel.VALUE | Channel.WEIGHTS
    scored = _has(model, "predict_proba")
    scores = Channel.SCORES | Channel.TOP_K if scored else NO_CHANNEL
    return Channel.LABEL | Channel.WEIGHTS | scores


def _classes(model: Any) -> tuple[object, ...]:
    return tuple(np.asarray(model.classes_).tolist()) if _classifies(model) else ()


def _columns(model: Any) -> tuple[str, ...]:
    try:
        names = tuple(str(name) for name in model.feature_names_in_)
    except AttributeError:
        return ()
    # LightGBM makes these up for a model that was fitted on an array.
    made_up = tuple(f"Column_{i}" for i in range(len(names)))
    return () if names == made_up else names


def _last(model: Any) -> Any:
    """Return the step of a pipeline that answers."""
    steps = getattr(model, "steps", None)
    return _last(steps[-1][1]) if steps else model


def _qualified(model: Any) -> str:
    kind = model if isinstance(model, type) else type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def _as_boosters_take_it(model: Any, x: Inputs) -> Inputs:
    """Return text columns as categories for a booster, which refuses text (it keeps the codes)."""
    if isinstance(x, np.ndarray) or not type(model).__module__.startswith(("lightgbm", "xgboost")):
        return x
    text = [c for c in x.columns if x[c].dtype.kind not in "biuf" and x[c].dtype != "category"]
    return x.astype(dict.fromkeys(text, "category")) if text else x
