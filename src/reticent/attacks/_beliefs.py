"""From the adversary's own records to beliefs about hidden columns, and from those to a claim."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reticent.attacks._complete import Puzzle
from reticent.attacks._posterior import Posterior, Strength, fit_posterior, guess
from reticent.attacks.base import Knowledge
from reticent.core import AttributeClaim, Candidates, Column, Floats


def fit_beliefs(
    puzzle: Puzzle,
    knowledge: Knowledge,
    *,
    sees_outcome: bool,
    strength: Strength,
    rng: np.random.Generator,
    like: Sequence[Posterior] | None = None,
) -> list[Posterior]:
    """Return what the adversary's own records say of each hidden column.

    Learners are those of `like`, where they have been chosen already.
    """
    kept = [None] * len(puzzle.hidden) if like is None else [p.chosen for p in like]
    return [
        fit_posterior(
            column,
            domain,
            knowledge.population,
            puzzle.known,
            sees_outcome=sees_outcome,
            strength=strength,
            rng=rng,
            keep=keep,
        )
        for column, domain, keep in zip(puzzle.hidden, puzzle.domains, kept, strict=True)
    ]


def believe(
    posteriors: Sequence[Posterior], puzzle: Puzzle, candidates: Candidates
) -> list[Floats]:
    """Return for each hidden column the (n, k) log-probabilities before any question."""
    return [p.log_proba(puzzle.x, candidates.y) for p in posteriors]


def learners_of(posteriors: Sequence[Posterior]) -> dict[str, Any]:
    """Return which learner was kept for each column, for the notes."""
    return {
        p.column: {"kept": p.chosen, "log_loss": {k: round(v, 6) for k, v in p.log_loss.items()}}
        for p in posteriors
    }


def claim(
    puzzle: Puzzle,
    log_posteriors: Sequence[Floats],
    notes: Mapping[str, Any],
    finer: Mapping[str, Column] | None = None,
) -> AttributeClaim:
    """Return the claim that the posteriors imply.

    The confidence in a row is the probability that all its guesses count as right.

    Args:
        puzzle: the records with holes.
        notes: what the attack found on the way.
        log_posteriors: for each hidden column (n, k), normalised.
        finer: column -> (n,) guesses between the grid's points, where the attack has them.
    """
    guesses: dict[str, Column] = {}
    confidence = np.ones(len(puzzle.x))
    for column, domain, log_p in zip(puzzle.hidden, puzzle.domains, log_posteriors, strict=True):
        best, sure = guess(domain, log_p)
        guesses[column] = np.asarray(domain.values)[best]
        confidence = confidence * sure
    return AttributeClaim(
        guesses=guesses | dict(finer or {}),
        confidence=confidence,
        posterior={c: np.exp(p) for c, p in zip(puzzle.hidden, log_posteriors, strict=True)},
        notes=dict(notes),
    )
