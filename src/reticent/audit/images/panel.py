"""The judges of an audit, and how good each of them is at genuine photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reticent.audit.images.experiment import ImageExperiment
from reticent.audit.images.judges import SPARE, Album, Judge, fit
from reticent.core import Floats, Ints, Leakage, NotEnoughKnowledge
from reticent.stats.intervals import proportion
from reticent.stats.lineup import NOBODY, Rate, agreed, picks, ranks

DECIDING = 3
NEEDED = 2
PHOTOS_PER_PERSON = 4  # genuine photos shown to each judge: enough for an interval, and quick


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seat:
    """A judge with what it made of genuine photos.

    Attributes:
        judge: the judge.
        right: genuine photos that it recognised. None of them was in its album.
        decides: whether it is one of the three whose agreement counts.
    """

    judge: Judge
    right: Rate
    decides: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Look:
    """What the panel made of m pictures.

    Attributes:
        scores: judge -> (m, k).
        picks: judge -> (m,) whom it picked, -1 for nobody.
        places: judge -> (m,) at which place the wanted person came.
        agreed: (m,) whom at least two of the three picked, -1 for nobody.
        right: (m,) whether that is the wanted person.
    """

    scores: dict[str, Floats]
    picks: dict[str, Ints]
    places: dict[str, Ints]
    agreed: Ints
    right: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Panel:
    """The judges of one audit.

    Attributes:
        seats: the judges, those that decide first.
        together: genuine photos on which two of the three agreed on the right person.
        k: people in the line-up.
    """

    seats: tuple[Seat, ...]
    together: Rate
    k: int

    def look(self, images: Floats, wanted: Ints) -> Look:
        """Return what the judges make of pictures.

        Args:
            images: (m, *shape) in [0, 1]; all NaN where a picture was not made.
            wanted: (m,) the person each was made to show.
        """
        scores = {s.judge.name: _scores(s.judge, images, self.k) for s in self.seats}
        picked = {name: picks(table) for name, table in scores.items()}
        deciding = [picked[s.judge.name] for s in self.seats if s.decides]
        chosen = agreed(deciding, needed=NEEDED)
        return Look(
            scores=scores,
            picks=picked,
            places={name: ranks(table, wanted) for name, table in scores.items()},
            agreed=chosen,
            right=np.asarray((chosen == wanted) & (chosen != NOBODY), dtype=bool),
        )

    def sensitivity(self, seat: Seat, confidence: float) -> Leakage:
        """Return the share of genuine photos that a judge recognises."""
        return replace(
            proportion(
                seat.right.hits,
                seat.right.n,
                metric=f"genuine_photos_recognised[{seat.judge.name}]",
                confidence=confidence,
            ),
            null=1 / self.k,
        )


def seat_judges(
    experiment: ImageExperiment, rng: np.random.Generator
) -> tuple[Panel, tuple[str, ...]]:
    """Return the panel, and what to warn about.

    The judges learn from the held-out photos. What the model was trained on is genuine to them
    and new, so it shows how good they are. A judge that recognises no more than chance (a face
    network, of digits) gives its seat to the next.

    Raises: NotEnoughKnowledge if fewer than three judges are left.
    """
    album = Album(photos=experiment.held_out.x, who=experiment.held_out.who, k=experiment.k)
    photos, who = genuine(experiment, rng)
    names = list(dict.fromkeys([*experiment.judges, *SPARE]))
    draws = rng.spawn(len(names))
    warnings: list[str] = []
    found: list[tuple[Judge, Rate, Ints]] = []
    for name, draw in zip(names, draws, strict=True):
        if len(found) >= DECIDING and name not in experiment.judges:
            break
        try:
            judge = fit(name, album, draw)
        except NotEnoughKnowledge as error:
            warnings.append(f"Judge {name!r} has no seat: {error}")
            continue
        seen = picks(_scores(judge, photos, experiment.k))
        right = Rate(hits=int((seen == who).sum()), n=len(who))
        lower = proportion(right.hits, right.n, metric=name).lower or 0.0
        if lower <= 1 / experiment.k:
            warnings.append(
                f"Judge {name!r} has no seat: it recognises {right.hits} of {right.n} genuine "
                "photos, which chance would do as well."
            )
            continue
        found.append((judge, right, seen))
    if len(found) < DECIDING:
        raise NotEnoughKnowledge(
            f"Only {len(found)} judges recognise genuine photos better than chance; "
            f"{DECIDING} are needed. {' '.join(warnings)}",
            way_out="Give more held-out photos of each person: the judges learn from them.",
        )
    deciding = [seen for _, _, seen in found[:DECIDING]]
    together = int((agreed(deciding, needed=NEEDED) == who).sum())
    seats = tuple(
        Seat(judge=judge, right=right, decides=i < DECIDING)
        for i, (judge, right, _) in enumerate(found)
    )
    panel = Panel(seats=seats, together=Rate(hits=together, n=len(who)), k=experiment.k)
    return panel, tuple(warnings)


def genuine(experiment: ImageExperiment, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Return training photos, a few of each person, with who is on them."""
    rows: list[int] = []
    for person in range(experiment.k):
        own = np.flatnonzero(experiment.training.who == person)
        rows += sorted(rng.permutation(own)[:PHOTOS_PER_PERSON].tolist())
    return experiment.training.x[rows], experiment.training.who[rows]


def _scores(judge: Judge, images: Floats, k: int) -> Floats:
    """Return a judge's scores; NaN for a picture that was not made."""
    made = ~np.isnan(images).reshape(len(images), -1).any(axis=1)
    if made.all():
        return judge.rank(images)
    if not made.any():
        return np.full((len(images), k), np.nan)
    out = np.full((len(images), k), np.nan)
    out[made] = judge.rank(images[made])
    return out


def names_of(seats: Sequence[Seat]) -> list[str]:
    """Return the names of the judges that decide."""
    return [seat.judge.name for seat in seats if seat.decides]
