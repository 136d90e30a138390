"""How the adversary trains models like the target's."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from reticent.core import BadInput, Column, Inputs
from reticent.targets.base import Target


class Trainer(Protocol):
    """Fits look-alikes of the target.

    Attributes:
        digest: changes whenever the models it would train change (learner, settings, version).
    """

    @property
    def digest(self) -> str:
        """Return the name of this recipe."""
        ...

    def fit(self, x: Inputs, y: Column, seed: int) -> Target:
        """Return a model trained on x (n, ...) and y (n,), class *values* or outcomes."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SklearnTrainer:
    """Refits a clone of a scikit-learn estimator, pipelines and boosting libraries included.

    Attributes:
        estimator: fitted or not; it is cloned, never touched.
        name: how messages call the look-alikes.
    """

    estimator: Any
    name: str = "reference"
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        from reticent.audit.store import key_of

        object.__setattr__(self, "digest", key_of(recipe=_describe(self.estimator)))

    def fit(self, x: Inputs, y: Column, seed: int) -> Target:
        """Return a clone fitted on x and y, every `random_state` in it drawn from `seed`.

        Raises: BadInput if the estimator cannot be cloned or fitted.
        """
        from sklearn.base import clone

        from reticent.targets.sklearn import SklearnTarget

        try:
            copy = clone(self.estimator)
            _reseed(copy, seed)
            copy.fit(x, y)
        except Exception as error:  # whatever a third-party estimator raises
            raise BadInput(
                f"{type(self.estimator).__name__} could not be trained on {len(x)} rows: "
                f"{type(error).__name__}: {error}.",
                way_out="Set model.reference to a learner that can be trained on this data "
                '("forest", "boosting", "logistic", "mlp", or "package.module:factory").',
            ) from error
        return SklearnTarget(copy, name=self.name)


def _describe(estimator: Any) -> str:
    """Return text that is equal for equal recipes: class, version and every parameter."""
    import sklearn
    from sklearn.base import BaseEstimator

    def walk(value: Any) -> Any:
        if isinstance(value, BaseEstimator):
            params = value.get_params(deep=False)
            return [f"{type(value).__module__}.{type(value).__qualname__}", walk(params)]
        if isinstance(value, dict):
            return {str(k): walk(v) for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))}
        if isinstance(value, (list, tuple)):
            return [walk(v) for v in value]
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, (str, int, float, bool, type(None))):
            return repr(value)
        return getattr(value, "__qualname__", type(value).__qualname__)

    return f"{sklearn.__version__}:{walk(estimator)}"


def _reseed(estimator: Any, seed: int) -> None:
    """Give every part its own `random_state`, and one thread: work is shared out over models."""
    numbers = np.random.default_rng(seed)
    settings: dict[str, Any] = {}
    params = estimator.get_params(deep=True)
    for name in sorted(params):
        last = name.rsplit("__", 1)[-1]
        if last == "random_state":
            settings[name] = int(numbers.integers(2**31 - 1))
        elif last in ("n_jobs", "nthread", "num_threads") and params[name] not in (None, 1):
            settings[name] = 1
    estimator.set_params(**settings)


def builtin_learner(name: str, *, task: str, x: Inputs) -> Any:
    """Return an unfitted pipeline for a model that cannot be cloned.

    Args:
        name: "forest", "boosting", "logistic" or "mlp".
        task: "classification" or "regression".
        x: rows to learn the column types from.

    Raises: BadInput for another name.
    """
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    classify = task == "classification"
    learners: dict[str, Any] = {
        "forest": RandomForestClassifier(100) if classify else RandomForestRegressor(100),
        "boosting": HistGradientBoostingClassifier()
        if classify
        else HistGradientBoostingRegressor(),
        "logistic": LogisticRegression(max_iter=1000) if classify else Ridge(),
        "mlp": (MLPClassifier if classify else MLPRegressor)(
            hidden_layer_sizes=(64,), max_iter=300
        ),
    }
    if name not in learners:
        raise BadInput(
            f"model.reference is {name!r}; it must be one of {sorted(learners)}, 'same', or "
            "'package.module:factory'."
        )
    if isinstance(x, np.ndarray):
        scale = [StandardScaler()] if name in ("logistic", "mlp") else []
        return make_pipeline(*scale, learners[name])
    smooth = name in ("logistic", "mlp")
    words = (
        OneHotEncoder(handle_unknown="ignore")
        if smooth
        else OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    )
    prepare = make_column_transformer(
        (words, make_column_selector(dtype_exclude="number")),
        remainder=StandardScaler() if smooth else "passthrough",
    )
    return make_pipeline(prepare, learners[name])


def trainer_for(target: Target, reference: str, *, task: str, x: Inputs) -> Trainer | None:
    """Return the adversary's way to train look-alikes, or None if there is none.

    Args:
        target: the model under audit.
        reference: "same", a built-in learner's name, or "package.module:factory" whose call
            returns an unfitted scikit-learn estimator.
        task: "classification" or "regression".
        x: rows to learn the column types from.

    Raises: BadInput for a name that leads nowhere.
    """
    if reference == "same":
        from reticent.core import Channel

        if Channel.WEIGHTS not in target.channels:
            return None
        model = target.weights()
        return SklearnTrainer(model) if hasattr(model, "get_params") else None
    if ":" in reference:
        module, _, attribute = reference.partition(":")
        try:
            return SklearnTrainer(getattr(import_module(module), attribute)())
        except Exception as error:
            raise BadInput(
                f"model.reference {reference!r} could not be called: "
                f"{type(error).__name__}: {error}.",
                way_out="It must name a function without arguments that returns an unfitted "
                "scikit-learn estimator.",
            ) from error
    return SklearnTrainer(builtin_learner(reference, task=task, x=x))
