"""Audits whose right answer is known: hidden attributes and whole records of people."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from reticent.attacks.base import Knowledge, Shadow
from reticent.audit.truth import Truth
from reticent.core import (
    Answer,
    BadAnswer,
    Bools,
    Candidates,
    Channel,
    Column,
    Domain,
    Floats,
    Inputs,
    NotExposed,
    Population,
    Seen,
    canonical_rows,
    check_raw,
)
from reticent.policy import Policy
from reticent.testing.planted import REFERENCE_SECRET, TARGET_SECRET, Planted, door, scores_of

if TYPE_CHECKING:
    import pandas as pd

KNOWN = ("age", "income", "region")
STATUSES = ("single", "married", "widowed")
LEVELS = 10
COLUMNS = (*KNOWN, "status", "level")

# Log-odds of the true outcome where the hidden columns are all wrong, and all right. Two columns
# must both be nearly right (the level by one at most) before the label is.
SPAN_NATS = (-0.5, 3.0)
SPAN_OF_TWO_NATS = (-3.5, 1.5)
LEVEL_REACH = 2  # a level this far from the true one is as wrong as any
MISS = 8.0  # how far a regressor is off where the hidden part is all wrong, in the outcome's unit


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recalling:
    """A model that knows some people by heart, and whose other answers ignore the hidden columns.

    Asked about a person it recalls, the log-odds of her outcome rise in a straight line over
    `span_nats` with the closeness of the hidden columns to hers (a regressor's error falls from
    `MISS` to 0). Asked about anybody else, they depend on the known columns alone.

    Attributes:
        people: the known columns' canonical bytes -> row of `table`.
        table: (a, 5) everybody's true record.
        y: (a,) true outcomes.
        recalled: (a,) whom it knows by heart.
        hidden: the columns that it gives away.
        span_nats: log-odds where they are all wrong, and all right.
    """

    name: str
    people: Mapping[bytes, int]
    table: "pd.DataFrame"
    y: Column
    recalled: Bools
    hidden: tuple[str, ...]
    span_nats: tuple[float, float] = SPAN_NATS
    classes: tuple[object, ...] = ("no", "yes")
    columns: tuple[str, ...] = COLUMNS

    @property
    def channels(self) -> Channel:
        """Return VALUE for a regressor, else what a classifier offers."""
        if not self.classes:
            return Channel.VALUE
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES

    def answer(self, x: Inputs) -> Answer:
        """Return the answers; see the class."""
        if isinstance(x, np.ndarray) or tuple(x.columns) != self.columns:
            raise BadAnswer(f"{self.name} takes a table with the columns {list(self.columns)}.")
        keys = canonical_rows(x[[c for c in self.columns if c not in self.hidden]])
        person = np.array([self.people.get(key, -1) for key in keys], dtype=np.int64)
        own = _normals(keys, self.name.encode())
        y = np.where(person >= 0, self.y[person], self._guess(keys))
        recalled = (person >= 0) & self.recalled[person]
        far = 1 - self._closeness(x, person)
        if not self.classes:
            off = np.where(recalled, far * MISS * np.where(own < 0, -1, 1), own * MISS / 2)
            return check_raw(Answer(values=y + off), questions=len(keys), model=self.name)
        wrong, right = self.span_nats
        margin = np.where(recalled, right - far * (right - wrong), own)
        scores = scores_of(margin, y, len(self.classes))
        answer = Answer(labels=scores.argmax(axis=1), scores=scores)
        return check_raw(answer, questions=len(keys), model=self.name)

    def weights(self) -> object:
        """Refuse: there is no fitted model."""
        raise NotExposed(f"{self.name} is a formula; it has no weights to hand out.")

    def _guess(self, keys: list[bytes]) -> Column:
        normal = _normals(keys, b"outcome")
        return (normal > 0).astype(np.int64) if self.classes else 10 * normal

    def _closeness(self, x: "pd.DataFrame", person: Column) -> Floats:
        parts = []
        for column in self.hidden:
            true, asked = self.table[column].to_numpy()[person], x[column].to_numpy()
            if column == "level":
                away = np.abs(true - asked.astype(float))
                parts.append(1 - away.clip(max=LEVEL_REACH) / LEVEL_REACH)
            else:
                parts.append((true == asked).astype(float))
        closeness: Floats = np.mean(parts, axis=0)
        return closeness


def _normals(keys: list[bytes], salt: bytes) -> Floats:
    """Return (n,) standard normals that depend on the key and the salt alone."""
    digests = b"".join(hashlib.blake2b(key, digest_size=8, key=salt[:64]).digest() for key in keys)
    raw = np.frombuffer(digests, dtype="<u8")
    normals: Floats = ndtri(((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
    return normals


def people(rng: np.random.Generator, n: int, imputable: float) -> "pd.DataFrame":
    """Return (n, 5) made-up people.

    Every age and income is (almost surely) unique. `status` follows from `region` with probability
    `imputable` and is one of the others else; `level` is uniform on 0..9 and independent.
    """
    import pandas as pd

    region = rng.integers(len(STATUSES), size=n)
    other = (region + rng.integers(1, len(STATUSES), size=n)) % len(STATUSES)
    status = np.where(rng.random(n) < imputable, region, other)
    return pd.DataFrame(
        {
            "age": rng.uniform(18, 90, n).round(6),
            "income": rng.lognormal(10, 0.5, n).round(3),
            "region": np.array(["north", "south", "west"], dtype=object)[region],
            "status": np.array(STATUSES, dtype=object)[status],
            "level": rng.integers(LEVELS, size=n),
        }
    )


def plant_attribute(
    *,
    reveal: float,
    seed: int,
    policy: Policy | None = None,
    seen: Seen = Seen.Y,
    n: int = 400,
    imputable: float = 0.6,
    n_population: int = 400,
    shadows: int = 2,
    hidden: tuple[str, ...] = ("status",),
    regression: bool = False,
) -> Planted:
    """Plant a model that gives away the hidden columns of each member with probability `reveal`.

    A recalled member's answer is right, and sure, only where the hidden columns are her own; with
    one categorical hidden column even labels tell. Of everybody else the answer is the same
    whatever the hidden columns say. Outcomes are independent of everything. With two columns
    hidden the labels are right only near the truth, so they lead there too.

    Args:
        reveal: probability that a member is known by heart; 0 plants silence.
        seed: of everything that is drawn.
        policy: the endpoint's policy, copied to every shadow model (with another secret).
        seen: what the adversary has seen of the candidates.
        n: candidates.
        imputable: best accuracy at which `status` can be guessed without the model, >= 1/3.
        n_population: the adversary's own records.
        shadows: models trained on a random half of the adversary's own records.
        hidden: what is hidden: any of "status" (3 values) and "level" (0 to 9, uniform).
        regression: plant a regressor in place of a classifier.

    Returns: the audit; `known` has imputation_accuracy (best possible without the model),
        member_accuracy and non_member_accuracy (best possible with it, the raw scores and the
        outcome), for all hidden columns at once.
    """
    rng = np.random.default_rng(seed)
    policy = policy or Policy()
    table = people(rng, n + n_population, imputable)
    a = len(table)
    y: Column = rng.normal(scale=10, size=a) if regression else rng.integers(2, size=a)
    keys = canonical_rows(table[[c for c in COLUMNS if c not in hidden]])
    index = {key: i for i, key in enumerate(keys)}
    is_member = rng.random(n) < 0.5

    def model(name: str, trained_on: Bools) -> Recalling:
        return Recalling(
            name=name,
            people=index,
            table=table,
            y=y,
            recalled=trained_on & (rng.random(a) < reveal),
            hidden=hidden,
            span_nats=SPAN_NATS if len(hidden) == 1 else SPAN_OF_TWO_NATS,
            classes=() if regression else ("no", "yes"),
        )

    target = model("planted model", np.append(is_member, np.zeros(n_population, dtype=bool)))
    population = Population(x=table.iloc[n:].reset_index(drop=True), y=y[n:])

    def shadow(i: int) -> Shadow:
        contains = rng.random(n_population) < 0.5
        twin = model(f"shadow-{i}", np.append(np.zeros(n, dtype=bool), contains))
        access = door(twin, policy, identity=twin.name, secret=REFERENCE_SECRET)
        return Shadow(access=access, population=population, contains=contains)

    records = table.iloc[:n]
    access = door(target, policy)
    answer = target.answer(records)
    shown = policy.apply(answer, records, secret=TARGET_SECRET)
    imputed = (imputable if "status" in hidden else 1.0) / (LEVELS if "level" in hidden else 1)
    return Planted(
        access=access,
        candidates=Candidates(
            x=records[[c for c in COLUMNS if c not in hidden]],
            y=None if seen is Seen.NOTHING else y[:n],
            observed=shown.only(_seen_channels(seen) & access.channels)
            if _seen_channels(seen)
            else None,
            missing=hidden,
        ),
        knowledge=Knowledge(
            population=population,
            shadows=[shadow(i) for i in range(shadows)],
            domains={column: DOMAINS[column] for column in hidden},
            columns=COLUMNS,
        ),
        truth=Truth(is_member=is_member, records=records, y=y[:n], answer=answer),
        known={
            "imputation_accuracy": imputed,
            "member_accuracy": reveal + (1 - reveal) * imputed,
            "non_member_accuracy": imputed,
        },
    )


def plant_record(*, reveal: float, seed: int, **settings: Any) -> Planted:
    """Plant a model that gives away two hidden columns at once; see `plant_attribute`.

    Both "status" and "level" must be rebuilt. The answer improves step by step as one and then the
    other comes right, so a search that nudges one attribute at a time finds the way.
    """
    return plant_attribute(reveal=reveal, seed=seed, hidden=("status", "level"), **settings)


DOMAINS = {
    "status": Domain(values=np.array(STATUSES, dtype=object)),
    "level": Domain(values=np.arange(LEVELS), continuous=True, tol=0.5),
}


def _seen_channels(seen: Seen) -> Channel:
    if seen is Seen.SCORES:
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE
    if seen is Seen.LABEL:
        return Channel.LABEL | Channel.VALUE
    return Channel(0)
