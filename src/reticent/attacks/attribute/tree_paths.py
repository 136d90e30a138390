"""White box: count the training people on every path that a record could have taken."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from reticent.access import Access
from reticent.attacks._beliefs import claim, fit_beliefs, learners_of
from reticent.attacks._complete import (
    Answers,
    Puzzle,
    check_size,
    combinations,
    filled,
    in_order,
    joint_log_prior,
    marginals,
    puzzle,
)
from reticent.attacks._encode import log_normalise
from reticent.attacks._posterior import Strength
from reticent.attacks._tree import Grove, Tree, grove, mass
from reticent.attacks.attribute import _evidence as evidence
from reticent.attacks.base import Knowledge
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
    Population,
)

if TYPE_CHECKING:
    import pandas as pd

ABSENT = 0.05  # people credited to a leaf that held none with this outcome: trees are grown noisy
CHANCE = 0.5  # people credited to a leaf beyond those that the auxiliary records lead to expect
FOREST_POWER = 3.0  # independent witnesses that the trees of a forest count as, however many


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePaths:
    """Path counts in decision trees, alone or in forests; asks nothing.

    Filled with value v, a record falls into one leaf i of each tree. Where the outcome was seen,
    the people n_i in it are those with that outcome; where the answer was seen, values whose
    leaves do not give it are set back. What the counts are weighed with:

    - "paper", Fredrikson et al. 2015, equation 4: posterior(v) ~ prior(v) n_i / sum of n_j over
      the leaves that v can reach, with the values' frequencies as prior.
    - "expected": posterior(v) ~ prior(v | known columns, outcome) n_i / e_i, where e_i people
      would be in the leaf by the auxiliary records' count. For a person in the training data
      it is the likelihood ratio of the counts as Poisson numbers, P(n_i - 1 others) / P(n_i by
      chance) = n_i / e_i: a leaf of one is a loud witness, a full one is not.

    A forest's logarithms are averaged, and count `FOREST_POWER` times.

    Differs from the paper: outcome and answer are used; forests; the second weighing; several
    hidden columns are filled jointly.

    Attributes:
        weigh: "auto" is "expected" where there are auxiliary records, else "paper".
        given_prior: take the domains' own priors as they are in "paper".
        strength: learners that the conditional prior is chosen from.
        max_completions: most combinations of values a record that are tried.
    """

    name: ClassVar[str] = "tree-paths"
    family: ClassVar[Family] = Family.ATTRIBUTE
    accepts: ClassVar[Channel] = Channel.WEIGHTS
    wants: ClassVar[frozenset[str]] = frozenset({"domains"})
    cost: ClassVar[str] = "no queries; the fitted trees themselves"
    source: ClassVar[str] = (
        "Fredrikson et al., 'Model Inversion Attacks that Exploit Confidence Information', CCS "
        "2015, section 4, https://doi.org/10.1145/2810103.2813677"
    )

    weigh: Literal["auto", "paper", "expected"] = "auto"
    given_prior: bool = False
    strength: Strength = "strong"
    max_completions: int = 512

    def run(
        self,
        access: Access,
        candidates: Candidates,
        knowledge: Knowledge,
        rng: np.random.Generator,
    ) -> AttributeClaim:
        """Return a posterior per candidate and hidden column."""
        holes = puzzle(candidates, knowledge, attack=self.name)
        check_size(holes, self.max_completions, self.name)
        trees = grove(access.weights())
        population = knowledge.population
        if population is None or self.weigh == "paper":
            population = None
        log_prior, notes = self._prior(holes, candidates, knowledge, population is not None, rng)
        matrix, rows = _completed(holes, trees)
        n, k = len(holes.x), holes.size
        fixed = _fixed(holes, matrix, rows) if n and population is None else None
        others = None if population is None else _seen_by(trees, _others(holes, population))
        leaves = [t.leaves(matrix) for t in trees.trees]
        found = np.zeros((n, k))
        for tree, leaf in zip(trees.trees, leaves, strict=True):
            share = log_people(tree, leaf.reshape(n, k), candidates.y, trees.classifies)
            if population is not None:
                y = np.asarray(population.y)
                share -= log_expected(tree, leaf.reshape(n, k), candidates.y, others, y)
            elif fixed is not None:
                share -= np.log(np.maximum(mass(tree, *fixed), 1.0))
            found += share / len(trees.trees)
        found *= min(FOREST_POWER, len(trees.trees))
        notes["trees"] = len(trees.trees)
        notes["weighed"] = "paper" if population is None else "expected"
        if candidates.observed is not None:
            answer = _answer(trees, leaves)
            if access.policy.defences:
                if rows is None:
                    rows = _frame(holes)
                answer = access.policy.apply(answer, rows)
            answers = Answers(flat=answer, asked=np.ones(n, dtype=bool), k=k)
            found += evidence.of_match(answers, candidates.observed)
        joint = log_normalise(log_prior + found)
        return claim(holes, marginals(joint, holes.sizes), notes)

    def _prior(
        self,
        holes: Puzzle,
        candidates: Candidates,
        knowledge: Knowledge,
        conditional: bool,
        rng: np.random.Generator,
    ) -> tuple[Floats, dict[str, Any]]:
        n = len(holes.x)
        if self.given_prior and not conditional:
            logs = [np.tile(np.log(np.maximum(d.prior, 1e-12)), (n, 1)) for d in holes.domains]
            return joint_log_prior(logs), {}
        fitted = fit_beliefs(
            holes,
            knowledge,
            sees_outcome=conditional and candidates.y is not None,
            strength=self.strength if conditional else "prior",
            rng=rng,
        )
        joint = joint_log_prior([p.log_proba(holes.x, candidates.y) for p in fitted])
        return joint, {"learners": learners_of(fitted)}


def log_people(tree: Tree, leaf: Ints, y: Column | None, classifies: bool) -> Floats:
    """Return (n, k) the log of the people in each leaf, of those with outcome `y` if it is given.

    Of a regressor's leaf, the density that a normal of its mean and spread gives the outcome
    times the people in it.

    Args:
        tree: the tree.
        leaf: (n, k) the leaf of each completion of each record.
        y: (n,) outcomes, or None.
        classifies: whether outcomes are classes.
    """
    counts = tree.counts[leaf]
    if y is None:
        return np.asarray(np.log(counts), dtype=np.float64)
    if classifies:
        own = tree.outcomes[leaf, np.asarray(y, dtype=np.int64)[:, None]]
        return np.asarray(np.log(own + ABSENT), dtype=np.float64)
    # Leaves of one person have no spread of their own: a hundredth of the whole is lent them.
    spread = np.sqrt(tree.spread[leaf] + 1e-4 * tree.spread[0] + 1e-300)
    off = (np.asarray(y, dtype=np.float64)[:, None] - tree.outcomes[leaf, 0]) / spread
    far = np.minimum(0.5 * off**2, evidence.MISS_NATS)
    return np.asarray(np.log(counts) - far - np.log(spread), dtype=np.float64)


def log_expected(tree: Tree, leaf: Ints, y: Column | None, others: Any, outcome: Column) -> Floats:
    """Return (n, k) the log of the people that each leaf would hold by other people's count.

    Args:
        tree: the tree.
        leaf: (n, k) the leaf of each completion of each record.
        y: (n,) outcomes of the records, or None.
        others: (m, d) float32, people who are not in the training data.
        outcome: (m,) their outcomes.
    """
    place = tree.leaves(others)
    scale = tree.counts[0] / max(len(place), 1)
    classes = tree.outcomes.shape[1]
    if y is None or classes < 2:
        count = np.bincount(place, minlength=len(tree.counts))[leaf]
    else:
        at = place * classes + np.asarray(outcome, dtype=np.int64)
        table = np.bincount(at, minlength=len(tree.counts) * classes)
        count = table[leaf * classes + np.asarray(y, dtype=np.int64)[:, None]]
    return np.asarray(np.log(count * scale + CHANCE), dtype=np.float64)


def fixed_features(cube: Any) -> tuple[Ints, Floats] | None:
    """Return which features the hidden columns become, and their values (k, h) in each filling.

    None if they mix with known columns on the way (a projection): then no value has leaves of
    its own.

    Args:
        cube: (n, k, d) every record filled in every way, as the trees see it.
    """
    features = np.flatnonzero((cube[0] != cube[0, :1]).any(axis=0))
    part = cube[:, :, features]
    if not np.array_equal(part, np.broadcast_to(part[:1], part.shape), equal_nan=True):
        return None
    return features, part[0].astype(np.float64)


def _fixed(holes: Puzzle, matrix: Any, rows: "pd.DataFrame | None") -> tuple[Ints, Floats] | None:
    k = holes.size
    if rows is not None:
        return fixed_features(matrix.reshape(len(holes.x), k, -1))
    features = np.array([holes.columns.index(c) for c in holes.hidden], dtype=np.int64)
    return features, matrix[:k, features].astype(np.float64)


def _completed(holes: Puzzle, trees: Grove) -> tuple[Any, "pd.DataFrame | None"]:
    """Return (n * k, d) float32 as the trees see it, and the table it came from if one was made."""
    known = in_order(holes.x, holes.known)
    if not trees.steps:  # trees on their own take numbers only
        n, k = len(known), holes.size
        cube = np.empty((n, k, len(holes.columns)), dtype=np.float32)
        at = [holes.columns.index(c) for c in holes.known]
        cube[:, :, at] = known.to_numpy(dtype=np.float32)[:, None, :]
        for c, d, i in zip(holes.hidden, holes.domains, combinations(holes.domains), strict=True):
            cube[:, :, holes.columns.index(c)] = np.asarray(d.values)[i].astype(np.float32)
        return cube.reshape(n * k, -1), None
    rows = _frame(holes)
    return _seen_by(trees, rows), rows


def _seen_by(trees: Grove, rows: "pd.DataFrame") -> Any:
    """Return (m, d) float32: rows behind the preprocessing."""
    found: Any = rows
    for step in trees.steps:
        found = step.transform(found)
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return np.ascontiguousarray(dense, dtype=np.float32)


def _others(holes: Puzzle, population: Population) -> "pd.DataFrame":
    if isinstance(population.x, np.ndarray):
        raise BadInput(
            f"The auxiliary records are an array of shape {population.x.shape}; attribute "
            "inference reads named columns.",
            way_out="Pass them as a table with column names.",
        )
    return population.x[list(holes.columns)]


def _frame(holes: Puzzle) -> "pd.DataFrame":
    places = combinations(holes.domains)
    fillings = {
        c: np.asarray(d.values)[i]
        for c, d, i in zip(holes.hidden, holes.domains, places, strict=True)
    }
    return filled(holes.x, fillings, holes.columns)


def _answer(trees: Grove, leaves: list[Ints]) -> Answer:
    """Return what the model says of each completion, from its leaves."""
    if not trees.classifies:
        means = [t.outcomes[leaf, 0] for t, leaf in zip(trees.trees, leaves, strict=True)]
        return Answer(values=np.mean(means, axis=0))
    shares = [
        t.outcomes[leaf] / t.outcomes[leaf].sum(axis=1, keepdims=True)
        for t, leaf in zip(trees.trees, leaves, strict=True)
    ]
    scores = np.mean(shares, axis=0)
    return Answer(labels=scores.argmax(axis=1).astype(np.int64), scores=scores)
