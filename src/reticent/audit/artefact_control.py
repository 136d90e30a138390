"""Checks of the artefact scan: rows that a model keeps must be read, others must not."""

import numpy as np

from reticent.access import Access
from reticent.attacks import Attack, Knowledge
from reticent.attacks._encode import fit_encoder
from reticent.attacks._rows import match_rows
from reticent.audit.controls import CONTROL_CONFIDENCE, negative, positive
from reticent.audit.experiment import Experiment
from reticent.audit.grade import grade_artefact
from reticent.audit.record import Control
from reticent.core import ArtefactClaim, Candidates, Channel, Leakage
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target
from reticent.targets.sklearn import SklearnTarget


def artefact_controls(
    experiment: Experiment, attack: Attack, rng: np.random.Generator
) -> list[Control]:
    """Return the controls of the artefact family: a planted k-NN model, and a linear one.

    Both are trained on the members. The first keeps every row by design, the second keeps one
    number a column.
    """
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor

    pool = experiment.pool
    rows = np.nan_to_num(fit_encoder(pool.x).matrix(pool.x))
    inside = experiment.is_member
    y = np.asarray(pool.y, dtype=np.float64)[inside]

    def scan(model: Target) -> Leakage:
        access = Access(
            target=model,
            policy=Policy(),
            ledger=QueryLedger(0),
            identity="control",
            exposed=Channel.WEIGHTS,
        )
        claim = attack.run(access, Candidates(x=rows), Knowledge(), rng)
        if not isinstance(claim, ArtefactClaim):
            raise TypeError(f"{attack.name} is no artefact attack")
        same_space = claim.rows.ndim == 2 and claim.rows.shape[1] == rows.shape[1]
        found = match_rows(claim.rows, rows) if same_space else np.zeros(len(rows), dtype=bool)
        return grade_artefact(found, inside, confidence=CONTROL_CONFIDENCE).primary

    keeper = SklearnTarget(KNeighborsRegressor(1).fit(rows[inside], y), name="planted k-NN")
    summary = SklearnTarget(Ridge().fit(rows[inside], y), name="planted linear model")
    return [
        positive(
            f"model that keeps its rows ({attack.name})",
            "A nearest-neighbour model of the members, which keeps every row; the scan must read "
            "them.",
            scan(keeper),
            at_least=0.0,
        ),
        negative(
            f"model that keeps no rows ({attack.name})",
            "A linear model of the members, which keeps one number a column; the scan may find "
            "nobody.",
            scan(summary),
            at_most=0.0,
        ),
    ]
