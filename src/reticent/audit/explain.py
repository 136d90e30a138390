"""Why a cell says what it says: the formula, the raw counts, the rule."""

import difflib
from dataclasses import dataclass

from reticent.audit.record import Cell, Figure, Record
from reticent.core import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One cell, taken apart.

    Attributes:
        cell: the cell.
        steps: sentences, in the order in which the verdict was reached.
        figures: every figure of the cell with its formula and counts, the primary one first.
    """

    cell: Cell
    steps: tuple[str, ...]
    figures: tuple[Figure, ...]


def explain(record: Record, cell_id: str) -> Explanation:
    """Return why a cell has its figures, its tier and its verdict.

    Args:
        record: where the cell stands.
        cell_id: its id, or a part of it that names one cell only.

    Raises: BadInput if no cell, or more than one, is meant.
    """
    cell = _find(record, cell_id)
    named = {
        "baseline": cell.baseline,
        "gain": cell.gain,
        "training leak": cell.training_leak,
        "population inference": cell.population_inference,
    }
    # An attribute cell's primary figure is its gain: said once.
    named = {name: f for name, f in named.items() if f != cell.primary}
    figures = [cell.primary, *(f for f in named.values() if f is not None), *cell.figures]
    return Explanation(cell=cell, steps=tuple(_steps(record, cell, named)), figures=tuple(figures))


def _find(record: Record, cell_id: str) -> Cell:
    exact = [cell for cell in record.cells if cell.id == cell_id]
    found = exact or [cell for cell in record.cells if cell_id in cell.id]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(cell.id for cell in found[:8])
        raise BadInput(
            f"{cell_id!r} is part of {len(found)} cells: {listed}{' ...' * (len(found) > 8)}.",
            way_out="Give more of the id.",
        )
    close = difflib.get_close_matches(cell_id, [cell.id for cell in record.cells], n=3, cutoff=0.3)
    raise BadInput(
        f"The record has no cell {cell_id!r}.",
        way_out=f"Did you mean {', '.join(close)}?" if close else "It has no cells at all.",
    )


def _steps(record: Record, cell: Cell, named: dict[str, Figure | None]) -> list[str]:
    steps = [
        f"Attack {cell.attack} ({cell.family}) reached the model through {cell.access} under "
        f"policy {cell.policy!r}, having seen {cell.seen}, and asked {cell.queries} rows.",
        _sentence("The verdict hangs on", cell.primary),
    ]
    steps += [_sentence(f"The {name} is", f) for name, f in named.items() if f is not None]
    if cell.p_value is not None:
        how = "Holm over the declared family" if cell.declared else "Benjamini-Hochberg"
        adjusted = "-" if cell.p_adjusted is None else f"{cell.p_adjusted:.3g}"
        steps.append(f"One-sided p = {cell.p_value:.3g}, adjusted ({how}) {adjusted}.")
    if cell.minimum_detectable_effect is not None:
        steps.append(
            f"An effect of {cell.minimum_detectable_effect:.3g} would have been found with "
            f"power 0.8; the declared tolerance is {cell.tolerance:.3g}."
        )
    steps.append(f"Hence tier {cell.tier}, verdict {cell.verdict!r}: {cell.why}")
    failed = [control.name for control in record.controls if not control.passed]
    if failed:
        steps.append(f"But controls failed ({', '.join(failed)}), so the whole audit is invalid.")
    return steps


def _sentence(lead: str, figure: Figure) -> str:
    if figure.estimate is None:
        return f"{lead} {figure.metric}, for which there is no data."
    interval = (
        ""
        if figure.lower is None or figure.upper is None
        else f" [{figure.lower:.4g}, {figure.upper:.4g}] ({figure.confidence:.0%}, {figure.method})"
    )
    null = "" if figure.null is None else f"; without leakage it would be {figure.null:.4g}"
    return f"{lead} {figure.metric} = {figure.estimate:.4g}{interval}{null}."
