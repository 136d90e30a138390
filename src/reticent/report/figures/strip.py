"""Dots with intervals, one narrow drawing a row: a table whose middle column is a plot."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reticent.audit.record import Figure
from reticent.report.figures import svg
from reticent.report.format import full, number

WIDTH = 240
_ROW = 15


def shared_scale(
    figures: Iterable[Figure | None], marks: Iterable[float | None] = (0.0,)
) -> svg.Scale:
    """Return one scale on which all these figures, and the marked values, have room."""
    values = [
        value
        for figure in figures
        if figure is not None
        for value in (figure.estimate, figure.lower, figure.upper, figure.null)
        if value is not None and math.isfinite(value)
    ]
    values += [mark for mark in marks if mark is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = _step(high - low)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if high <= low:
        high = low + step
    return svg.Scale(low, high, 16, WIDTH - 16)


def _step(span: float) -> float:
    """Return a round distance between ticks so that a span has 3 to 6 of them.

    >>> _step(0.31), _step(1.0)
    (0.1, 0.2)
    """
    if span <= 0:
        return 0.1
    power = 10.0 ** math.floor(math.log10(span / 3))
    return next((m * power for m in (1, 2, 5) if span / (m * power) <= 5), 10 * power)


def ticks(scale: svg.Scale) -> list[float]:
    """Return the values at which the axis is labelled: round ones, zero among them if it is there.

    >>> ticks(svg.Scale(-0.05, 0.25, 0, 100))
    [0.0, 0.1, 0.2]
    """
    step = _step(scale.high - scale.low)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(i * step, 10) + 0.0 for i in range(first, last + 1)]


def header(scale: svg.Scale) -> Markup:
    """Return the axis that stands above a column of strips."""
    parts = []
    for tick in ticks(scale):
        at = scale(tick)
        parts.append(
            svg.element("text", f"{tick:g}", class_="tick", x=at, y=10, text_anchor="middle")
        )
        parts.append(svg.element("path", d=f"M{at} 14V18", class_="grid"))
    return svg.element(
        "svg",
        parts,
        class_="strip",
        viewBox=f"0 0 {WIDTH} 18",
        width=WIDTH,
        height=18,
        aria_hidden="true",
        focusable="false",
    )


def draw(
    series: Sequence[tuple[Figure | None, int, str]], scale: svg.Scale, null: float | None
) -> Markup:
    """Return one row's dots and intervals. The cells beside it hold the same numbers as text.

    Args:
        series: figures with the number of their style and a name for the tooltip.
        scale: shared by the rows of the table.
        null: where to draw the line of no leakage; None for no line.
    """
    known = [
        (figure, figure.estimate, style, name)
        for figure, style, name in series
        if figure is not None and figure.estimate is not None
    ]
    height = _ROW * max(len(known), 1) + 3
    parts = [
        svg.element("path", d=f"M{scale(tick)} 0V{height}", class_="grid") for tick in ticks(scale)
    ]
    if null is not None:
        parts.append(svg.element("path", d=f"M{scale(null)} 0V{height}", class_="null"))
    for i, (figure, estimate, style, _) in enumerate(known):
        y = _ROW * (i + 0.5) + 1.5
        if figure.lower is not None and figure.upper is not None:
            left, right = scale(figure.lower), scale(figure.upper)
            d = f"M{left} {y}H{right}M{left} {y - 3}v6M{right} {y - 3}v6"
            parts.append(svg.element("path", d=d, class_=f"whisker s{style}"))
        parts.append(svg.marker(scale(estimate), y, style))
    title = "; ".join(f"{name}: {full(figure)}" for figure, _, _, name in known) or number(None)
    return svg.element(
        "svg",
        [svg.element("title", title), *parts],
        class_="strip",
        viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH,
        height=height,
        aria_hidden="true",
        focusable="false",
    )
