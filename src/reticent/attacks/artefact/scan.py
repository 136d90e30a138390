"""Read the training rows out of a model that holds them by design."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks._kept import INPUTS, Kept, kept_rows, level_counts, lone_leaves, restored
from reticent.attacks.base import Knowledge
from reticent.core import ArtefactClaim, Candidates, Channel, Column, Family, Floats

SAME_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactScan:
    """Walk the fitted model and copy what it kept; no question is asked.

    Nearest neighbours, support vectors, Gaussian processes, kernel machines, label propagation,
    nearest-neighbour imputers and kernel approximations hold people's rows as they got them. The
    rows come back in the model's input space where its preprocessing can be undone, else in the
    space the model keeps them in (`notes["space"]`, for `attacks._kept.in_space`). Averages
    (centroids) are returned only if there is nothing better, and are named as such.
    """

    name: ClassVar[str] = "artefact-scan"
    family: ClassVar[Family] = Family.ARTEFACT
    accepts: ClassVar[Channel] = Channel.WEIGHTS
    wants: ClassVar[frozenset[str]] = frozenset()
    cost: ClassVar[str] = "no queries, no training; the model's file"
    source: ClassVar[str] = (
        "by construction: these models' prediction rules need the rows; see "
        "https://scikit-learn.org/stable/modules/neighbors.html and "
        "https://scikit-learn.org/stable/modules/svm.html#mathematical-formulation"
    )

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> ArtefactClaim:
        """Return the largest set of distinct rows that the model holds in one space.

        Raises: NotExposed.
        """
        model = access.weights()
        found = kept_rows(model)
        people = [kept for kept in found if not kept.average]
        rows, outcomes, space = _together(people or found)
        return ArtefactClaim(
            rows=rows,
            keeps=", ".join(sorted({kept.keeps for kept in people or found})) or "nothing",
            outcomes=outcomes,
            notes={
                "space": space,
                "parts": [_summary(kept) for kept in found],
                "averages": bool(found) and not people,
                "leaves_of_one_person": lone_leaves(model),
                "levels_in_clear": level_counts(model),
            },
        )


def _together(found: list[Kept]) -> tuple[Floats, Column | None, str]:
    """Return the distinct rows of the richest space, their outcomes, and that space."""
    if not found:
        return np.empty((0, 0)), None, INPUTS
    spaces: dict[tuple[Any, ...], list[Kept]] = {}
    for kept in found:
        spaces.setdefault(tuple(map(id, kept.through)), []).append(kept)
    sets: list[tuple[list[Floats], list[Column | None], str]] = [
        ([k.rows for k in group], [k.outcomes for k in group], group[0].where)
        for group in spaces.values()
        if len({k.rows.shape[1] for k in group}) == 1
    ]
    back = [restored(kept) for kept in found]
    plain = [rows for rows in back if rows is not None]
    if len(plain) == len(found) and len({rows.shape[1] for rows in plain}) == 1:
        sets.insert(0, (plain, [k.outcomes for k in found], INPUTS))
    merged = [(*_distinct(rows, outcomes), space) for rows, outcomes, space in sets]
    return max(merged, key=lambda item: len(item[0]))  # the first of equals: the inputs' space


def _distinct(parts: list[Floats], outcomes: list[Column | None]) -> tuple[Floats, Column | None]:
    rows = np.concatenate(parts)
    # The same person out of two scalers differs in the last digits.
    size = np.maximum(1.0, np.nanmax(np.abs(rows), axis=0, initial=0.0))
    _, first = np.unique(np.round(rows / size, SAME_DIGITS) + 0.0, axis=0, return_index=True)
    first = np.sort(first)
    known = [part for part in outcomes if part is not None]
    together = np.concatenate(known)[first] if len(known) == len(outcomes) else None
    return rows[first], together


def _summary(kept: Kept) -> dict[str, Any]:
    return {
        "where": kept.where,
        "keeps": kept.keeps,
        "rows": len(kept.rows),
        "average": kept.average,
        "outcomes": kept.outcomes is not None,
    }
