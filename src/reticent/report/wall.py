"""The wall of pictures: what was brought out of the model, and whom the judges saw on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reticent.audit.record import Cell, Figure, ImagesEntry, Picture, PictureOutcome, Record
from reticent.report.format import one_line
from reticent.report.ranking import severity

#: Outcome -> mark and meaning. The marks differ in shape, so that they need no colour.
OUTCOMES: Mapping[PictureOutcome, tuple[str, str]] = {
    "verbatim": ("■", "a copy of a training photo"),
    "individual": ("◆", "the person, nearer to the training photos than to others of the same one"),
    "class prototype": ("▲", "the person, no nearer to one photo than to another"),
    "not found": ("○", "two of the three judges do not see the person"),
    "not made": ("·", "no picture was made, for want of queries or because it failed"),
}
SMALL = 40  # pixels: smaller pictures are shown with hard edges


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture on the wall.

    Attributes:
        person: pseudonym of whom it was made to show.
        outcome: see `OUTCOMES`.
        png: base64, or None.
        training_png: the nearest training photo, if the record has it.
        seen: (judge, whether it picked the person, what it said).
    """

    person: str
    outcome: PictureOutcome
    png: str | None
    training_png: str | None
    seen: tuple[tuple[str, bool, str], ...]

    @property
    def mark(self) -> str:
        """Return the sign of the outcome."""
        return OUTCOMES[self.outcome][0]


@dataclass(frozen=True, slots=True)
class Row:
    """What one judge, or two of three together, made of a cell's pictures.

    Attributes:
        who: name of the judge.
        first: share of pictures whose person it put first.
        five: share whose person is among its first five; None for short line-ups.
        shown: the first corrected for its own errors.
    """

    who: str
    first: Figure
    five: Figure | None
    shown: Figure | None


@dataclass(frozen=True, slots=True)
class Wall:
    """The pictures of one cell.

    Attributes:
        cell: the cell.
        tiles: its pictures, the people in the record's order.
        counts: outcome -> how many.
        rows: line-up results.
        gradient_steps: that the attack took.
    """

    cell: Cell
    tiles: tuple[Tile, ...]
    counts: tuple[tuple[PictureOutcome, int], ...]
    rows: tuple[Row, ...]
    gradient_steps: int


def walls(record: Record) -> list[Wall]:
    """Return a wall for each cell that made pictures, the worst first; none for other audits."""
    images = record.images
    if images is None:
        return []
    by_cell: dict[str, list[Picture]] = {}
    for picture in images.pictures:
        by_cell.setdefault(picture.cell, []).append(picture)
    steps = {effort.cell: effort.gradient_steps for effort in images.effort}
    cells = sorted((c for c in record.cells if c.id in by_cell), key=severity)
    return [
        Wall(
            cell=cell,
            tiles=tuple(_tile(picture) for picture in by_cell[cell.id]),
            counts=_counts(by_cell[cell.id]),
            rows=_rows(cell, images),
            gradient_steps=steps.get(cell.id, 0),
        )
        for cell in cells
    ]


def _tile(picture: Picture) -> Tile:
    seen = []
    for pick in picture.picks:
        right = pick.person == picture.person
        if right:
            said = "picks this person"
        elif pick.person is None:
            said = f"nobody (place {pick.place})"
        else:
            said = f"{one_line(pick.person)} (place {pick.place})"
        seen.append((one_line(pick.judge), right, said))
    return Tile(
        person=one_line(picture.person),
        outcome=picture.outcome,
        png=picture.png,
        training_png=picture.training_png,
        seen=tuple(seen),
    )


def _counts(pictures: list[Picture]) -> tuple[tuple[PictureOutcome, int], ...]:
    found = Counter(picture.outcome for picture in pictures)
    return tuple((outcome, found[outcome]) for outcome in OUTCOMES if found[outcome])


def _rows(cell: Cell, images: ImagesEntry) -> tuple[Row, ...]:
    figures = {figure.metric: figure for figure in cell.figures}
    rows = [Row("2 of 3", cell.primary, None, figures.get(_shown("2 of 3", "judges")))]
    for judge in images.judges:
        first = figures.get(f"line_up[{judge.name}]")
        if first is not None:
            five = figures.get(f"line_up_first_5[{judge.name}]")
            rows.append(Row(one_line(judge.name), first, five, figures.get(_shown(judge.name))))
    return tuple(rows)


def _shown(who: str, whom: str = "judge") -> str:
    return f"shown[{who}, corrected for the {whom}]"
