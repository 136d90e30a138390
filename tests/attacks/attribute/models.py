"""Models small enough to work out by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reticent.access import Access
from reticent.core import Answer, Channel, Floats, Inputs
from reticent.ledger import QueryLedger
from reticent.policy import Policy

QUERIED = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Table:
    """A model that is a formula of its columns: p(class 1), or a value."""

    columns: tuple[str, ...]
    score: Callable[[pd.DataFrame], Any] | None = None
    value: Callable[[pd.DataFrame], Any] | None = None
    name: str = "formula"

    @property
    def channels(self) -> Channel:
        if self.score is None:
            return Channel.VALUE
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES

    @property
    def classes(self) -> tuple[object, ...]:
        return () if self.score is None else (0, 1)

    def answer(self, x: Inputs) -> Answer:
        assert isinstance(x, pd.DataFrame)
        assert tuple(x.columns) == self.columns
        if self.score is None:
            assert self.value is not None
            return Answer(values=np.asarray(self.value(x), dtype=np.float64))
        p: Floats = np.asarray(self.score(x), dtype=np.float64)
        scores = np.column_stack([1 - p, p])
        return Answer(labels=scores.argmax(axis=1).astype(np.int64), scores=scores)

    def weights(self) -> object:
        return self


def door_to(
    target: Any,
    *,
    policy: Policy | None = None,
    exposed: Channel = QUERIED,
    query_budget: int | None = None,
    secret: bytes = b"",
) -> Access:
    return Access(
        target=target,
        policy=policy or Policy(),
        ledger=QueryLedger(query_budget),
        identity="adversary",
        exposed=exposed,
        secret=secret,
    )
