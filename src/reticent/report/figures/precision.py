"""Precision against recall."""

from collections.abc import Sequence

from markupsafe import Markup

from reticent.audit.record import Cell, Curve
from reticent.report.figures import svg
from reticent.report.figures.roc import curve_of, curves_of
from reticent.report.format import NO_DATA, number, one_line

RECALLS = (0.01, 0.1, 0.5)
"""Recalls at which the table beside a figure reads the curves."""

_SHARES = [(v / 4, f"{25 * v} %") for v in range(5)]


def draw(cells: Sequence[tuple[Cell, int]], name: str, where: str) -> Markup:
    """Return curves of precision against recall.

    Args:
        cells: cells that have such a curve, each with the number of its style.
        name: an id, unique in the page.
        where: what the cells share, for the title.
    """
    curves = curves_of(cells, "precision_recall")
    frame = svg.Frame(340, 252, svg.Scale(0, 1, 50, 316), svg.Scale(0, 1, 212, 12))
    parts = [*svg.axis(frame, "x", _SHARES, "recall"), *svg.axis(frame, "y", _SHARES, "precision")]
    parts += [
        svg.band(frame, curve.x, curve.lower, curve.upper, style)
        for curve, style in curves
        if curve.lower and curve.upper
    ]
    for curve, style in curves:
        parts.append(svg.polyline(frame, curve.x, curve.y, style))
        for recall in RECALLS:
            place = _at(curve, recall)
            if place is not None:
                parts.append(svg.marker(frame.x(curve.x[place]), frame.y(curve.y[place]), style))
    names = ", ".join(one_line(cell.attack) for cell, _ in cells)
    return svg.drawing(
        frame,
        name,
        f"Precision against recall, {where}",
        f"Share of right ones among those named, against the share of all who are named, "
        f"for {names}. The table below has the numbers.",
        parts,
    )


def _at(curve: Curve, recall: float) -> int | None:
    """Return the place with the smallest recall that is at least `recall`, or None."""
    reached = [i for i, x in enumerate(curve.x) if x >= recall]
    return min(reached, key=lambda i: curve.x[i], default=None)


def readings(cell: Cell) -> list[str]:
    """Return the table's numbers for one cell: precision and band at each of `RECALLS`."""
    curve = curve_of(cell, "precision_recall")
    texts = []
    for recall in RECALLS:
        i = _at(curve, recall) if curve else None
        if curve is None or i is None:
            texts.append(NO_DATA)
            continue
        banded = len(curve.lower) == len(curve.upper) == len(curve.x)
        inside = (
            f" [{number(curve.lower[i], 'down')}, {number(curve.upper[i], 'up')}]" if banded else ""
        )
        texts.append(number(curve.y[i]) + inside)
    return texts
