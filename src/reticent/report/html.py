"""One self-contained page: no network, no script needed, light and dark, screen and paper."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reticent.audit.record import Cell, Figure, Record
from reticent.report import evidence, format as fmt, wording, words
from reticent.report.figures import precision, queries, roc, strip, svg
from reticent.report.matrix import grids
from reticent.report.ranking import severity
from reticent.report.summary import summarise
from reticent.report.wall import OUTCOMES, SMALL, overview, walls

_OPEN = 6  # panels of a figure that stand open; more fold away
_DRAWN = 24  # panels of a figure that are drawn at all


_DRAWINGS = {
    "roc": (roc.draw, roc.readings),
    "precision_recall": (precision.draw, precision.readings),
    "success_against_queries": (queries.draw, queries.readings),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of several cells, with the table of its numbers.

    Attributes:
        name: an id, unique in the page.
        where: what its cells share.
        drawing: the figure.
        cells: each with the number of its style, the name of its line and the table's texts.
    """

    name: str
    where: str
    drawing: Markup
    cells: tuple[tuple[Cell, int, str, Sequence[str]], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A table whose middle column is a plot.

    Attributes:
        title: what its rows share.
        baseline: text on the baseline; empty if there is none.
        axis: the header of the plot's column.
        rows: cell, drawing, and the texts of the columns after it.
        columns: their headers.
        left_out: how many cells have no row here.
    """

    title: str
    baseline: str
    axis: Markup
    rows: tuple[tuple[Cell, Markup, tuple[str, ...]], ...]
    columns: tuple[str, ...]
    left_out: int = 0


def render(record: Record) -> str:
    """Return the record as one HTML page."""
    style, script = asset("style.css"), asset("script.js")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            r=record,
            s=summarise(record),
            style=Markup(style),
            script=Markup(script),
            security=security(style, script, pictures=record.images is not None),
            walls=walls(record),
            outcomes=OUTCOMES,
            overview=overview(record),
            small=record.images is not None and max(record.images.shape[:2]) < SMALL,
            grids=grids(record),
            rocs=_panels(record, "roc"),
            precisions=_panels(record, "precision_recall"),
            curves=_panels(record, "success_against_queries"),
            chain_keys=_chain_keys(record),
            gains=_gains(record),
            forests=_forests(record),
            families=_families(record.cells),
            standards=[(s, evidence.evidence(record, s)) for s in evidence.standards()],
            rows_of=evidence.rows_of,
            shown=_OPEN,
            drawn=_DRAWN,
            by_id={cell.id: cell for cell in record.cells},
        )
    )


@cache
def environment() -> Environment:
    """Return what the templates of all pages are rendered with."""
    environment = Environment(
        loader=PackageLoader("reticent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.globals.update(fmt=fmt, words=words, wording=wording, svg=svg, strip=strip)
    environment.globals["as_figure"] = as_figure
    return environment


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) else fmt.clean(str(value))


def asset(name: str) -> str:
    """Return a file that lies beside the templates."""
    return (files("reticent.report") / "templates" / name).read_text("utf-8")


def security(style: str, script: str, *, pictures: bool = False) -> str:
    """Return the Content-Security-Policy of a page with this style and script, and nothing else.

    Args:
        style: the page's style sheet.
        script: its script.
        pictures: whether it holds pictures; they stand in the page itself.
    """
    images = "img-src data:; " if pictures else ""
    return (
        f"default-src 'none'; {images}style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _chain_keys(record: Record) -> list[str]:
    """Return the columns of the table of chains: what they are first, then what they measured."""
    keys = dict.fromkeys(key for chain in record.chains for key in chain)
    first = [key for key in ("name", "steps", "people") if key in keys]
    return [*first, *(key for key in keys if key not in first)]


def as_figure(value: Any) -> Figure | None:
    """Return plain data as a figure if it is one (chains hold figures as plain data)."""
    try:
        return Figure.model_validate(value)
    except ValueError:
        return None


def _families(cells: Iterable[Cell]) -> list[tuple[str, list[Cell]]]:
    """Return the cells by family, the worst first."""
    groups: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=severity):
        groups.setdefault(cell.family, []).append(cell)
    return list(groups.items())


def _panels(record: Record, curve: str) -> list[Panel]:
    """Return panels of at most as many lines as there are styles, the worst first.

    ROC: a panel for each policy, access and so on, a line for each attack. Success against
    queries: a panel for each policy and attribute (of pictures: policy and access), a line for
    each attack, access and so on.
    """
    having = sorted((c for c in record.cells if roc.curve_of(c, curve)), key=severity)
    is_roc = curve == "roc"
    names = {cell.id: _line_name(cell, is_roc) for cell in having}
    # One style a name in all panels; names beyond the styles we have go to panels of their own.
    styles = {name: i for i, name in enumerate(dict.fromkeys(names.values()))}
    groups: dict[tuple[int, str], list[Cell]] = {}
    for cell in having:
        key = (styles[names[cell.id]] // svg.SERIES, _where(cell, is_roc))
        groups.setdefault(key, []).append(cell)
    draw, read = _DRAWINGS[curve]
    panels: list[Panel] = []
    drawn: Counter[str] = Counter()
    for (_, where), cells in sorted(groups.items(), key=_panel_order):
        drawn[where] += 1
        where += f", part {drawn[where]}" if drawn[where] > 1 else ""
        part = [(cell, styles[names[cell.id]]) for cell in cells]
        name = f"{curve.replace('_', '-')}-{len(panels) + 1}"
        rows = tuple((cell, style, names[cell.id], read(cell)) for cell, style in part)
        panels.append(Panel(name, where, draw(part, name, where), rows))
    return panels


def _panel_order(group: tuple[tuple[int, str], list[Cell]]) -> tuple[Any, ...]:
    """Return a key that puts the strongest attacks first, then the families, then the worst."""
    (part, _), cells = group
    families = list(words.FAMILIES)
    family = cells[0].family
    return (
        part,
        families.index(family) if family in families else len(families),
        severity(cells[0]),
    )


_BY_ACCESS = frozenset({"reconstruction"})  # as many attacks as there are styles for lines


def _line_name(cell: Cell, is_roc: bool) -> str:
    if is_roc:
        return fmt.one_line(cell.attack)
    seen = words.seen_briefly(cell.seen, cell.family)
    by_access = cell.family in _BY_ACCESS
    parts = [cell.attack, seen] if by_access else [cell.attack, cell.access, seen]
    return ", ".join(fmt.one_line(part) for part in parts)


def _where(cell: Cell, is_roc: bool) -> str:
    parts = [] if cell.family in {"membership", "attribute"} else [words.family(cell.family)]
    parts.append(f"policy {cell.policy}")
    parts += [f"access {cell.access}"] if is_roc or cell.family in _BY_ACCESS else []
    parts += [f"seen {cell.seen}"] if is_roc else []
    parts += [cell.attribute] if cell.attribute else []
    parts += [cell.subgroup] if cell.subgroup != "all" else []
    return ", ".join(fmt.one_line(part) for part in parts)


def _gains(record: Record) -> list[Plot]:
    """Return gain over imputation: a plot for each attribute, a row for each policy and attack.

    Of the access levels and of what the adversary had seen, a row shows the combination with the
    highest lower end; every other one has its own cell.
    """
    having = [c for c in record.cells if c.gain is not None and c.gain.lower is not None]
    plots = []
    for attribute in dict.fromkeys(cell.attribute for cell in having):
        cells = [cell for cell in having if cell.attribute == attribute]
        best: dict[tuple[str, str, str], Cell] = {}
        for cell in cells:
            key = (cell.policy, cell.attack, cell.subgroup)
            if key not in best or _lower(cell.gain) > _lower(best[key].gain):
                best[key] = cell
        rows = list(best.values())[:48]
        scale = strip.shared_scale(f for c in rows for f in (c.gain, c.population_inference))
        baseline = next((cell.baseline for cell in rows if cell.baseline is not None), None)
        split = any(cell.population_inference is not None for cell in rows)
        plots.append(
            Plot(
                fmt.one_line(attribute or _what_is_gained(record, rows)),
                f"{words.metric(baseline.metric)}: {fmt.full(baseline)}" if baseline else "",
                strip.header(scale),
                tuple(
                    (
                        cell,
                        strip.draw(
                            [
                                (cell.gain, 0, "members"),
                                (cell.population_inference, 1, "non-members"),
                            ][: 2 if split else 1],
                            scale,
                            0.0,
                        ),
                        (_short(cell.gain), _short(cell.population_inference))[: 2 if split else 1],
                    )
                    for cell in rows
                ),
                ("Members", "Non-members") if split else ("Gain",),
                len(cells) - len(rows),
            )
        )
    return plots


def _what_is_gained(record: Record, rows: list[Cell]) -> str:
    if record.images is not None and rows and rows[0].family == "reconstruction":
        return words.sentence(words.metric(rows[0].primary.metric))
    return "hidden column"


def _forests(record: Record) -> list[Plot]:
    """Return the interval of every declared cell, a plot for each metric."""
    declared = [cell for cell in record.cells if cell.declared and cell.primary.lower is not None]
    plots = []
    for metric in dict.fromkeys(cell.primary.metric for cell in declared):
        cells = sorted((c for c in declared if c.primary.metric == metric), key=severity)
        rows = cells[:40]
        scale = strip.shared_scale((c.primary for c in rows), ())
        plots.append(
            Plot(
                words.sentence(words.metric(metric)),
                "",
                strip.header(scale),
                tuple(
                    (
                        cell,
                        strip.draw([(cell.primary, 0, "estimate")], scale, cell.primary.null),
                        (fmt.short(cell.primary),),
                    )
                    for cell in rows
                ),
                ("Estimate and interval",),
                len(cells) - len(rows),
            )
        )
    return plots


def _lower(figure: Figure | None) -> float:
    return figure.lower if figure is not None and figure.lower is not None else float("-inf")


def _short(figure: Figure | None) -> str:
    return fmt.short(figure) if figure is not None else fmt.NO_DATA
