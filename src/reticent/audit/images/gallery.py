"""The pictures of a record, with what the judges made of each."""

import base64
from collections.abc import Mapping

import numpy as np

from reticent.audit.images.grade import OUTCOMES, Bench
from reticent.audit.images.png import png
from reticent.audit.pieces import Piece
from reticent.audit.record import Effort, ImagesEntry, JudgeEntry, Pick, Picture
from reticent.audit.show import figure_of
from reticent.core import Column
from reticent.stats.intervals import proportion
from reticent.stats.lineup import NOBODY

MOST_PICTURES = 60  # of each cell that the record keeps to look at; all are graded


def images_of(bench: Bench, pieces: Mapping[str, Piece], *, include_records: bool) -> ImagesEntry:
    """Return the part of a record that only an audit of pictures has."""
    experiment, panel = bench.experiment, bench.panel
    level = experiment.confidence
    return ImagesEntry(
        shape=list(experiment.space.shape),
        people=experiment.k,
        judges=[
            JudgeEntry(
                name=seat.judge.name,
                how=seat.judge.how,
                decides=seat.decides,
                genuine=figure_of(panel.sensitivity(seat, level)),
            )
            for seat in panel.seats
        ],
        together=figure_of(
            proportion(
                panel.together.hits,
                panel.together.n,
                metric="genuine_photos_recognised[2 of 3]",
                confidence=level,
            )
        ),
        pictures=[
            _picture(bench, cell, piece.arrays, row, include_records=include_records)
            for cell, piece in pieces.items()
            for row in range(min(len(experiment.people), MOST_PICTURES))
        ],
        effort=[
            Effort(
                cell=cell,
                gradient_steps=int(piece.measured.cell.notes.get("gradient_steps", 0)),
                queries=piece.measured.cell.queries,
            )
            for cell, piece in pieces.items()
        ],
    )


def _picture(
    bench: Bench, cell: str, arrays: Mapping[str, Column], row: int, *, include_records: bool
) -> Picture:
    experiment = bench.experiment
    made = bool(np.isfinite(arrays["images"][row]).all())
    nearest = int(arrays["nearest"][row])

    def called(person: int) -> str | None:
        return None if person == NOBODY else experiment.called(person)

    names = [seat.judge.name for seat in bench.panel.seats]
    return Picture(
        cell=cell,
        person=experiment.called(int(experiment.people[row])),
        outcome=OUTCOMES[int(arrays["outcomes"][row])],
        picks=[
            Pick(
                judge=name,
                person=called(int(arrays[f"picks.{name}"][row])),
                place=int(arrays[f"places.{name}"][row]),
            )
            for name in names
        ],
        agreed=called(int(arrays["agreed"][row])),
        confidence=finite(arrays["confidence"][row]),
        p_individual=finite(arrays["p_individual"][row]),
        png=_encoded(arrays["images"][row]) if made else None,
        training_png=_encoded(experiment.training.x[nearest])
        if include_records and nearest >= 0
        else None,
    )


def _encoded(picture: Column) -> str:
    return base64.b64encode(png(picture)).decode("ascii")


def finite(value: float) -> float | None:
    """Return a number that JSON can carry."""
    return float(value) if np.isfinite(value) else None
