"""Success against queries."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from reticent.audit.record import Cell
from reticent.report.figures import svg
from reticent.report.figures.roc import curve_of, curves_of
from reticent.report.format import NO_DATA, number, one_line


def draw(cells: Sequence[tuple[Cell, int]], name: str, where: str) -> Markup:
    """Return curves of success (0 to 1) against queries on a logarithmic axis.

    Args:
        cells: cells that have such a curve, each with the number of its style.
        name: an id, unique in the page.
        where: what the cells share, for the title.
    """
    curves = curves_of(cells, "success_against_queries")
    most = max((x for curve, _ in curves for x in curve.x), default=10.0)
    high = 10.0
    while high < most:
        high *= 10
    frame = svg.Frame(340, 252, svg.Scale(1, high, 50, 316, log=True), svg.Scale(0, 1, 212, 12))
    parts = [
        *svg.axis(frame, "x", svg.decades(1, high, unit="count"), "queries in all"),
        *svg.axis(frame, "y", [(v / 4, f"{25 * v} %") for v in range(5)], "success"),
    ]
    for curve, style in curves:
        if curve.lower and curve.upper:
            parts.append(svg.band(frame, curve.x, curve.lower, curve.upper, style))
    blind = next((cell.baseline.estimate for cell, _ in cells if cell.baseline), None)
    if blind is not None:
        d = f"M{frame.x(1)} {frame.y(blind)}H{frame.x(high)}"
        spot: dict[str, Any] = {
            "x": frame.x(high) - 2,
            "y": frame.y(blind) - 4 if blind < 0.1 else frame.y(blind) + 13,
        }
        spot["text_anchor"] = "end"
        parts += [
            svg.element("path", d=d, class_="chance"),
            svg.element("text", "without the model", class_="tick", **spot),
        ]
    for curve, style in curves:
        parts.append(svg.polyline(frame, curve.x, curve.y, style))
        parts += [
            svg.marker(frame.x(a), frame.y(b), style)
            for a, b in zip(curve.x, curve.y, strict=True)
            if len(curve.x) <= 20
        ]
    names = ", ".join(one_line(cell.attack) for cell, _ in cells)
    return svg.drawing(
        frame,
        name,
        f"Success against queries, {where}",
        f"Share of people for whom the attack succeeds, against the queries it spent in all, "
        f"for {names}. The table below has the numbers.",
        parts,
    )


def readings(cell: Cell) -> list[str]:
    """Return the table's numbers for one cell: first, middle and last point of its curve."""
    curve = curve_of(cell, "success_against_queries")
    if curve is None:
        return [NO_DATA] * 3
    banded = len(curve.lower) == len(curve.upper) == len(curve.x)

    def point(i: int) -> str:
        inside = (
            f" [{number(curve.lower[i], 'down')}, {number(curve.upper[i], 'up')}]" if banded else ""
        )
        return f"{number(curve.y[i])}{inside} after {number(curve.x[i])}"

    return [point(0), point(len(curve.x) // 2), point(-1)]
