"""Grade pictures: whom do the judges see, and is it the person or only the class?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from reticent.audit.grade.base import Graded, Individuals, Reach
from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.images.likeness import Likeness, compare
from reticent.audit.images.panel import Look, Panel
from reticent.audit.record import PictureOutcome
from reticent.core import BadInput, Bools, Column, Floats, Leakage, ReconstructionClaim
from reticent.stats.differences import gain, mean_difference, paired_difference
from reticent.stats.lineup import Rate, agreement, corrected, line_up, line_up_p
from reticent.stats.multiplicity import benjamini_hochberg

OUTCOMES: tuple[PictureOutcome, ...] = (
    "not made",
    "not found",
    "class prototype",
    "individual",
    "verbatim",
)
FEW = 10  # a line-up so short has no second figure for the first five places
TOP = 5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bench:
    """What pictures are graded against, worked out once.

    Attributes:
        experiment: what is audited; its photos are the truth.
        panel: the judges.
        floor: what they make of the picture of nobody.
    """

    experiment: ImageExperiment
    panel: Panel
    floor: Look


def bench_for(experiment: ImageExperiment, panel: Panel) -> Bench:
    """Return the bench of an experiment."""
    people = experiment.people
    nobody = np.repeat(experiment.mean_picture[None], len(people), axis=0)
    return Bench(experiment=experiment, panel=panel, floor=panel.look(nobody, people))


def pictures_of(claim: ReconstructionClaim, experiment: ImageExperiment) -> Floats:
    """Return the pictures of a claim, (m, *shape); NaN for those that hold a value that is none.

    Raises: BadInput if the attack claims another number of pictures, or of another shape.
    """
    images = np.asarray(claim.images, dtype=np.float64)
    wanted = (len(experiment.people), *experiment.space.shape)
    if images.shape != wanted:
        raise BadInput(
            f"The attack claims pictures of shape {images.shape}; {wanted} are wanted.",
            way_out="A plug-in returns one picture in [0, 1] for each wanted class.",
        )
    whole = np.isfinite(images).reshape(len(images), -1).all(axis=1)
    images = np.clip(images, 0.0, 1.0)
    images[~whole] = np.nan
    return images


def grade(bench: Bench, images: Floats, confidence: Floats, rng: np.random.Generator) -> Graded:
    """Return what pictures are worth.

    Args:
        bench: judges, photos and the picture of nobody.
        images: (m, *shape) as from `pictures_of`.
        confidence: (m,) the attack's own.
        rng: for the test against training photos.
    """
    experiment, panel = bench.experiment, bench.panel
    people, level, k = experiment.people, experiment.confidence, experiment.k
    look = panel.look(images, people)
    made: Bools = np.asarray(np.isfinite(images).reshape(len(images), -1).all(axis=1), dtype=bool)
    primary = agreement(np.where(look.right, people, -1), people, k, confidence=level)
    floor = agreement(
        np.where(bench.floor.right, people, -1),
        people,
        k,
        metric="line_up_2of3[picture of nobody]",
        confidence=level,
    )
    likeness = None
    if made.any():
        likeness = compare(
            images[made], people[made], experiment.training, experiment.held_out, rng
        )
    codes, adjusted = outcomes(look, made, likeness, level)
    whole = bool(made.all())
    figures = [*_judged(panel, look, k, level), *_near(likeness, level)]
    return Graded(
        primary=primary,
        baseline=floor,
        gain=gain(look.right, {"picture of nobody": bench.floor.right}, confidence=level),
        training_leak=_training_leak(likeness, level),
        figures=tuple(figures),
        p_value=line_up_p(int(look.right.sum()), len(people), k),
        # Pictures that were not made leave open what they would have shown.
        reach=Reach(kind="rate", n=len(people), null=1 / k) if whole else None,
        individuals=_individuals(look, primary),
        content=_content(likeness, level),
        arrays=_arrays(images, confidence, look, codes, adjusted, made, likeness),
    )


def outcomes(
    look: Look, made: Bools, likeness: Likeness | None, level: float
) -> tuple[Column, Floats]:
    """Return each picture's outcome as an index into `OUTCOMES`, and adjusted p-values.

    *Verbatim*: a copy of a training photo. *Individual*: the right person, and nearer to the
    training photos than to held-out photos of the same person beyond chance (BH over all
    pictures). *Class prototype*: the right person, and no nearer to one than to the other.
    """
    codes = np.where(made, OUTCOMES.index("not found"), OUTCOMES.index("not made"))
    adjusted = np.full(len(made), np.nan)
    if likeness is not None:
        raw = [float(p) for p in likeness.p_value]
        adjusted[made] = [1.0 if p is None else p for p in benjamini_hochberg(raw)]
        verbatim = np.zeros(len(made), dtype=bool)
        verbatim[made] = likeness.verbatim
        near = adjusted <= 1 - level
        codes[look.right] = OUTCOMES.index("class prototype")
        codes[look.right & near] = OUTCOMES.index("individual")
        codes[verbatim] = OUTCOMES.index("verbatim")
    return codes.astype(np.int64), adjusted


def _judged(panel: Panel, look: Look, k: int, level: float) -> list[Leakage]:
    n, right = len(look.agreed), int(look.right.sum())
    figures = [
        corrected(
            Rate(hits=right, n=n),
            panel.together,
            1 / k,
            metric="shown[2 of 3, corrected for the judges]",
            confidence=level,
        )
    ]
    for seat in panel.seats:
        name = seat.judge.name
        places = look.places[name]
        figures.append(line_up(places, k, metric=f"line_up[{name}]", confidence=level))
        if k > FEW:
            metric = f"line_up_first_{TOP}[{name}]"
            figures.append(line_up(places, k, top=TOP, metric=metric, confidence=level))
        figures.append(
            corrected(
                Rate(hits=int((places == 1).sum()), n=n),
                seat.right,
                1 / k,
                metric=f"shown[{name}, corrected for the judge]",
                confidence=level,
            )
        )
    return figures


def _training_leak(likeness: Likeness | None, level: float) -> Leakage | None:
    if likeness is None:
        return None
    return mean_difference(
        likeness.to_held_out,
        likeness.to_training,
        metric="nearer_to_training_photos",
        confidence=level,
    )


def _near(likeness: Likeness | None, level: float) -> list[Leakage]:
    if likeness is None:
        return []
    nothing = np.zeros(len(likeness.ssim))
    values = {
        "ssim_to_nearest_training_photo": likeness.ssim,
        "feature_distance_to_nearest_training_photo": likeness.features,
        "distance_to_training_photos": likeness.to_training,
        "distance_to_held_out_photos": likeness.to_held_out,
    }
    return [
        mean_difference(column, nothing, metric=name, confidence=level, null=None)
        for name, column in values.items()
    ]


def _individuals(look: Look, primary: Leakage) -> Individuals | None:
    """Return who is exposed: nobody is chosen, so no second split is needed."""
    rows = np.flatnonzero(look.right)
    if len(rows) == 0:
        return None
    return Individuals(
        rows=rows,
        precision=replace(primary, metric="precision_of_all_pictures"),
        confirmed=True,
        rule="every picture that was made",
    )


def _content(likeness: Likeness | None, level: float) -> Leakage | None:
    """Return how much more often training photos are copied than photos no model has seen."""
    if likeness is None or not likeness.verbatim.any():
        return None
    return paired_difference(
        likeness.verbatim,
        likeness.verbatim_held_out,
        metric="verbatim_training_minus_held_out",
        confidence=level,
    )


def _arrays(
    images: Floats,
    confidence: Floats,
    look: Look,
    codes: Column,
    adjusted: Floats,
    made: Bools,
    likeness: Likeness | None,
) -> Mapping[str, Column]:
    nearest = np.full(len(images), -1, dtype=np.int64)
    if likeness is not None:
        nearest[made] = likeness.nearest
    return {
        "images": images,
        "confidence": np.asarray(confidence, dtype=np.float64),
        "agreed": look.agreed,
        "outcomes": codes,
        "p_individual": adjusted,
        "nearest": nearest,
        **{f"picks.{name}": column for name, column in look.picks.items()},
        **{f"places.{name}": column for name, column in look.places.items()},
    }
