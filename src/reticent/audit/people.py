"""The people most exposed: confirmed on a second half, under pseudonyms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reticent.audit.experiment import Experiment, pseudonym
from reticent.audit.pieces import Piece, plain
from reticent.audit.record import Cell, Person
from reticent.core import Inputs, take

MOST_CELLS, MOST_PEOPLE = 6, 10


def most_exposed(
    experiment: Experiment,
    pieces: Mapping[str, Piece],
    cells: Sequence[Cell],
    *,
    include: bool,
) -> tuple[list[Person], list[dict[str, Any]] | None]:
    """Return the people whom the clearest findings single out.

    Args:
        experiment: what was audited.
        pieces: measured cells by id.
        cells: the same with their verdicts.
        include: also return the people's records, sensitive values and all.

    Returns: the people, and their records or None.
    """
    order = ("E3", "E2", "E1")
    findings = sorted(
        (c for c in cells if c.verdict == "finding" and c.tier in order),
        key=lambda c: (order.index(c.tier), -(c.primary.lower or 0.0), c.id),
    )
    found: list[Person] = []
    rows: list[int] = []
    for cell in findings:
        piece = pieces[cell.id]
        singled = piece.measured.individuals
        if singled is None or not singled.rows:
            continue
        score = piece.arrays.get("scores", piece.arrays.get("confidence"))
        ranked = sorted(singled.rows, key=lambda r: -_score(score, r))[:MOST_PEOPLE]
        names = pseudonym(experiment.secret, take(experiment.pool.x, np.array(ranked)))
        for row, name in zip(ranked, names, strict=True):
            found.append(
                Person(
                    pseudonym=name,
                    cell=cell.id,
                    selected_score=_finite(_score(score, row)),
                    confirmed=singled.confirmed,
                    detail=f"Singled out by {singled.rule}; precision there "
                    f"{_percent(singled.precision.estimate)} "
                    f"(lower end {_percent(singled.precision.lower)}).",
                )
            )
        rows += ranked
        if len({p.cell for p in found}) >= MOST_CELLS:
            break
    return found, _records(experiment.pool.x, rows, experiment) if include else None


def _score(scores: Any, row: int) -> float:
    return 0.0 if scores is None else float(scores[row])


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _records(x: Inputs, rows: list[int], experiment: Experiment) -> list[dict[str, Any]]:
    unique = sorted(set(rows))
    if not unique:
        return []
    chosen = take(x, np.array(unique))
    names = pseudonym(experiment.secret, chosen)
    if isinstance(chosen, np.ndarray):
        bodies: list[Any] = [{"x": row.tolist()} for row in chosen]
    else:
        bodies = chosen.to_dict(orient="records")
    return [{"pseudonym": n, **plain(b)} for n, b in zip(names, bodies, strict=True)]
