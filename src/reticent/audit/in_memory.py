"""The audit in one call, for a notebook or a test."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reticent.audit.record import Record
from reticent.audit.run import run_audit
from reticent.audit.setup import from_objects
from reticent.core.events import Listener, silent


def audit_model(
    model: Any,
    *,
    members: tuple[Any, Any],
    non_members: tuple[Any, Any],
    owner: str,
    out: Path | str | None = None,
    jobs: int = 1,
    resume: bool = False,
    only: Sequence[str] = (),
    include_records: bool = False,
    now: Callable[[], datetime] | None = None,
    listen: Listener = silent,
    **settings: Any,
) -> Record:
    """Measure what a fitted model reveals about the people it was trained on.

    Args:
        model: a fitted scikit-learn estimator or pipeline, or any `Target`.
        members: (x, y) that it was trained on; x a DataFrame or an array, y class values.
        non_members: (x, y) from the same population that it was not trained on.
        owner: who answers for the model.
        out: folder for `record.json` and finished pieces; None to keep nothing.
        jobs: processes.
        resume: take finished pieces over from `out`.
        only: attacks to run; empty for all.
        include_records: put sensitive values into the record.
        now: tells the time; default: the clock.
        listen: hears how far the work has come.
        settings: further arguments of `from_objects` (sensitive, policies, auxiliary, seed, ...).

    Raises: BadInput for data that do not fit together; BadAnswer for a model that does not work.
    """
    experiment = from_objects(
        model, members=members, non_members=non_members, owner=owner, **settings
    )
    return run_audit(
        experiment,
        out=None if out is None else Path(out),
        now=now or (lambda: datetime.now(UTC)),
        jobs=jobs,
        resume=resume,
        only=only,
        include_records=include_records,
        listen=listen,
    )
