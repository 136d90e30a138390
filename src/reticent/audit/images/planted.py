"""Models for controls: one that leaks for certain, and one that never learned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from reticent.audit.images.beside import bare, dressed, explained, medoids
from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.core import Answer, Channel, Floats, Inputs, NotExposed, Population
from reticent.targets.base import Target

SURE = 8.0  # how far a prototype's own logit stands above the mean of the others


@final
@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxTarget:
    """Softmax regression with given weights: every access level, no training.

    Attributes:
        model: the same as a fitted LogisticRegression, for white-box attacks.
        classes: as of the model under audit.
        name: how messages call it.
    """

    model: Any
    classes: tuple[object, ...]
    name: str

    @property
    def channels(self) -> Channel:
        """Return labels, scores and the weights."""
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.WEIGHTS

    @property
    def columns(self) -> tuple[str, ...]:
        """Return nothing: it takes arrays."""
        return ()

    def answer(self, x: Inputs) -> Answer:
        """Return label and scores of pictures, flat or not."""
        rows = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        scores = np.asarray(self.model.predict_proba(rows), dtype=np.float64)
        return Answer(labels=scores.argmax(axis=1).astype(np.int64), scores=scores)

    def weights(self) -> object:
        """Return the fitted estimator."""
        if self.model is None:
            raise NotExposed(f"{self.name} has no weights.")
        return self.model


def softmax_of(weights: Floats, middle: Floats, classes: Sequence[object], name: str) -> Target:
    """Return a softmax regression whose logits are weights @ (x - middle).

    Args:
        weights: (k, size).
        middle: (size,) the picture that all classes answer alike.
        classes: the k class values.
        name: how messages call it.
    """
    from sklearn.linear_model import LogisticRegression

    # Two classes have one row of weights in scikit-learn: the second minus the first.
    two = len(classes) == 2
    rows = weights[1:] - weights[:1] if two else weights
    model = LogisticRegression()
    model.coef_ = np.ascontiguousarray(rows)
    model.intercept_ = -rows @ middle
    model.classes_ = np.arange(len(classes))
    model.n_features_in_ = weights.shape[1]
    model.n_iter_ = np.array([1])
    return SoftmaxTarget(model, tuple(classes), name)


def prototypes(experiment: ImageExperiment, photos: Photos, name: str) -> Setting:
    """Return a model whose weights are the mean photo of each class: it leaks for certain."""
    space = replace(experiment.space, flat=True)
    rows = space.inputs(photos.x)
    means = np.stack([rows[photos.who == i].mean(axis=0) for i in range(experiment.k)])
    middle = means.mean(axis=0)
    weights = means - middle
    scale = SURE / max(float((weights**2).sum(axis=1).mean()), 1e-12)
    return _linear(experiment, weights * scale, middle, name, medoids(photos, experiment.k))


def noise(experiment: ImageExperiment, rng: np.random.Generator) -> Setting:
    """Return the model under audit with weights drawn anew, or a softmax regression of such.

    What an attack makes of it shows the attack's habits and nobody's face. Where the endpoint shows
    examples, they are strangers'.
    """
    others = experiment.held_out if experiment.public is None else experiment.public
    strangers = others.x[rng.permutation(len(others))[np.arange(experiment.k) % len(others)]]
    drawn = _redrawn(experiment, strangers, rng)
    if drawn is not None:
        return setting_of(experiment, drawn, flat=experiment.space.flat)
    space = replace(experiment.space, flat=True)
    rows = space.inputs(experiment.held_out.x)
    middle = rows.mean(axis=0)
    weights = rng.normal(size=(experiment.k, space.size))
    spread = float(((rows - middle) @ weights.T).std())
    weights *= SURE / 2 / max(spread, 1e-12)
    return _linear(experiment, weights, middle, "random weights", strangers)


def setting_of(experiment: ImageExperiment, target: Any, *, flat: bool) -> Setting:
    """Return a model in the place of the one under audit, with the same adversary."""
    space = replace(experiment.space, flat=flat)
    public = experiment.public
    return Setting(
        target=target,
        space=space,
        population=None if public is None else Population(x=space.inputs(public.x), y=public.who),
        candidates=experiment.candidates,
        secret=experiment.secret,
        victims=space.inputs(experiment.victims),
    )


def estimator_of(experiment: ImageExperiment) -> Any | None:
    """Return the estimator of scikit-learn under audit; None if it is something else."""
    from sklearn.base import BaseEstimator

    if not Channel.WEIGHTS & experiment.target.channels:
        return None
    model = experiment.target.weights()
    return model if isinstance(model, BaseEstimator) else None


def _linear(
    experiment: ImageExperiment, weights: Floats, middle: Floats, name: str, shown: Floats
) -> Setting:
    """Return a softmax regression, explained as the model under audit is."""
    target = softmax_of(weights, middle, experiment.classes, name)
    return setting_of(experiment, explained(experiment, target, weights, middle, shown), flat=True)


def _redrawn(
    experiment: ImageExperiment, strangers: Floats, rng: np.random.Generator
) -> Target | None:
    """Return the model with every weight drawn anew at the old spread; None where that fails."""
    import copy

    from reticent.targets.sklearn import SklearnTarget
    from reticent.targets.torch import TorchModel

    under = bare(experiment.target)
    if isinstance(under, TorchModel):
        module = copy.deepcopy(under.module)
        learned = list(module.parameters())
        if not learned:
            return None
        import torch

        with torch.no_grad():
            for weights in learned:
                drawn = _like(weights.numpy(), rng)
                weights.copy_(torch.from_numpy(drawn))
        again = replace(under, module=module, name="random weights")
        return dressed(experiment, again, strangers)
    model = estimator_of(experiment)
    if model is None:
        return None
    fitted = copy.deepcopy(model)
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    if hasattr(last, "coefs_"):
        last.coefs_ = [_like(w, rng) for w in last.coefs_]
    elif hasattr(last, "coef_"):
        last.coef_ = _like(last.coef_, rng)
    else:
        return None
    return SklearnTarget(fitted, name="random weights")


def _like(weights: Floats, rng: np.random.Generator) -> Floats:
    drawn = rng.normal(0.0, max(float(weights.std()), 1e-6), weights.shape)
    return np.asarray(drawn, dtype=weights.dtype)
