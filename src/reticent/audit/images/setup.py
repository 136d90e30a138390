"""Make the audit of a model of pictures from a configuration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reticent.audit.configured import configured
from reticent.audit.images.beside import explain, medoids
from reticent.audit.images.experiment import ImageExperiment, Photos, Recipe, check_experiment
from reticent.audit.images.judges import usual_panel
from reticent.audit.images.load import load_picture_model
from reticent.audit.images.sound import check_model
from reticent.config import ImageConfig
from reticent.core import BadInput, Column, Floats, ImageSpace, Ints
from reticent.data.images import Pictures, read_pictures
from reticent.targets.base import Target
from reticent.targets.files import model_digest


def image_experiment(
    config: ImageConfig, *, trust_model_file: bool = False, secret: bytes = b""
) -> ImageExperiment:
    """Return the audit that a configuration describes, its model and photos read.

    Args:
        config: as loaded from `reticent.toml`.
        trust_model_file: the user's consent that the model file may run code.
        secret: key of the endpoint's noise and of the pseudonyms; derived from the seed if empty,
            so that equal runs give equal records.

    Raises: BadInput for anything that cannot be read or does not fit together.
    """
    training = _read(config, config.data.training, config.model.shape)
    shape = config.model.shape or training.x.shape[1:]
    held_out = _read(config, config.data.held_out, shape)
    public = None if config.data.public is None else _read(config, config.data.public, shape)
    low, high = config.model.range
    space = ImageSpace(shape=tuple(shape), low=low, high=high, flat=config.model.taken_as == "flat")
    notes: list[str] = []
    labels = _in_order(training.labels)
    target = load_picture_model(config, space, training, labels, notes, trust=trust_model_file)
    embeds = config.model.answers == "embedding"
    people = tuple(labels) if embeds else target.classes
    if not people:
        raise BadInput(
            f"{target.name} has no classes; pictures are made of a classifier's classes.",
            way_out='Set model.classes, or model.answers = "embedding" if it answers with vectors.',
        )
    _answers(target, space, training.x[:2])
    warnings = [*notes, *_seen_before(training, held_out, public), *_known_faces(people, public)]
    seed = config.audit.seed
    k = len(people)
    wanted: tuple[int, ...] = ()
    if k > config.data.max_people:
        rng = np.random.default_rng([seed, 6])
        wanted = tuple(sorted(rng.choice(k, config.data.max_people, replace=False).tolist()))
    known = Photos(x=training.x, who=_who(training.labels, people, "training"))
    others = held_out if public is None else public
    exposed = config.exposure
    experiment = ImageExperiment(
        target=explain(
            target,
            space,
            explainer=exposed.explainer,
            layer=exposed.layer,
            mean=others.x.mean(axis=0),
            examples=medoids(known, k) if exposed.explainer == "prototype" else training.x[:k],
        ),
        enrolled=people if embeds else (),
        space=space,
        kind=config.model.reached_by,
        model_digest=model_digest(config.base / config.model.path),
        training=known,
        held_out=Photos(x=held_out.x, who=_who(held_out.labels, people, "held_out")),
        public=None if public is None else Photos(x=public.x, who=_strangers(public.labels)),
        names=tuple(map(str, people)) if config.data.show_names else None,
        exposed=config.exposure.reachable,
        judges=config.audit.judges or usual_panel(),
        wanted=wanted,
        twin_models=config.audit.twin_models,
        recipe=_recipe(config, target),
        warnings=tuple(warnings),
        **configured(config, secret=secret),
    )
    check_experiment(experiment)
    check_model(experiment)
    return experiment


def _recipe(config: ImageConfig, target: Target) -> Recipe | None:
    from reticent.targets.function import load_function

    spec = config.model.recipe
    answers = getattr(target, "answers", config.model.answers) or "logits"
    if spec is None:
        return None
    train: Any = load_function(spec, beside=config.base)
    return Recipe(train=train, name=spec, answers=answers)


def _read(config: ImageConfig, source: str, shape: Sequence[int] | None) -> Pictures:
    return read_pictures(
        config.base / source, shape=shape, fit=config.data.fit, value_range=config.data.range
    )


def _answers(target: Target, space: ImageSpace, one: Floats) -> None:
    """Ask once, so that a model that takes other pictures is named before anything is measured."""
    answer = target.answer(space.inputs(one))
    if answer.scores is None and answer.labels is None and answer.embeddings is None:
        raise BadInput(
            f"{target.name} answers with neither labels nor scores nor vectors.",
            way_out="Audit a classifier, or an embedder.",
        )


def _who(labels: Column, classes: Sequence[object], side: str) -> Ints:
    """Return (n,) class indices.

    Raises: BadInput naming labels that the model does not know.
    """
    place: dict[object, int] = {str(value): i for i, value in enumerate(classes)}
    index = [place.get(_said(label), -1) for label in labels.tolist()]
    if -1 in index:
        odd = sorted({_said(labels[i]) for i, at in enumerate(index) if at < 0})
        raise BadInput(
            f"data.{side} holds class {odd[0]!r}"
            f"{f' and {len(odd) - 1} others' if len(odd) > 1 else ''}, which the model does not "
            f"know; its {len(classes)} classes are {_few(classes)}.",
            way_out="Name folders (or y) as the model's classes are, or set model.classes in the "
            "order of its scores.",
        )
    return np.array(index, dtype=np.int64)


def _few(classes: Sequence[object]) -> str:
    named = ", ".join(repr(str(c)) for c in classes[:6])
    return f"{named}, ..." if len(classes) > 6 else named


def _said(label: object) -> str:
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label)) if whole and isinstance(label, float) else str(label)


def _in_order(labels: Column) -> list[object]:
    """Return the different labels in order: numbers by size, texts by the alphabet."""
    different = set(labels.tolist())
    try:
        return sorted(different)
    except TypeError:
        return sorted(different, key=str)


def _strangers(labels: Column) -> Ints:
    named = [_said(label) for label in labels.tolist()]
    place = {name: i for i, name in enumerate(sorted(set(named)))}
    return np.array([place[name] for name in named], dtype=np.int64)


def _seen_before(training: Pictures, held_out: Pictures, public: Pictures | None) -> list[str]:
    """Refuse judges, and adversaries, that have seen a training photo.

    Raises: BadInput if a held-out photo is a training photo.
    """
    known = {row.tobytes() for row in training.x}
    twice = sum(row.tobytes() in known for row in held_out.x)
    if twice:
        raise BadInput(
            f"{twice} held-out photos equal a training photo; judges must not have seen those.",
            way_out="Remove them from data.held_out: it is for photos that the model never saw.",
        )
    owned = 0 if public is None else sum(row.tobytes() in known for row in public.x)
    if not owned:
        return []
    raise BadInput(
        f"{owned} public pictures equal a training photo: the adversary would hold what it seeks.",
        way_out="Remove them from data.public.",
    )


def _known_faces(people: Sequence[object], public: Pictures | None) -> list[str]:
    if public is None:
        return []
    both = sorted({_said(v) for v in public.labels.tolist()} & {str(c) for c in people})
    if not both:
        return []
    return [
        f"The adversary's pictures carry labels of {len(both)} of the model's "
        f"{len(people)} classes; if they show the same people, what an attack finds may "
        "come from them and not from the model."
    ]
