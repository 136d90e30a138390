"""A recorded query log: what a model once said, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from reticent.core import (
    Answer,
    BadInput,
    Channel,
    Inputs,
    NotExposed,
    canonical_rows,
    check_raw,
)
from reticent.targets._raw import as_labels, as_scores, as_values, pick, require

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReplayTarget:
    """Answers only what was recorded. Build it with `from_log`.

    Attributes:
        name: how messages call it.
        columns: the input columns, in order.
        classes: the class values in the order of the scores; empty for a regressor.
        log: the recorded answers.
        places: canonical input row to its place in the log.
    """

    name: str
    columns: tuple[str, ...]
    classes: tuple[object, ...]
    log: Answer
    places: Mapping[bytes, int]

    @property
    def channels(self) -> Channel:
        """Return the channels the log holds."""
        return self.log.channels

    def answer(self, x: Inputs) -> Answer:
        """Return the recorded answer to each row.

        Raises: NotExposed if a row was never recorded, saying how many were not.
        """
        chosen = pick(x, self.columns, model=self.name)
        at = np.array([self.places.get(row, -1) for row in canonical_rows(chosen)], dtype=np.int64)
        absent = int((at < 0).sum())
        if absent:
            raise NotExposed(
                f"{absent} of {len(at)} rows are not in the log {self.name}, which holds "
                f"{len(self.places)} different ones.",
                way_out="A log answers only what was recorded: choose attacks that ask about the "
                "records themselves, or record more queries.",
            )
        return check_raw(self.log.take(at), questions=len(x), model=self.name)

    def weights(self) -> object:
        """Raise NotExposed: a log has no weights."""
        raise NotExposed(
            f"{self.name} is a query log; it has no weights.",
            way_out="Audit the model itself for white-box attacks.",
        )

    @classmethod
    def from_log(
        cls,
        log: "pd.DataFrame",
        *,
        inputs: Sequence[str],
        label: str | None = None,
        scores: Sequence[str] = (),
        value: str | None = None,
        classes: Sequence[object] = (),
        name: str = "log",
    ) -> "ReplayTarget":
        """Index a log: a table with the input columns and the answer columns.

        Args:
            log: one row a query; `data.read_table` reads CSV, Parquet, Arrow and JSON lines.
            inputs: the input columns, in the model's order.
            label: the column of answered class values, for a classifier.
            scores: the columns of class probabilities, in the order of `classes`.
            value: the column of answered values, for a regressor.
            classes: the class values; the score columns' names, or the labels seen, if empty.
            name: how messages call it.

        Raises: BadInput if a column is missing, no answer column is named, or the same input was
        recorded with different answers; BadAnswer if a recorded answer is none.
        """
        answers = [*([label] if label else []), *scores, *([value] if value else [])]
        if not answers or (value and len(answers) > 1):
            raise BadInput(
                f"{name} has {answers or 'no answer columns'}; a label, scores, both, or one value "
                "is needed.",
                way_out="Name the columns that hold what the model answered.",
            )
        require(list(map(str, log.columns)), [*inputs, *answers], model=name)
        if not len(log):
            raise BadInput(f"{name} holds no queries.", way_out="Record some first.")
        found = () if value else _classes(log, label, scores, classes)
        recorded = Answer(
            labels=as_labels(log[label].to_numpy(), found, model=name) if label else None,
            scores=as_scores(log[list(scores)], classes=len(found), model=name) if scores else None,
            values=as_values(log[value], model=name) if value else None,
        )
        if recorded.scores is not None and recorded.labels is None:
            recorded = Answer(labels=recorded.scores.argmax(axis=1), scores=recorded.scores)
        check_raw(recorded, questions=len(log), model=name)
        places = _places(log[list(inputs)], recorded, name)
        return cls(name=name, columns=tuple(inputs), classes=found, log=recorded, places=places)


def _classes(
    log: "pd.DataFrame", label: str | None, scores: Sequence[str], classes: Sequence[object]
) -> tuple[object, ...]:
    if classes:
        return tuple(classes)
    if scores:
        seen = {str(v): v for v in log[label].unique().tolist()} if label else {}
        return tuple(seen.get(column, column) for column in scores)
    seen_labels = log[label].unique().tolist()
    return tuple(sorted(seen_labels, key=lambda v: (type(v).__name__, v)))


def _places(rows: "pd.DataFrame", recorded: Answer, name: str) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    first = np.fromiter(
        (places.setdefault(row, i) for i, row in enumerate(canonical_rows(rows))),
        dtype=np.int64,
        count=len(rows),
    )
    earlier = recorded.take(first)
    for now, then in (
        (recorded.labels, earlier.labels),
        (recorded.scores, earlier.scores),
        (recorded.values, earlier.values),
    ):
        if now is not None and then is not None and not np.array_equal(now, then):
            differs = now != then
            row = int(np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))[0])
            raise BadInput(
                f"{name} answers the input of row {row} differently from row {int(first[row])}.",
                way_out="Keep one recording for each input; noise that is not consistent per "
                "input cannot be replayed.",
            )
    return places
