"""Twins: the model under audit, trained again without some of the people."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from reticent.audit.images.beside import bare, dressed, medoids
from reticent.audit.images.door import Setting
from reticent.audit.images.experiment import ImageExperiment, Photos, Recipe
from reticent.audit.images.planted import estimator_of, prototypes, setting_of
from reticent.core import BadInput, Column, Floats, Ints
from reticent.targets.base import Target

#: Photos and a number that all randomness comes from -> the model, trained on them.
Retrain = Callable[[Photos, int], Target]

TRAINED, STAND_IN = "trained anew", "prototypes of the photos stand in for the model"


def retraining(experiment: ImageExperiment) -> Retrain | None:
    """Return what trains the model again: its owner's recipe, or the estimator's own `fit`."""
    if experiment.recipe is not None:
        recipe = experiment.recipe
        return lambda photos, seed: _by_recipe(experiment, recipe, photos, seed)
    if estimator_of(experiment) is not None:
        return lambda photos, _: _by_fit(experiment, photos)
    return None


def twins(experiment: ImageExperiment, rng: np.random.Generator) -> list[tuple[Setting, Ints, str]]:
    """Return two models, each trained without half of the people, and who was left out.

    A class whose person is left out is trained on half the photos of somebody who stays, so that
    the model has as many classes. Pictures of it must not look like the person left out.

    Where nothing can train the model again, the prototypes of the photos stand in for it.

    Raises: BadInput if the recipe fails or returns no such model.
    """
    again = retraining(experiment)
    order = rng.permutation(experiment.k)
    sides = (order[: experiment.k // 2], order[experiment.k // 2 :])
    made = []
    for out, stay in (sides, sides[::-1]):
        photos = without(experiment.training, out, stay)
        seed = int(rng.integers(2**31))
        if again is None:
            setting, how = prototypes(experiment, photos, "twin"), STAND_IN
        else:
            target = again(photos, seed)
            setting, how = setting_of(experiment, target, flat=experiment.space.flat), TRAINED
        made.append((setting, np.sort(out).astype(np.int64), how))
    return made


def without(photos: Photos, out: Ints, stay: Ints) -> Photos:
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


def _by_fit(experiment: ImageExperiment, photos: Photos) -> Target:
    from sklearn.base import clone

    from reticent.targets.sklearn import SklearnTarget

    values: Column = np.array(experiment.classes)
    again: Any = clone(estimator_of(experiment))
    again.fit(experiment.space.inputs(photos.x), values[photos.who])
    return SklearnTarget(again, name="twin")


def _by_recipe(experiment: ImageExperiment, recipe: Recipe, photos: Photos, seed: int) -> Target:
    from reticent.targets.pictures import ChannelsFirst, as_taken

    x = as_taken(bare(experiment.target), experiment.space.inputs(photos.x)).astype(np.float32)
    try:
        model: Any = recipe.train(x, photos.who.copy(), seed)
    except Exception as error:  # whatever a training function raises
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{recipe.name} could not train a twin on {len(x)} pictures {x.shape[1:]}: "
            f"{type(error).__name__}: {said}",
            way_out="It is called with (x, y, seed) and returns the trained model; try it alone.",
        ) from error
    if callable(getattr(model, "named_parameters", None)):
        return _module(experiment, recipe, model.eval(), photos)
    if not callable(getattr(model, "predict_proba", None)):
        raise BadInput(
            f"{recipe.name} returned a {type(model).__name__}; a torch module or an estimator with "
            "predict_proba is needed.",
            way_out="Return the trained model.",
        )
    from reticent.targets.sklearn import SklearnTarget

    target = SklearnTarget(model, name="twin")
    if len(target.classes) != experiment.k:
        raise BadInput(
            f"{recipe.name} returned a model of {len(target.classes)} classes; y had "
            f"{experiment.k}.",
            way_out="Train it on all classes in y.",
        )
    return ChannelsFirst(target) if isinstance(experiment.target, ChannelsFirst) else target


def _module(experiment: ImageExperiment, recipe: Recipe, module: Any, photos: Photos) -> Target:
    from reticent.targets.torch import TorchModel

    under = bare(experiment.target)
    if isinstance(under, TorchModel):
        again = replace(under, module=module, name="twin")
        return dressed(experiment, again, medoids(photos, experiment.k))
    return TorchModel(
        module=module,
        classes=experiment.classes,
        answers=recipe.answers,
        images=experiment.space,
        name="twin",
    )
