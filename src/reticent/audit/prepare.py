"""What the adversary brings: look-alikes of the model, doors to them, and whom it asks about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.access import Access
from reticent.attacks import Knowledge, Reference, Shadow
from reticent.audit.experiment import Experiment
from reticent.audit.plan import LEVELS, Task
from reticent.audit.references import Recipe, draw_masks, train
from reticent.audit.store import Store, key_of
from reticent.core import (
    Bools,
    Candidates,
    Channel,
    Column,
    Domain,
    Family,
    Ints,
    Population,
    Seen,
    stack,
    take,
)
from reticent.core.events import Listener, silent
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.aligned import aligned
from reticent.targets.base import Target
from reticent.targets.memo import Memo

if TYPE_CHECKING:
    import pandas as pd

MIN_FILL = 200  # auxiliary rows below which none are spent on training references


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LookAlike:
    """A model that the adversary trained, and on whom.

    Attributes:
        target: the model, before any policy.
        contains: (n,) which of the people in question it was trained on.
    """

    target: Target
    contains: Bools


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prepared:
    """An experiment with all training done; asking starts from here.

    Attributes:
        experiment: what is audited.
        target: its model, remembering answers, so that policies can be compared cheaply.
        references: models trained on parts of the pool, for membership attacks.
        shadows: models trained on parts of the auxiliary records, for attribute attacks.
        unseen: auxiliary records that no reference was trained on; None if there are none.
        reused: models taken over from an earlier run.
    """

    experiment: Experiment
    target: Target
    references: Sequence[LookAlike]
    shadows: Sequence[LookAlike]
    unseen: Population | None
    reused: int = 0

    def door(self, task: Task, *, ledger: QueryLedger, target: Target | None = None) -> Access:
        """Return the adversary's way to the model (or to a stand-in for it) in one task."""
        return Access(
            target=target or self.target,
            policy=self.experiment.applied(task.policy),
            ledger=ledger,
            identity=task.id,
            exposed=LEVELS[task.level] & self.experiment.exposed,
            secret=self.experiment.secret,
        )

    def knowledge(self, task: Task, *, leave_out: int | None = None) -> Knowledge:
        """Return what the adversary owns beforehand in one task.

        Args:
            task: the task; its policy stands before every look-alike too.
            leave_out: a reference that plays the target and is therefore no reference.
        """
        experiment = self.experiment
        policy = experiment.policies[task.policy] if experiment.knows_policy else Policy()
        asks = LEVELS["scores"] if task.level == "weights" else LEVELS[task.level]

        def door(model: Target, name: str) -> Access:
            return Access(
                target=model,
                policy=policy,
                ledger=QueryLedger(),
                identity=name,
                exposed=asks,
                secret=b"the adversary's own copy",
            )

        membership = task.family in (Family.MEMBERSHIP, Family.RANGE)
        return Knowledge(
            population=self.unseen if membership else experiment.auxiliary,
            references=[
                Reference(access=door(m.target, f"reference-{i}"), contains=m.contains)
                for i, m in enumerate(self.references)
                if i != leave_out
            ],
            shadows=[
                Shadow(
                    access=door(m.target, f"shadow-{i}"),
                    population=_given(experiment.auxiliary),
                    contains=m.contains,
                )
                for i, m in enumerate(self.shadows)
            ],
            domains=experiment.domains,
            columns=experiment.columns,
        )

    def candidates(self, task: Task, *, people: Candidates | None = None) -> Candidates:
        """Return the people of one task as its adversary holds them."""
        full = people or self.experiment.pool
        if not task.hidden:
            return full
        if isinstance(full.x, np.ndarray):
            raise TypeError("hidden columns need named columns")
        observed = None
        if task.seen in (Seen.LABEL, Seen.SCORES):
            # The people's own, earlier answers: overheard, so they cost the adversary nothing.
            policy = self.experiment.applied(task.policy)
            answer = policy.apply(self.target.answer(full.x), full.x, secret=self.experiment.secret)
            shown = Channel.LABEL | Channel.VALUE
            if task.seen is Seen.SCORES:
                shown |= Channel.SCORES | Channel.TOP_K
            open_ = policy.exposes(self.experiment.exposed & self.target.channels)
            observed = answer.only(shown & open_)
        return Candidates(
            x=self._as_known(full.x).drop(columns=list(task.hidden)),
            y=None if task.seen is Seen.NOTHING else full.y,
            observed=observed,
            missing=task.hidden,
        )

    def _as_known(self, x: "pd.DataFrame") -> "pd.DataFrame":
        """Put the population's usual value wherever the adversary does not know a person's."""
        known, population = self.experiment.known, self.experiment.auxiliary
        if known is None:
            return x
        unknown = [column for column in x.columns if column not in known]
        usual: dict[str, Any]
        if population is None or isinstance(population.x, np.ndarray):
            usual = {c: _likeliest(self.experiment.domains[c]) for c in unknown}
        else:
            usual = {c: population.x[c].mode().iloc[0] for c in unknown}
        return x.assign(**usual)


def _likeliest(domain: Domain) -> object:
    value: object = domain.values.tolist()[int(np.argmax(domain.prior))]
    return value


def prepare(
    experiment: Experiment,
    tasks: Sequence[Task],
    wants: Mapping[str, frozenset[str]],
    *,
    store: Store,
    jobs: int = 1,
    listen: Listener = silent,
) -> Prepared:
    """Train what the tasks need.

    Args:
        experiment: what is audited.
        tasks: what will be asked.
        wants: attack name -> the fields of `Knowledge` that it cannot work without.
        store: where trained models are kept.
        jobs: processes.
        listen: hears of every model.

    Raises: BadInput if a look-alike cannot be trained.
    """
    wanted = frozenset().union(*(wants[task.attack] for task in tasks)) if tasks else frozenset()
    rng = np.random.default_rng([experiment.seed, 1])
    fill, unseen = _split(experiment.auxiliary, rng)
    references, reused = _references(
        experiment, fill, rng, store=store, jobs=jobs, listen=listen, wanted="references" in wanted
    )
    # Drawn apart: which rows shadows hold must not depend on whether references were wanted too.
    rng = np.random.default_rng([experiment.seed, 1, 1])
    shadows, reused_too = _shadows(
        experiment, rng, store=store, jobs=jobs, listen=listen, wanted="shadows" in wanted
    )
    return Prepared(
        experiment=experiment,
        target=Memo(experiment.target),
        references=references,
        shadows=shadows,
        unseen=unseen,
        reused=reused + reused_too,
    )


def _given(population: Population | None) -> Population:
    if population is None:
        raise TypeError("shadow models without auxiliary records")
    return population


def _split(
    auxiliary: Population | None, rng: np.random.Generator
) -> tuple[Population | None, Population | None]:
    """Return auxiliary rows to fill up reference training sets with, and rows never trained on."""
    if auxiliary is None or len(auxiliary) < MIN_FILL:
        return None, auxiliary
    order = rng.permutation(len(auxiliary))
    half = len(auxiliary) // 2
    return _rows(auxiliary, np.sort(order[:half])), _rows(auxiliary, np.sort(order[half:]))


def _rows(people: Population, rows: Ints) -> Population:
    return Population(x=take(people.x, rows), y=people.y[rows])


def _references(
    experiment: Experiment,
    fill: Population | None,
    rng: np.random.Generator,
    *,
    store: Store,
    jobs: int,
    listen: Listener,
    wanted: bool,
) -> tuple[list[LookAlike], int]:
    if not wanted or experiment.trainer is None:
        return [], 0
    pool = experiment.pool
    recipes = draw_masks(experiment.reference_models, len(pool), rng)
    x, y = pool.x, _values(experiment, _given_y(pool))
    if fill is not None:
        # Look-alikes trained on far fewer rows than the target would over-state its surprise.
        short = max(experiment.train_rows, len(experiment.members)) - len(pool) / 2
        share = float(np.clip(short / len(fill), 0, 1))
        extra = draw_masks(len(recipes), len(fill), rng, share=share)
        recipes = [
            Recipe(rows=np.concatenate([a.rows, b.rows]), seed=a.seed)
            for a, b in zip(recipes, extra, strict=True)
        ]
        x, y = stack([x, fill.x]), np.concatenate([y, _values(experiment, fill.y)])
    models, reused = train(
        experiment.trainer,
        x,
        y,
        recipes,
        data_digest=key_of(data=experiment.data_digest, seed=experiment.seed, of="pool"),
        store=store,
        jobs=jobs,
        listen=listen,
    )
    return _wrap(experiment, models, recipes, len(pool)), reused


def _shadows(
    experiment: Experiment,
    rng: np.random.Generator,
    *,
    store: Store,
    jobs: int,
    listen: Listener,
    wanted: bool,
) -> tuple[list[LookAlike], int]:
    auxiliary = experiment.auxiliary
    if not wanted or experiment.trainer is None or auxiliary is None:
        return [], 0
    recipes = draw_masks(experiment.shadow_models, len(auxiliary), rng)
    models, reused = train(
        experiment.trainer,
        auxiliary.x,
        _values(experiment, auxiliary.y),
        recipes,
        data_digest=key_of(data=experiment.data_digest, seed=experiment.seed, of="auxiliary"),
        store=store,
        jobs=jobs,
        stage="shadows",
        listen=listen,
    )
    return _wrap(experiment, models, recipes, len(auxiliary)), reused


def _wrap(
    experiment: Experiment, models: Sequence[Target], recipes: Sequence[Recipe], people: int
) -> list[LookAlike]:
    return [
        LookAlike(
            target=Memo(aligned(model, experiment.target.classes)), contains=recipe.rows[:people]
        )
        for model, recipe in zip(models, recipes, strict=True)
    ]


def _values(experiment: Experiment, y: Column) -> Column:
    """Return outcomes as the training data had them: class values, not their indices."""
    return np.array(list(experiment.target.classes))[y] if experiment.classify else y


def _given_y(pool: Candidates) -> Column:
    if pool.y is None:
        raise TypeError("the pool always has outcomes")
    return pool.y
