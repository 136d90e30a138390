"""Log-log ROC curves with their bands and the line of chance."""

from collections.abc import Sequence

from markupsafe import Markup

from reticent.audit.record import Cell, Curve
from reticent.report.figures import svg
from reticent.report.format import NO_DATA, number, one_line

RATES = (0.001, 0.01, 0.1)
"""False-positive rates at which the table beside a figure reads the curves."""


def curve_of(cell: Cell, name: str) -> Curve | None:
    """Return a cell's curve of that name that has at least two points, or None."""
    return next((c for c in cell.curves if c.name == name and len(c.x) > 1), None)


def curves_of(cells: Sequence[tuple[Cell, int]], name: str) -> list[tuple[Curve, int]]:
    """Return the curves of that name with the numbers of their cells' styles."""
    return [(curve, style) for cell, style in cells if (curve := curve_of(cell, name)) is not None]


def draw(cells: Sequence[tuple[Cell, int]], name: str, where: str) -> Markup:
    """Return ROC curves on two logarithmic axes.

    Args:
        cells: cells that have a ROC curve, each with the number of its style.
        name: an id, unique in the page.
        where: what the cells share, for the title.
    """
    curves = curves_of(cells, "roc")
    low = _floor([curve for curve, _ in curves])
    frame = svg.Frame(
        340, 292, svg.Scale(low, 1, 50, 320, log=True), svg.Scale(low, 1, 252, 12, log=True)
    )
    ticks = svg.decades(low, 1)
    parts = [
        *svg.axis(frame, "x", ticks, "false-positive rate"),
        *svg.axis(frame, "y", ticks, "true-positive rate"),
        svg.element("path", d=f"M{frame.x(low)} {frame.y(low)}L{frame.x(1)} {frame.y(1)}",
                    class_="chance"),
        svg.element("text", "chance", class_="tick", x=frame.x(1) - 4, y=frame.y(1) + 46,
                    text_anchor="end"),
    ]  # fmt: skip
    for curve, style in curves:
        if curve.lower and curve.upper:
            x, lower, upper = _from(low, curve, curve.lower, curve.upper)
            parts.append(svg.band(frame, x, lower, upper, style))
    for curve, style in curves:
        x, y = _from(low, curve, curve.y)
        parts.append(svg.polyline(frame, x, y, style))
        for rate in RATES:
            height = read(curve, rate)
            if rate >= low and height is not None:
                parts.append(svg.marker(frame.x(rate), frame.y(height[0]), style))
    names = ", ".join(one_line(cell.attack) for cell, _ in cells)
    return svg.drawing(
        frame,
        name,
        f"ROC curves, {where}",
        f"True-positive rate against false-positive rate, both on logarithmic axes, for {names}. "
        "Above the dashed diagonal is better than chance. The table below has the numbers.",
        parts,
    )


def _floor(curves: Sequence[Curve]) -> float:
    """Return the lowest rate to draw: a power of ten that the curves reach, 0.1 % to 10 %."""
    lowest = min((x for curve in curves for x in curve.x if x > 0), default=0.001)
    return 0.1 if lowest >= 0.1 else 0.01 if lowest >= 0.01 else 0.001


def _from(low: float, curve: Curve, *lines: Sequence[float]) -> list[list[float]]:
    """Return x and the lines from `low` on: what lies to the left of the axis is not drawn."""
    first = next((i for i, x in enumerate(curve.x) if x >= low), len(curve.x) - 1)
    start = first - 1 if curve.x[first] > low and first > 0 else first
    return [
        [max(x, low) for x in curve.x[start:]],
        *(list(line[start:]) for line in lines),
    ]


def read(curve: Curve, rate: float) -> tuple[float, float | None, float | None] | None:
    """Return TPR and its band at the last point whose FPR is at most `rate`; None if none is.

    >>> read(Curve(name="roc", x=[0, .01, .5], y=[0, .2, .9]), 0.1)
    (0.2, None, None)
    """
    reached = [i for i, x in enumerate(curve.x) if x <= rate]
    if not reached:
        return None
    i = reached[-1]
    banded = len(curve.lower) == len(curve.upper) == len(curve.x)
    return curve.y[i], curve.lower[i] if banded else None, curve.upper[i] if banded else None


def readings(cell: Cell) -> list[str]:
    """Return the table's numbers for one cell: TPR and band at each of `RATES`."""
    curve = curve_of(cell, "roc")
    texts = []
    for rate in RATES:
        found = read(curve, rate) if curve else None
        if found is None:
            texts.append(NO_DATA)
            continue
        tpr, lower, upper = found
        inside = "" if lower is None else f" [{number(lower, 'down')}, {number(upper, 'up')}]"
        texts.append(number(tpr) + inside)
    return texts
