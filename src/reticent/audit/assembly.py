"""The record of what has been measured so far, for every modality."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from reticent.audit.measured import SoFar
from reticent.audit.pieces import Piece
from reticent.audit.plan import Plan
from reticent.audit.record import Cell, DataEntry, ModelEntry, PolicyEntry, Record, RunEntry
from reticent.audit.store import key_of
from reticent.audit.summary import statement
from reticent.audit.verdict import decide, overall


class AnyExperiment(Protocol):
    """What a record says of an experiment, whatever its modality."""

    @property
    def digest(self) -> str:
        """Name of everything that figures depend on."""

    @property
    def config_digest(self) -> str:
        """Name of the configuration; empty without one."""

    @property
    def config_path(self) -> str | None:
        """The file that it was read from."""

    @property
    def seed(self) -> int:
        """Of everything random."""

    @property
    def confidence(self) -> float:
        """Of every interval."""

    @property
    def tolerance(self) -> float:
        """The effect size that matters."""

    @property
    def ppv_declared(self) -> float:
        """Precision from which individuals count as exposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is said of the model, the data and the policies before anything is measured."""

    model: ModelEntry
    data: DataEntry
    policies: list[PolicyEntry]

    def warned(self, warnings: Sequence[str]) -> "Known":
        """Return the same with more warnings about the data."""
        said = [*self.data.warnings, *warnings]
        return replace(self, data=self.data.model_copy(update={"warnings": said}))


def record_of(
    experiment: AnyExperiment,
    plan: Plan,
    so_far: SoFar,
    known: Known,
    *,
    run: RunEntry,
    reread: Callable[[list[Cell]], list[Cell]] = list,
    beside: Callable[[Mapping[str, Piece], list[Cell]], Mapping[str, Any]] = lambda *_: {},
) -> Record:
    """Return the record of what has been measured so far.

    Args:
        experiment: what is audited.
        plan: what was to be measured, in its order.
        so_far: what has been.
        known: what was known before.
        run: of the run itself.
        reread: puts the decided cells as this modality reads them.
        beside: (pieces, cells) -> further fields of the record.
    """
    pieces = {t.id: so_far.pieces[t.id] for t in plan.tasks if t.id in so_far.pieces}
    cells = reread(
        decide(
            [piece.measured for piece in pieces.values()],
            planned=plan.tasks,
            confidence=experiment.confidence,
            ppv_declared=experiment.ppv_declared,
        )
    )
    not_run = sorted(so_far.not_run, key=lambda n: (n.kind, n.what))
    whole = overall(
        cells,
        so_far.controls,
        failed=[n for n in not_run if n.kind == "failed"],
        complete=run.complete,
    )
    body = Record(
        config_digest=experiment.config_digest or key_of(experiment=experiment.digest),
        config_path=experiment.config_path,
        seed=experiment.seed,
        confidence=experiment.confidence,
        tolerance=experiment.tolerance,
        model=known.model,
        data=known.data,
        policies=known.policies,
        cells=cells,
        controls=list(so_far.controls),
        not_run=not_run,
        tier=whole.tier,
        verdict=whole.verdict,
        exit_code=whole.exit_code,
        statement="",
        run=run,
        **beside(pieces, cells),
    )
    return body.model_copy(update={"statement": statement(body)})
