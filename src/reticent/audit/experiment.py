"""Everything that an audit needs to know before it asks its first question."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.core import (
    BadInput,
    Bools,
    Candidates,
    Channel,
    Column,
    Domain,
    Floats,
    Inputs,
    Ints,
    Population,
    Seen,
    canonical_rows,
    stack,
    take,
)
from reticent.policy import Policy
from reticent.targets.base import Target

if TYPE_CHECKING:
    import pandas as pd

    from reticent.audit.trainer import Trainer

MIN_PER_SIDE = 20  # below this no interval could say anything
GRID_POINTS = 24  # candidate values of a continuous column
MAX_VALUES = 24  # a numeric column with more distinct values is treated as continuous
ANSWERING = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitive:
    """A column whose value would hurt.

    Attributes:
        column: its name.
        harm: declared harm class: "low", "medium", "high" or "severe".
        positive: the value that precision and recall are about; None for the rarest.
    """

    column: str
    harm: str = "high"
    positive: Any = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Experiment:
    """A model, its people, its adversary and its policies.

    Attributes:
        target: the model before any policy.
        trainer: how the adversary trains look-alikes; None if it cannot.
        owner: the named owner of the model.
        kind: how the model is reached ("sklearn", "onnx", ...).
        model_digest: name of the exact model.
        members: people in the training data that are under test; x with every column.
        non_members: people who are not, from the same population.
        auxiliary: the adversary's own records; None if it has none.
        users: people the model was not trained on, before any was left out of the test for being
            somebody's twin: whom utility is measured on; None for the non-members.
        target_column: name of the outcome.
        sensitive: the columns whose values would hurt.
        hidden_together: groups of columns that are hidden at once.
        domains: column -> the values it can take, for every column that may be hidden.
        exposed: channels that callers can reach.
        policies: name -> policy; the first is in force.
        guarded: the target's answers have been through the one policy already, at its endpoint.
        seen: what the adversary may have seen of the person whose attribute is guessed.
        reference_models: look-alikes for membership attacks.
        shadow_models: look-alikes for attribute attacks.
        query_budget: rows that one attack may ask; None for no limit.
        prior_membership: share of members among the people an adversary would try.
        ppv_declared: precision from which individuals count as exposed.
        attacks: names to run; empty for all on the shelf.
        exclude: names not to run.
        declared: (attack, policy) pairs of the confirmatory family; "all" matches every name.
        known: columns known of each person, the hidden ones aside; None for all.
        knows_policy: False for an adversary whose look-alikes answer without the policy.
        tolerance: the effect size that matters, as a difference of proportions (or of AUC).
        confidence: of every interval.
        seed: of everything random.
        secret: key of the endpoint's noise and of the pseudonyms.
        config_digest: name of the configuration.
        config_path: where it was read, as given.
        train_rows: rows the target was trained on, as far as known (members not sampled).
        warnings: what was noticed and mended while the data were read.
    """

    target: Target
    trainer: "Trainer | None"
    owner: str
    kind: str
    model_digest: str
    members: Population
    non_members: Population
    auxiliary: Population | None
    users: Population | None = None
    target_column: str = "y"
    sensitive: tuple[Sensitive, ...] = ()
    hidden_together: tuple[tuple[str, ...], ...] = ()
    domains: Mapping[str, Domain] = field(default_factory=dict)
    exposed: Channel = ANSWERING
    policies: Mapping[str, Policy] = field(default_factory=lambda: {"open": Policy()})
    guarded: bool = False
    seen: tuple[Seen, ...] = tuple(Seen)
    reference_models: int = 16
    shadow_models: int = 8
    query_budget: int | None = None
    prior_membership: float = 0.01
    ppv_declared: float = 0.9
    attacks: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = (("all", "all"),)
    known: tuple[str, ...] | None = None
    knows_policy: bool = True
    tolerance: float = 0.05
    confidence: float = 0.95
    seed: int = 0
    secret: bytes = b""
    config_digest: str = ""
    config_path: str | None = None
    train_rows: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def classify(self) -> bool:
        """Return True for a classifier, False for a regressor."""
        return bool(self.target.classes)

    @property
    def task(self) -> str:
        """Return "classification" or "regression"."""
        return "classification" if self.classify else "regression"

    def applied(self, policy: str) -> Policy:
        """Return what is done here to the target's answers: nothing where a guard has done it."""
        return Policy() if self.guarded else self.policies[policy]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the input columns; empty for plain arrays."""
        x = self.members.x
        return () if isinstance(x, np.ndarray) else tuple(map(str, x.columns))

    @property
    def honest_users(self) -> Population:
        """Return the people whom utility is measured on."""
        return self.non_members if self.users is None else self.users

    @property
    def pool(self) -> Candidates:
        """Return members and non-members as one list in an order that tells nothing: (n,) people.

        With members first, an attack that breaks ties by place would look like one that works.
        """
        y = np.concatenate([self.members.y, self.non_members.y])
        order = self._order
        return Candidates(x=take(stack([self.members.x, self.non_members.x]), order), y=y[order])

    @property
    def is_member(self) -> Bools:
        """Return (n,) who in `pool` is a member. For the auditor's eyes."""
        sides = np.repeat([True, False], [len(self.members), len(self.non_members)])
        return sides[self._order]

    @property
    def _order(self) -> Ints:
        people = len(self.members) + len(self.non_members)
        return np.random.default_rng([self.seed, 4]).permutation(people)

    @property
    def digest(self) -> str:
        """Return the name of everything that the figures depend on, but not which attacks run."""
        from reticent.audit.store import key_of

        return key_of(
            model=self.model_digest,
            data=self.data_digest,
            seen=list(self.seen),
            references=[self.reference_models, self.shadow_models],
            trainer=None if self.trainer is None else self.trainer.digest,
            query_budget=self.query_budget,
            statistics=[self.tolerance, self.confidence, self.prior_membership, self.ppv_declared],
            exposed=self.exposed.value,
            known=[self.known, self.knows_policy, self.guarded],
            sensitive=[[s.column, s.harm, s.positive] for s in self.sensitive],
            hidden=self.hidden_together,
            columns=self.columns,
            domains={name: _domain_key(domain) for name, domain in self.domains.items()},
            train_rows=self.train_rows,
            seed=self.seed,
            secret=hashlib.sha256(self.secret).hexdigest(),
        )

    @property
    def data_digest(self) -> str:
        """Return the name of the people under test and of the adversary's own records."""
        digest = hashlib.sha256()
        for part in (self.members, self.non_members, self.auxiliary):
            digest.update(b"|")
            if part is not None:
                for row, y in zip(canonical_rows(part.x), part.y.tolist(), strict=True):
                    digest.update(row + repr(y).encode())
        return digest.hexdigest()


def _domain_key(domain: Domain) -> list[object]:
    return [domain.values.tolist(), domain.prior.tolist(), domain.continuous, domain.tol]


def domain_of(column: "pd.Series[Any]", *, tol: float | None = None) -> Domain:
    """Return what an adversary can know of a column's values from a sample of the population.

    Args:
        column: (n,) values.
        tol: half-width within which a guess of a continuous value counts as right, in the
            column's unit; default: half a standard deviation.
    """
    import pandas as pd

    known = column.dropna()
    distinct = known.nunique()
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    if numeric and (tol is not None or distinct > MAX_VALUES):
        numbers = known.to_numpy(dtype=np.float64)
        shares = (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
        grid = np.unique(np.quantile(numbers, shares))
        nearest = np.searchsorted((grid[1:] + grid[:-1]) / 2, numbers)
        prior: Floats = np.bincount(nearest, minlength=len(grid)).astype(np.float64) / len(numbers)
        if pd.api.types.is_integer_dtype(known):
            grid = np.unique(np.round(grid))
            prior = np.empty(0)
        width = float(np.std(numbers)) / 2 if tol is None else tol
        return Domain(values=grid, continuous=True, tol=width, prior=prior)
    counts = known.astype(object).value_counts().sort_index(key=lambda index: index.map(str))
    values = np.array(counts.index.tolist(), dtype=object)
    if numeric:
        values = np.array(sorted(counts.index.tolist()))
        counts = counts.loc[values.tolist()]
    masses: Floats = np.asarray(counts, dtype=np.float64)
    return Domain(values=values, prior=masses / masses.sum())


def sample(people: Population, most: int, rng: np.random.Generator) -> Population:
    """Return at most `most` of the people, drawn without replacement, in their order."""
    if len(people) <= most:
        return people
    rows = np.sort(rng.choice(len(people), size=most, replace=False))
    return Population(x=take(people.x, rows), y=people.y[rows])


def encode_outcomes(y: Column, classes: Sequence[object], *, name: str) -> Column:
    """Return (n,) class indices for a classifier (float64 outcomes for a regressor).

    Raises: BadInput naming the first value that the model does not know.
    """
    if not classes:
        try:
            return np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"Outcome column {name!r} holds {type(y[0]).__name__} values; a regressor's "
                "outcomes must be numbers.",
                way_out="Choose another data.target, or set model.task.",
            ) from error
    place: dict[object, int] = {}
    for i, value in enumerate(classes):
        place[value] = i
        place[str(value)] = i
    values = np.asarray(y, dtype=object).tolist()
    index = [place.get(v, place.get(str(v), -1)) for v in values]
    if -1 in index:
        odd = values[index.index(-1)]
        raise BadInput(
            f"Outcome column {name!r} holds {odd!r}; the model's classes are "
            f"{[str(c) for c in classes]}.",
            way_out="Map the column to the model's classes, or set model.classes.",
        )
    return np.array(index, dtype=np.int64)


def check_people(experiment: Experiment) -> None:
    """Refuse data that no honest audit can be made from.

    Raises: BadInput for too few people on a side, one class only, a sensitive column that is
        missing or constant.
    """
    for side, people in (("members", experiment.members), ("non-members", experiment.non_members)):
        if len(people) < MIN_PER_SIDE:
            raise BadInput(
                f"There are {len(people)} {side}; at least {MIN_PER_SIDE} are needed on each side.",
                way_out="Give more records; certifying a 1 % false-positive rate takes 299.",
            )
    if experiment.classify and len(np.unique(experiment.members.y)) < 2:
        only = experiment.target.classes[int(experiment.members.y[0])]
        raise BadInput(
            f"All members have outcome {only!r}; at least two classes are needed.",
            way_out="Check data.target and the query that selects the members.",
        )
    for sensitive in experiment.sensitive:
        if sensitive.column not in experiment.columns:
            raise BadInput(
                f"Sensitive column {sensitive.column!r} is not among the model's inputs "
                f"{list(experiment.columns)}.",
                way_out="Correct its name, or remove it: this audit hides inputs of the model.",
            )
        if len(experiment.domains[sensitive.column].values) < 2:
            raise BadInput(
                f"Sensitive column {sensitive.column!r} has one value only; there is nothing to "
                "guess.",
                way_out="Remove it from [[sensitive]].",
            )


def pseudonym(secret: bytes, x: Inputs) -> list[str]:
    """Return a name for each person that only the holder of the secret can work out again."""
    import hmac

    return [
        "p-" + hmac.digest(secret + b"pseudonym", row, hashlib.sha256).hex()[:12]
        for row in canonical_rows(x)
    ]
