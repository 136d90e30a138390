"""Chains (A18): who was found to be a member, then what was learnt about them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reticent.audit.experiment import Experiment
from reticent.audit.grade.base import halves
from reticent.audit.pieces import Piece
from reticent.audit.show import figure_of
from reticent.audit.streams import Part, stream
from reticent.core import Bools, Family
from reticent.stats.intervals import proportion

FLAG_FPR = 0.05  # the adversary goes on with those it is fairly sure of
PREFERRED = ("best", "eb-lira", "lira-online", "rmia", "lira-offline", "loss", "gap")


def chains(experiment: Experiment, pieces: Mapping[str, Piece]) -> list[dict[str, Any]]:
    """Return, for each policy and access level, what follows from a membership guess.

    The threshold is chosen on one half of the people and everything is counted on the other, so
    that the first step is as unsure as it would be for an adversary.
    """
    found: list[dict[str, Any]] = []
    doors = sorted({(p.measured.cell.policy, p.measured.cell.access) for p in pieces.values()})
    for policy, access in doors:
        here = {
            name: piece
            for name, piece in pieces.items()
            if (piece.measured.cell.policy, piece.measured.cell.access) == (policy, access)
        }
        first = _membership(here)
        if first is None:
            continue
        flagged = _flagged(experiment, here[first])
        for name, piece in sorted(here.items()):
            cell = piece.measured.cell
            if cell.family == Family.ATTRIBUTE.value and "right" in piece.arrays:
                record = _record_step(here, cell.attribute)
                found.append(_chain(experiment, first, name, flagged, piece, record))
    return [chain for chain in found if chain["people"] > 0]


def _membership(here: Mapping[str, Piece]) -> str | None:
    rank = {name: i for i, name in enumerate(PREFERRED)}
    ours = [
        name
        for name, piece in here.items()
        if piece.measured.cell.family == Family.MEMBERSHIP.value
        and piece.measured.cell.attack in rank
    ]
    return min(ours, key=lambda name: rank[here[name].measured.cell.attack], default=None)


def _flagged(experiment: Experiment, piece: Piece) -> tuple[Bools, Bools]:
    """Return who in the second half is taken for a member, and the second half."""
    scores, member = piece.arrays["scores"], experiment.is_member
    rng = stream(experiment.seed, Part.CHAINS, piece.measured.cell.id)
    first, second = halves(len(scores), rng)
    threshold = np.quantile(scores[first & ~member], 1 - FLAG_FPR, method="higher")
    return second & (scores > threshold), second


def _record_step(here: Mapping[str, Piece], attribute: str | None) -> Piece | None:
    for piece in here.values():
        cell = piece.measured.cell
        if cell.family == Family.RECORD.value and attribute in (cell.attribute or "").split("+"):
            return piece
    return None


def _chain(
    experiment: Experiment,
    first: str,
    name: str,
    flagged: tuple[Bools, Bools],
    piece: Piece,
    record: Piece | None,
) -> dict[str, Any]:
    chosen, second = flagged
    right = np.asarray(piece.arrays["right"], dtype=bool)
    everybody = right & experiment.is_member
    body: dict[str, Any] = {
        "name": "membership, then attribute",
        "steps": [first, name],
        "people": int(chosen.sum()),
        "conditional_success": _share(everybody[chosen], "conditional_success", experiment),
        "unconditional_success": _share(
            right[second & experiment.is_member], "unconditional_success", experiment
        ),
    }
    if record is not None:
        whole = np.asarray(record.arrays["right"], dtype=bool)
        body["name"] = "membership, then attribute, then record"
        body["steps"].append(record.measured.cell.id)
        body["record_success"] = _share(
            (whole & experiment.is_member)[chosen & right], "conditional_success", experiment
        )
    return body


def _share(hits: Bools, metric: str, experiment: Experiment) -> dict[str, Any]:
    figure = figure_of(
        proportion(int(hits.sum()), len(hits), metric=metric, confidence=experiment.confidence)
    )
    return figure.model_dump(mode="json")
