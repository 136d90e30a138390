"""Axes, lines, bands and marks."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from reticent.report.format import clean

SERIES = 7
"""Distinct styles: series i has the CSS classes `line sI`, with I = i % SERIES."""

MARKERS = ("circle", "square", "diamond", "up", "down", "cross", "ring")


@dataclass(frozen=True, slots=True)
class Scale:
    """From data to the drawing, linear or by decades.

    Attributes:
        low: the data value at `start`.
        high: the data value at `stop`.
        start: where `low` is drawn.
        stop: where `high` is drawn.
        log: whether decades are drawn of equal length.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return where a value is drawn; values beyond the ends are drawn at the ends.

        >>> Scale(0.01, 1, 0, 100, log=True)(0.1), Scale(0, 2, 0, 100)(5)
        (50.0, 100.0)
        """
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        if high == low:
            return self.start
        share = (value - low) / (high - low)
        return round(self.start + share * (self.stop - self.start), 2)


@dataclass(frozen=True, slots=True)
class Frame:
    """A drawing area with its axes' scales.

    Attributes:
        width: of the whole drawing.
        height: of the whole drawing.
        x: scale of the horizontal axis.
        y: scale of the vertical axis.
    """

    width: int
    height: int
    x: Scale
    y: Scale


def element(tag: str, content: Iterable[Markup] | str = (), **attributes: object) -> Markup:
    """Return one element; text and attributes are escaped, `class_` stands for class.

    >>> str(element("text", "<b>", x=1, class_="tick", text_anchor="end"))
    '<text x="1" class="tick" text-anchor="end">&lt;b&gt;</text>'
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(
            Markup(name.rstrip("_").replace("_", "-") if name != "viewBox" else name),
            clean(str(value)),
        )
        for name, value in attributes.items()
        if value is not None
    )
    inside = escape(clean(content)) if isinstance(content, str) else Markup("").join(content)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)


def polyline(frame: Frame, x: Sequence[float], y: Sequence[float], style: int) -> Markup:
    """Return a line in the style of a series."""
    return element("path", d=_path(frame, x, y), class_=f"line s{style % SERIES}")


def band(
    frame: Frame, x: Sequence[float], lower: Sequence[float], upper: Sequence[float], style: int
) -> Markup:
    """Return the area between two lines."""
    there = _path(frame, x, upper)
    back = _path(frame, list(reversed(x)), list(reversed(lower)))
    return element("path", d=f"{there}L{back[1:]}Z", class_=f"band s{style % SERIES}")


def _path(frame: Frame, x: Sequence[float], y: Sequence[float]) -> str:
    points = [f"{frame.x(a):g} {frame.y(b):g}" for a, b in zip(x, y, strict=True)]
    # Neighbours that fall on one spot are drawn once: a log axis piles up its low end.
    return "M" + "L".join(point for point, _ in itertools.groupby(points))


def marker(x: float, y: float, style: int, size: float = 3.6, open_: bool = False) -> Markup:
    """Return the mark of a series at a place in the drawing."""
    kind = MARKERS[style % SERIES]
    s = size
    shapes = {
        "square": f"M{x - s} {y - s}h{2 * s}v{2 * s}h{-2 * s}z",
        "diamond": f"M{x} {y - 1.3 * s}l{1.3 * s} {1.3 * s}l{-1.3 * s} {1.3 * s}"
        f"l{-1.3 * s} {-1.3 * s}z",
        "up": f"M{x} {y - 1.2 * s}l{1.2 * s} {2.1 * s}h{-2.4 * s}z",
        "down": f"M{x} {y + 1.2 * s}l{1.2 * s} {-2.1 * s}h{-2.4 * s}z",
        "cross": f"M{x - s} {y - s}l{2 * s} {2 * s}M{x - s} {y + s}l{2 * s} {-2 * s}",
    }
    hollow = open_ or kind == "ring"
    look = f"mark s{style % SERIES}" + (" open" if hollow else "")
    if kind in shapes:
        return element("path", d=shapes[kind], class_=look)
    return element("circle", cx=x, cy=y, r=s, class_=look)


def swatch(style: int) -> Markup:
    """Return a short piece of a series' line with its mark, for a legend."""
    return element(
        "svg",
        [
            element("path", d="M1 7H31", class_=f"line s{style % SERIES}"),
            marker(16, 7, style),
        ],
        class_="swatch",
        viewBox="0 0 32 14",
        width=32,
        height=14,
        aria_hidden="true",
        focusable="false",
    )


def drawing(
    frame: Frame, name: str, title: str, description: str, parts: Iterable[Markup]
) -> Markup:
    """Return a whole figure, named and described for those who do not see it.

    Args:
        frame: its area.
        name: an id, unique in the page.
        title: what it is.
        description: what it shows, and where its numbers are.
        parts: what is drawn, from back to front.
    """
    return element(
        "svg",
        [
            element("title", title, id=f"{name}-title"),
            element("desc", description, id=f"{name}-desc"),
            *parts,
        ],
        class_="figure",
        viewBox=f"0 0 {frame.width} {frame.height}",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        focusable="false",
    )


def axis(
    frame: Frame,
    side: Literal["x", "y"],
    ticks: Sequence[tuple[float, str]],
    label: str,
) -> list[Markup]:
    """Return grid lines, tick labels and the label of an axis."""
    x, y = frame.x, frame.y
    parts = []
    for value, text in ticks:
        if side == "x":
            at = x(value)
            line = f"M{at:g} {y.start:g}V{y.stop:g}"
            spot = {"x": at, "y": y.start + 14, "text_anchor": "middle"}
        else:
            at = y(value)
            line = f"M{x.start:g} {at:g}H{x.stop:g}"
            spot = {"x": x.start - 6, "y": at + 3.5, "text_anchor": "end"}
        parts.append(element("path", d=line, class_="grid"))
        parts.append(element("text", text, class_="tick", **spot))
    middle_x, middle_y = (x.start + x.stop) / 2, (y.start + y.stop) / 2
    place = (
        {"x": middle_x, "y": frame.height - 4}
        if side == "x"
        else {"x": 0, "y": 0, "transform": f"translate(11 {middle_y:g}) rotate(-90)"}
    )
    parts.append(element("text", label, class_="axis-label", text_anchor="middle", **place))
    return parts


def decades(low: float, high: float, unit: str = "share") -> list[tuple[float, str]]:
    """Return ticks at the powers of ten.

    >>> decades(0.001, 1)
    [(0.001, '0.1 %'), (0.01, '1 %'), (0.1, '10 %'), (1.0, '100 %')]
    >>> decades(1, 1000, unit="count")
    [(1.0, '1'), (10.0, '10'), (100.0, '100'), (1000.0, '1,000')]
    """
    powers = range(round(math.log10(low)), math.floor(math.log10(high) + 1e-9) + 1)
    if unit == "share":
        return [(10.0**p, f"{100 * 10.0**p:g} %") for p in powers]
    return [(10.0**p, f"{10**p:,}") for p in powers]
