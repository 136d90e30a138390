"""Learn on shadow models what answers look like around a true value, then read the target's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reticent.access import PREDICTED, Access
from reticent.attacks._beliefs import believe, claim, fit_beliefs, learners_of
from reticent.attacks._complete import (
    Puzzle,
    ask_jointly,
    joint_log_prior,
    marginals,
    puzzle,
)
from reticent.attacks._encode import Encoder, fit_encoder, log_normalise
from reticent.attacks._posterior import Strength, named_columns, out_of_fold
from reticent.attacks.attribute._features import features
from reticent.attacks.base import Knowledge, Shadow
from reticent.core import (
    Answer,
    AttributeClaim,
    BadInput,
    Candidates,
    Channel,
    Column,
    Family,
    Floats,
    Ints,
    NotEnoughKnowledge,
    Population,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """MAP whose likelihood is learnt, on models of the adversary's own.

    Raw scores mislead where a model dilutes what it knows: a forest votes for a person's outcome
    with a bit more confidence when her hidden value is right, whatever the level. How much more,
    given everything else, is the same in a shadow model, of which the adversary knows members and
    values. A boosted classifier learns it, one row for each completion, from the answers to all
    completions, the outcome, the belief without the model (predicted out of fold, as for a
    candidate) and the known columns.

    Attributes:
        learn_from: "members" fits on the shadows' own training records (the question is about
            people in the training data), "all" on non-members too.
        strength: learners that the belief without the model is chosen from.
        rounds: boosting rounds.
        learning_rate: of the boosting.
        leaves: leaves of each boosted tree.
        max_completions: most combinations of values a record that are tried.
    """

    name: ClassVar[str] = "calibrated"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = PREDICTED
    wants: ClassVar[frozenset[str]] = frozenset({"domains", "shadows"})
    cost: ClassVar[str] = "one query per candidate and value; two or more shadow models"
    source: ClassVar[str] = (
        "shadow training after Shokri et al., S&P 2017, https://arxiv.org/abs/1610.05820, for the "
        "attack of Fredrikson et al., CCS 2015; unpublished combination"
    )

    learn_from: Literal["members", "all"] = "members"
    strength: Strength = "strong"
    rounds: int = 80
    learning_rate: float = 0.08
    leaves: int = 12
    max_completions: int = 128

    def __post_init__(self) -> None:
        if self.learn_from not in ("members", "all"):
            raise BadInput(f"learn_from is {self.learn_from!r}; it must be 'members' or 'all'.")

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a posterior per candidate and hidden column."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        if not knowledge.shadows:
            raise NotEnoughKnowledge(
                f"{self.name} was given no shadow models; it learns from at least one.",
                way_out="Give auxiliary records so that shadows can be trained, or use map.",
            )
        shadows = knowledge.shadows
        population = knowledge.population or shadows[0].population
        encoder = fit_encoder(named_columns(population)[list(holes.known)])
        fitted = fit_beliefs(
            holes,
            Knowledge(population=population, domains=knowledge.domains),
            sees_outcome=candidates.y is not None,
            strength=self.strength,
            rng=rng,
        )
        log_prior = joint_log_prior(believe(fitted, holes, candidates))
        rows, truths = self._lessons(holes, candidates, shadows, encoder, rng)
        model = self._fit(np.concatenate(rows), np.concatenate(truths), rng)
        answers = ask_jointly(
            access,
            holes,
            most=self.max_completions,
            attack=self.name,
            urgency=-log_prior.max(axis=1),
        )
        mine = features(
            answers, candidates.observed, candidates.y, log_prior, encoder.matrix(holes.x)
        )
        logits = np.asarray(model.decision_function(mine.reshape(-1, mine.shape[2])))
        found = log_normalise(logits.reshape(-1, answers.k))
        found = np.where(answers.asked[:, None], found, log_normalise(log_prior))
        notes: dict[str, Any] = {
            "learners": learners_of(fitted),
            "shadows": len(shadows),
            "lessons": int(sum(len(t) for t in truths) // answers.k),
            "records_asked": int(answers.asked.sum()),
        }
        return claim(holes, marginals(found, holes.sizes), notes)

    def _lessons(
        self,
        holes: Puzzle,
        candidates: Candidates,
        shadows: Sequence[Shadow],
        encoder: Encoder,
        rng: np.random.Generator,
    ) -> tuple[list[Floats], list[Ints]]:
        """Return features (m * k, f) and truth (m * k,) of each shadow's records."""
        beliefs: dict[int, Floats] = {}
        rows, truths = [], []
        for shadow in shadows:
            key = id(shadow.population.x)
            if key not in beliefs:
                beliefs[key] = _beliefs(holes, candidates, shadow.population, self.strength, rng)
            table = named_columns(shadow.population)
            place = _true_places(holes, table)
            use = place >= 0
            if self.learn_from == "members":
                use = use & shadow.contains
            index = np.flatnonzero(use)
            if len(index) == 0:
                continue
            full = table.iloc[index][list(holes.columns)].reset_index(drop=True)
            y: Column | None = np.asarray(shadow.population.y)[index]
            observed = _observed(shadow, full, candidates)
            known = full[list(holes.known)]
            mine = Puzzle(
                x=known, hidden=holes.hidden, domains=holes.domains, columns=holes.columns
            )
            answers = ask_jointly(shadow.access, mine, most=self.max_completions, attack=self.name)
            found = features(
                answers,
                observed,
                y if candidates.y is not None else None,
                beliefs[key][index],
                encoder.matrix(known),
            )
            rows.append(found.reshape(-1, found.shape[2]))
            truths.append((np.arange(answers.k) == place[index][:, None]).ravel().astype(np.int64))
        if not rows:
            raise NotEnoughKnowledge(
                f"{self.name} found no record in any shadow's training data whose hidden values "
                "are among the candidate values.",
                way_out="Widen the domains, or train the shadows on complete records.",
            )
        return rows, truths

    def _fit(self, rows: Floats, truth: Ints, rng: np.random.Generator) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=int(rng.integers(2**31)),
        )
        return model.fit(rows, truth)


def _beliefs(
    holes: Puzzle,
    candidates: Candidates,
    population: Population,
    strength: Strength,
    rng: np.random.Generator,
) -> Floats:
    """Return (n, K) log-beliefs about the adversary's own records, each without itself."""
    return joint_log_prior(
        [
            out_of_fold(
                column,
                domain,
                population,
                holes.known,
                sees_outcome=candidates.y is not None,
                strength=strength,
                rng=rng,
            )
            for column, domain in zip(holes.hidden, holes.domains, strict=True)
        ]
    )


def _true_places(holes: Puzzle, table: "pd.DataFrame") -> Ints:
    """Return (n,) which combination of values each record has; -1 if none of them."""
    place = np.zeros(len(table), dtype=np.int64)
    known = np.ones(len(table), dtype=bool)
    for column, domain, size in zip(holes.hidden, holes.domains, holes.sizes, strict=True):
        values = table[column].to_numpy()
        if domain.continuous:
            values = np.asarray(values, dtype=np.float64)
            known &= np.isfinite(values)
            values = np.where(np.isfinite(values), values, 0.0)
        index = domain.index_of(values)
        known &= index >= 0
        place = place * size + np.maximum(index, 0)
    return np.where(known, place, -1)


def _observed(shadow: Shadow, full: "pd.DataFrame", candidates: Candidates) -> Answer | None:
    """Return the shadow's answers to its true records, as much as was seen of the candidates'."""
    seen = candidates.observed
    if seen is None:
        return None
    got = shadow.access.ask(full)
    return Answer(
        labels=got.labels if seen.labels is not None else None,
        scores=got.scores if seen.scores is not None else None,
        values=got.values if seen.values is not None else None,
    )
