"""Finished cells on disk, so that a run that was stopped goes on where it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from reticent.attacks import Attack, settings_of
from reticent.audit.grade.base import Graded, Individuals, Reach
from reticent.audit.plan import Task
from reticent.audit.record import Cell, Figure
from reticent.audit.show import figure_of, figure_or_none
from reticent.audit.store import Store, key_of
from reticent.core import Column


class SingledOut(BaseModel):
    """`grade.Individuals` as plain data."""

    model_config = ConfigDict(frozen=True)

    rows: list[int]
    precision: Figure
    confirmed: bool
    rule: str
    tpr: Figure | None = None
    fpr: Figure | None = None


class Measured(BaseModel):
    """A cell before its verdict: the verdict depends on all the others.

    Attributes:
        cell: with a provisional tier and verdict.
        individuals: people singled out.
        content: content recovered beyond the control, for E3.
        reach: how small an effect could be seen, once the size of the family is known.
        cpu_s: processor time that it took.
    """

    model_config = ConfigDict(frozen=True)

    cell: Cell
    individuals: SingledOut | None = None
    content: Figure | None = None
    reach: Reach | None = None
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Piece:
    """A measured cell with its per-person outcomes."""

    measured: Measured
    arrays: Mapping[str, Column] = field(default_factory=dict)
    reused: bool = False


def piece_key(prepared_digest: str, attack: Attack, task: Task, policy_digest: str) -> str:
    """Return the name of a piece: everything that its figures depend on."""
    import reticent

    return key_of(
        piece="cell",
        version=reticent.__version__,
        experiment=prepared_digest,
        attack=attack.name,
        settings=settings_of(attack),
        task=task.id,
        policy=policy_digest,
    )


def measured_of(
    task: Task,
    graded: Graded,
    *,
    tolerance: float,
    queries: int,
    settings: Mapping[str, Any],
    notes: Mapping[str, Any],
    source: str,
    cpu_s: float,
    seen: str | None = None,
    harm: str | None = None,
) -> Measured:
    """Return an outcome as plain data; claims themselves are no part of it.

    Args:
        task: what was done.
        graded: how well.
        tolerance: the effect size that matters.
        queries: what the target was asked.
        settings: of the attack.
        notes: what the attack chose or found on the way.
        source: where the attack comes from.
        cpu_s: processor time that it took.
        seen: what the adversary had seen; default: as the task says.
        harm: declared harm class of what was sought.
    """
    return Measured(
        cell=Cell(
            id=task.id,
            attack=task.attack,
            family=task.family.value,
            access=task.level,
            seen=task.seen.value if seen is None else seen,
            policy=task.policy,
            attribute="+".join(task.hidden) or None,
            declared=task.declared,
            primary=figure_of(graded.primary),
            gain=figure_or_none(graded.gain),
            baseline=figure_or_none(graded.baseline),
            training_leak=figure_or_none(graded.training_leak),
            population_inference=figure_or_none(graded.population_inference),
            figures=[
                figure_of(each)
                for each in (*graded.figures, *([graded.content] if graded.content else []))
            ],
            curves=list(graded.curves),
            p_value=graded.p_value,
            tolerance=tolerance,
            tier="E?",
            verdict="inconclusive",
            why="",
            harm=harm,
            queries=queries,
            settings=plain(settings),
            notes=plain(notes),
            source=source,
        ),
        individuals=None if graded.individuals is None else _singled_out(graded.individuals),
        content=figure_or_none(graded.content),
        reach=graded.reach,
        cpu_s=cpu_s,
    )


def _singled_out(found: Individuals) -> SingledOut:
    return SingledOut(
        rows=found.rows.tolist(),
        precision=figure_of(found.precision),
        confirmed=found.confirmed,
        rule=found.rule,
        tpr=figure_or_none(found.tpr),
        fpr=figure_or_none(found.fpr),
    )


def plain(value: Any) -> Any:
    """Return notes and settings as data that JSON can carry; long arrays become their length."""
    import numpy as np

    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 16 else f"array of shape {value.shape}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def keep(store: Store, key: str, piece: Piece) -> None:
    """Write a piece: the arrays first, so that plain data mean that the piece is whole."""
    store.put_arrays(key, piece.arrays)
    store.put_json(key, piece.measured.model_dump(mode="json"))


def find(store: Store, key: str) -> Piece | None:
    """Return a piece of an earlier run, or None."""
    body, arrays = store.get_json(key), store.get_arrays(key)
    if body is None or arrays is None:
        return None
    try:
        return Piece(measured=Measured.model_validate(body), arrays=arrays, reused=True)
    except ValueError:
        return None
