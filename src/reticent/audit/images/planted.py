"""Models for controls: one that leaks for certain, one that never learned, and twins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.core import Answer, Channel, Floats, Inputs, Ints, NotExposed, Population

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


def softmax_of(weights: Floats, middle: Floats, classes: Sequence[object], name: str) -> Any:
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
    target = softmax_of(weights * scale, middle, experiment.target.classes, name)
    return _setting(experiment, target, flat=True)


def noise(experiment: ImageExperiment, rng: np.random.Generator) -> Setting:
    """Return the model under audit with weights drawn anew, or a softmax regression of such.

    What an attack makes of it shows the attack's habits and nobody's face.
    """
    drawn = _redrawn(experiment, rng)
    if drawn is not None:
        return _setting(experiment, drawn, flat=experiment.space.flat)
    space = replace(experiment.space, flat=True)
    rows = space.inputs(experiment.held_out.x)
    middle = rows.mean(axis=0)
    weights = rng.normal(size=(experiment.k, space.size))
    spread = float(((rows - middle) @ weights.T).std())
    weights *= SURE / 2 / max(spread, 1e-12)
    target = softmax_of(weights, middle, experiment.target.classes, "random weights")
    return _setting(experiment, target, flat=True)


def twins(experiment: ImageExperiment, rng: np.random.Generator) -> list[tuple[Setting, Ints, str]]:
    """Return two models, each trained without half of the people, and who was left out.

    A class whose person is left out is trained on half the photos of somebody who stays, so that
    the model has as many classes. Pictures of it must not look like the person left out.

    The model is trained anew where it is a scikit-learn estimator; else the prototypes of the
    photos stand in for it.
    """
    k = experiment.k
    order = rng.permutation(k)
    sides = (order[: k // 2], order[k // 2 :])
    made = []
    for out, stay in (sides, sides[::-1]):
        photos = _without(experiment.training, out, stay)
        refit = _refit(experiment, photos)
        if refit is None:
            setting, how = prototypes(experiment, photos, "twin"), "prototypes stand in for it"
        else:
            setting, how = _setting(experiment, refit, flat=experiment.space.flat), "trained anew"
        made.append((setting, np.sort(out).astype(np.int64), how))
    return made


def _without(photos: Photos, out: Ints, stay: Ints) -> Photos:
    """Return photos in which those of the people left out are replaced by others'."""
    x: list[Floats] = []
    who: list[Ints] = []
    lenders = np.resize(stay, len(out))
    lent = {int(person): np.flatnonzero(lenders == person) for person in stay}
    for person in stay:
        own, takers = photos.of(int(person)), out[lent[int(person)]]
        parts = np.array_split(np.arange(len(own)), len(takers) + 1)
        for name, rows in zip([person, *takers], parts, strict=True):
            chosen = own[rows] if len(rows) else own[:1]
            x.append(chosen)
            who.append(np.full(len(chosen), name, dtype=np.int64))
    return Photos(x=np.concatenate(x), who=np.concatenate(who))


def _setting(experiment: ImageExperiment, target: Any, *, flat: bool) -> Setting:
    space = replace(experiment.space, flat=flat)
    public = experiment.public
    return Setting(
        target=target,
        space=space,
        population=None if public is None else Population(x=space.inputs(public.x), y=public.who),
        candidates=experiment.candidates,
        secret=experiment.secret,
    )


def _estimator(experiment: ImageExperiment) -> Any | None:
    """Return the estimator of scikit-learn under audit; None if it is something else."""
    from sklearn.base import BaseEstimator

    if not Channel.WEIGHTS & experiment.target.channels:
        return None
    model = experiment.target.weights()
    return model if isinstance(model, BaseEstimator) else None


def _refit(experiment: ImageExperiment, photos: Photos) -> Any | None:
    from sklearn.base import clone

    from reticent.targets.sklearn import SklearnTarget

    model = _estimator(experiment)
    if model is None:
        return None
    values = np.array(experiment.target.classes)
    again = clone(model).fit(experiment.space.inputs(photos.x), values[photos.who])
    return SklearnTarget(again, name="twin")


def _redrawn(experiment: ImageExperiment, rng: np.random.Generator) -> Any | None:
    """Return the model with every weight drawn anew at the old spread; None where that fails."""
    import copy

    from reticent.targets.sklearn import SklearnTarget
    from reticent.targets.torch import TorchModel

    if isinstance(experiment.target, TorchModel):
        module = copy.deepcopy(experiment.target.module)
        import torch

        with torch.no_grad():
            for weights in module.parameters():
                drawn = _like(weights.numpy(), rng)
                weights.copy_(torch.from_numpy(drawn))
        return replace(experiment.target, module=module, name="random weights")
    model = _estimator(experiment)
    if model is None:
        return None
    again = copy.deepcopy(model)
    last = again.steps[-1][1] if hasattr(again, "steps") else again
    if hasattr(last, "coefs_"):
        last.coefs_ = [_like(w, rng) for w in last.coefs_]
    elif hasattr(last, "coef_"):
        last.coef_ = _like(last.coef_, rng)
    else:
        return None
    return SklearnTarget(again, name="random weights")


def _like(weights: Floats, rng: np.random.Generator) -> Floats:
    drawn = rng.normal(0.0, max(float(weights.std()), 1e-6), weights.shape)
    return np.asarray(drawn, dtype=weights.dtype)
