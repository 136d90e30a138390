"""The wall of pictures: what was brought out of the model, and whom the judges saw on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reticent.audit.record import Cell, Figure, ImagesEntry, Picture, PictureOutcome, Record
from reticent.report.format import one_line, percent
from reticent.report.ranking import severity

#: Outcome -> mark and meaning. The marks differ in shape, so that they need no colour.
OUTCOMES: Mapping[PictureOutcome, tuple[str, str]] = {
    "verbatim": ("■", "a copy of a training photo"),
    "individual": ("◆", "the person, nearer to the training photos than to others of the same one"),
    "class prototype": ("▲", "the person, no nearer to one photo than to another"),
    "not found": ("○", "two of the three judges do not see the person"),
    "not made": ("·", "no picture was made, for want of queries or because it failed"),
}
GOOD = 0.9  # of genuine photos, recognised by a judge whose doubt counts
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
        doubt: see `doubt`.
    """

    cell: Cell
    tiles: tuple[Tile, ...]
    counts: tuple[tuple[PictureOutcome, int], ...]
    rows: tuple[Row, ...]
    gradient_steps: int
    doubt: str

    @property
    def photos(self) -> bool:
        """Return whether training photos stand beside its pictures."""
        return any(tile.training_png for tile in self.tiles)


#: Access -> what the adversary goes by, in the order of how easily it is had.
FIELDS: Mapping[str, str] = {
    "label": "label alone",
    "top_k": "top scores",
    "scores": "scores",
    "explanation": "label and explanation",
    "intermediate": "inner layer, seen of one photo",
    "together": "every field together",
    "embedding": "vector of one photo",
    "weights": "model file",
}


@dataclass(frozen=True, slots=True)
class Best:
    """The best attack at one access through one policy.

    Attributes:
        field: what the adversary goes by.
        cell: its cell.
        gradient_steps: that it took.
        doubt: why its pictures may not be faces to the eye; "" if nothing says so.
    """

    field: str
    cell: Cell
    gradient_steps: int
    doubt: str


def overview(record: Record) -> list[Best]:
    """Return the best attack at each access through each policy; nothing for other audits."""
    if record.images is None:
        return []
    steps = {effort.cell: effort.gradient_steps for effort in record.images.effort}
    best: dict[tuple[str, str], Cell] = {}
    for cell in record.cells:
        key = (cell.access, cell.policy)
        if key not in best or _found(cell) > _found(best[key]):
            best[key] = cell
    order, policies = list(FIELDS), [entry.name for entry in record.policies]
    ranked = sorted(
        best.values(),
        key=lambda c: (
            policies.index(c.policy) if c.policy in policies else len(policies),
            order.index(c.access) if c.access in order else len(order),
        ),
    )
    return [
        Best(_field(cell), cell, steps.get(cell.id, 0), doubt(cell, record.images))
        for cell in ranked
    ]


def doubt(cell: Cell, images: ImagesEntry) -> str:
    """Return what a good judge says against a cell's pictures; "" if none does.

    Small judges agree on pictures that are no faces to the eye. A judge that recognises genuine
    photos well, and sees the people in fewer than half as many pictures, is a sign of that.
    """
    found = cell.primary.estimate
    if not found:
        return ""
    figures = {figure.metric: figure for figure in cell.figures}
    for judge in images.judges:
        genuine, seen = judge.genuine.estimate, figures.get(f"line_up[{judge.name}]")
        if genuine is None or seen is None or seen.estimate is None:
            continue
        if genuine >= GOOD and seen.estimate < found / 2:
            return (
                f"{one_line(judge.name)}, which recognises {percent(genuine)} of genuine photos, "
                f"sees the person in {percent(seen.estimate)} of these pictures"
            )
    return ""


def _found(cell: Cell) -> tuple[float, float, int]:
    """Return a key that grows with what was found: by two of three, by each judge, cheaply."""
    estimate = cell.primary.estimate
    each = [f.estimate or 0.0 for f in cell.figures if f.metric.startswith("line_up[")]
    return (-1.0 if estimate is None else estimate, sum(each), -cell.queries)


def _clearest(cell: Cell) -> tuple[int, int, float, int]:
    """Return a key that puts first what is there to see, and how it was had only after that."""
    tier, harm, reach, size = severity(cell)
    return tier, harm, size, reach


def _field(cell: Cell) -> str:
    if (cell.access, cell.seen) == ("weights", "vectors"):
        return "vector of one photo, and the network"
    return FIELDS.get(cell.access, one_line(cell.access))


def walls(record: Record) -> list[Wall]:
    """Return a wall for each cell that made pictures, the clearest first; none for other audits."""
    images = record.images
    if images is None:
        return []
    by_cell: dict[str, list[Picture]] = {}
    for picture in images.pictures:
        by_cell.setdefault(picture.cell, []).append(picture)
    steps = {effort.cell: effort.gradient_steps for effort in images.effort}
    cells = sorted((c for c in record.cells if c.id in by_cell), key=_clearest)
    return [
        Wall(
            cell=cell,
            tiles=tuple(_tile(picture) for picture in by_cell[cell.id]),
            counts=_counts(by_cell[cell.id]),
            rows=_rows(cell, images),
            gradient_steps=steps.get(cell.id, 0),
            doubt=doubt(cell, images),
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
