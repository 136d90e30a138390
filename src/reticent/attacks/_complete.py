"""Complete records with every value their hidden columns could have, and ask about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reticent.access import Access
from reticent.attacks._encode import row_groups
from reticent.attacks.base import Knowledge
from reticent.core import (
    Answer,
    BadInput,
    Bools,
    BudgetSpent,
    Candidates,
    Column,
    Domain,
    Floats,
    Ints,
    NotEnoughKnowledge,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Puzzle:
    """Records with holes: what is known of them and what could fill the holes.

    Attributes:
        x: (n, d) the known columns.
        hidden: the hidden columns.
        domains: the domain of each hidden column, in that order.
        columns: every column the model takes, in its order.
    """

    x: "pd.DataFrame"
    hidden: tuple[str, ...]
    domains: tuple[Domain, ...]
    columns: tuple[str, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """Return the known columns the model takes, in its order."""
        return tuple(c for c in self.columns if c not in self.hidden)

    @property
    def size(self) -> int:
        """Return the number of ways to fill one record."""
        return int(np.prod(self.sizes))

    @property
    def sizes(self) -> list[int]:
        """Return the number of values of each hidden column."""
        return [len(d.values) for d in self.domains]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answers:
    """Answers to k completions of each of n records.

    Attributes:
        flat: n * k answers; completion j of record i is at i * k + j. Nothing (-1, NaN) where
            the record was not asked about.
        asked: (n,) whether the record was asked about.
        k: completions a record.
    """

    flat: Answer
    asked: Bools
    k: int

    @property
    def labels(self) -> Ints | None:
        """Return (n, k) answered class indices."""
        return None if self.flat.labels is None else self.flat.labels.reshape(-1, self.k)

    @property
    def scores(self) -> Floats | None:
        """Return (n, k, classes) what is shown of the class probabilities."""
        found = self.flat.scores
        return None if found is None else found.reshape(-1, self.k, found.shape[1])

    @property
    def values(self) -> Floats | None:
        """Return (n, k) answered values."""
        return None if self.flat.values is None else self.flat.values.reshape(-1, self.k)


def puzzle(candidates: Candidates, knowledge: Knowledge, *, attack: str) -> Puzzle:
    """Return the records with holes, checked.

    Raises: BadInput if the records are no table, nothing is hidden, or a column is lacking;
    NotEnoughKnowledge if a hidden column has no domain.
    """
    x = candidates.x
    if isinstance(x, np.ndarray):
        raise BadInput(
            f"{attack} was given an array of shape {x.shape}; it guesses named columns of a table.",
            way_out="Pass the records as a table with column names.",
        )
    if not candidates.missing:
        raise BadInput(f"{attack} was asked to guess no column.", way_out="Name at least one.")
    for column in candidates.missing:
        if column not in knowledge.domains or len(knowledge.domains[column].values) == 0:
            raise NotEnoughKnowledge(
                f"{attack} has no candidate values for the hidden column {column!r}, only for "
                f"{sorted(knowledge.domains)}.",
                way_out="Declare the column's domain, or give auxiliary records to read it from.",
            )
    columns = knowledge.columns or tuple(x.columns) + candidates.missing
    lacking = [c for c in columns if c not in candidates.missing and c not in x.columns]
    if lacking:
        raise BadInput(
            f"The records lack the column {lacking[0]!r}, which the model takes and which is not "
            "among the hidden ones.",
            way_out="Pass every known column, or declare it hidden.",
        )
    domains = tuple(knowledge.domains[c] for c in candidates.missing)
    return Puzzle(x=x, hidden=candidates.missing, domains=domains, columns=columns)


def combinations(domains: Sequence[Domain]) -> tuple[Ints, ...]:
    """Return for each domain the (K,) value index in every combination, the last fastest.

    >>> a = Domain(values=np.array(["p", "q"]))
    >>> [c.tolist() for c in combinations([a, a])]
    [[0, 0, 1, 1], [0, 1, 0, 1]]
    """
    sizes = [len(d.values) for d in domains]
    return tuple(np.asarray(i.ravel(), dtype=np.int64) for i in np.indices(sizes))


def joint_log_prior(log_priors: Sequence[Floats]) -> Floats:
    """Return (n, K) the sum over columns of (n, k) log-probabilities: independent given x."""
    joint = log_priors[0]
    for log_p in log_priors[1:]:
        joint = (joint[:, :, None] + log_p[:, None, :]).reshape(len(joint), -1)
    return joint


def marginals(joint: Floats, sizes: Sequence[int]) -> list[Floats]:
    """Return for each column the (n, k) log-probabilities that a normalised joint implies."""
    if len(sizes) == 1:
        return [joint]
    p = np.exp(joint).reshape(len(joint), *sizes)
    found = []
    for axis in range(1, p.ndim):
        others = tuple(a for a in range(1, p.ndim) if a != axis)
        found.append(np.log(np.maximum(p.sum(axis=others), 1e-300)))
    return found


def in_order(x: "pd.DataFrame", columns: Sequence[str]) -> "pd.DataFrame":
    """Return the named columns; `x` itself where it has just those (selecting is not free)."""
    return x if list(x.columns) == list(columns) else x[list(columns)]


def filled(
    x: "pd.DataFrame", fillings: Mapping[str, Column], columns: Sequence[str]
) -> "pd.DataFrame":
    """Return n * k completed rows, completion j of row i at i * k + j.

    Args:
        x: (n, d) known columns.
        fillings: hidden column -> (k,) values for every row alike, or (n, k) for each its own.
        columns: the order of the columns returned.
    """
    import pandas as pd

    n = len(x)
    k = next(iter(fillings.values())).shape[-1]
    index = np.repeat(np.arange(n), k)
    known = in_order(x, [c for c in columns if c not in fillings]).take(index)
    known = known.reset_index(drop=True)
    hidden = {
        name: pd.Series(np.broadcast_to(v, (n, k)).ravel(), index=known.index)
        for name, v in fillings.items()
    }
    return known.assign(**hidden)[list(columns)]


def ask(
    access: Access,
    known: "pd.DataFrame",
    fillings: Mapping[str, Column],
    columns: Sequence[str],
    *,
    urgency: Floats | None = None,
) -> Answers:
    """Ask about every completion of every record; the same question is asked once.

    When the query budget does not reach for all, whole records are left out, those of least
    urgency first: half a record's completions cannot be compared.

    Args:
        access: the door to the model.
        known: (n, d) the known columns.
        fillings: hidden column -> (k,) or (n, k) values, as in `filled`.
        columns: the model's columns in order.
        urgency: (n,) higher is asked about first; the order of the records if None.

    Raises: BudgetSpent if the budget does not reach for one record; NotExposed; BadAnswer.
    """
    n, k = len(known), next(iter(fillings.values())).shape[-1]
    alike = all(v.ndim == 1 for v in fillings.values())
    if alike:
        first, group = row_groups(known)
        questions, per_record = len(first) * k, k
    else:
        rows = filled(known, fillings, columns)
        first, group = row_groups(rows)
        questions, per_record = len(first), k
    left = access.queries_left
    keep = np.ones(n, dtype=bool)
    if left is not None and left < questions:
        if left < per_record:
            raise BudgetSpent(
                f"{left} queries are left, and one record takes {per_record}: one for each value "
                "its hidden columns could have.",
                way_out="Raise query_budget, or give the hidden columns fewer candidate values.",
            )
        order = np.arange(n) if urgency is None else np.argsort(-urgency, kind="stable")
        keep = _affordable(order, group if alike else group.reshape(n, k), left, k, alike)
    kept = np.flatnonzero(keep)
    if alike:
        used = np.unique(group[kept])
        asked = access.ask(filled(known.iloc[first[used]], fillings, columns))
        back = np.searchsorted(used, group[kept])[:, None] * k + np.arange(k)
    else:
        mine = group.reshape(n, k)[kept]
        used = np.unique(mine)
        asked = access.ask(rows.iloc[first[used]].reset_index(drop=True))
        back = np.searchsorted(used, mine)
    return Answers(flat=_spread(asked, back.ravel(), kept, n, k), asked=keep, k=k)


def check_size(holes: Puzzle, most: int, attack: str) -> None:
    """Raise BadInput if there are more than `most` ways to fill a record."""
    if holes.size > most:
        sizes = " x ".join(str(len(d.values)) for d in holes.domains)
        raise BadInput(
            f"{attack} would try {sizes} = {holes.size} combinations of "
            f"{', '.join(holes.hidden)} a record; max_completions is {most}.",
            way_out="Give the columns fewer values, guess them one by one, or use the attack map, "
            "which improves them in turn.",
        )


def ask_jointly(
    access: Access,
    holes: Puzzle,
    *,
    most: int,
    attack: str,
    urgency: Floats | None = None,
) -> Answers:
    """Ask about every combination of the hidden columns' values.

    Raises: BadInput if there are more than `most`; and as `ask` does.
    """
    check_size(holes, most, attack)
    places = combinations(holes.domains)
    fillings = {
        c: np.asarray(d.values)[i]
        for c, d, i in zip(holes.hidden, holes.domains, places, strict=True)
    }
    return ask(access, holes.x, fillings, holes.columns, urgency=urgency)


def _affordable(order: Ints, group: Ints, left: int, k: int, alike: bool) -> Bools:
    """Return which records fit into `left` questions when taken in `order`."""
    keep = np.zeros(len(order), dtype=bool)
    paid: set[int] = set()
    for i in order.tolist():
        new = {int(group[i])} if alike else set(group[i].tolist())
        cost = len(new - paid) * (k if alike else 1)
        if cost <= left:
            left -= cost
            paid |= new
            keep[i] = True
    return keep


def _spread(asked: Answer, back: Ints, kept: Ints, n: int, k: int) -> Answer:
    """Return n * k answers, those of the kept records taken from `asked` at `back`."""
    if len(kept) == n:
        return asked.take(back)
    place = (kept[:, None] * k + np.arange(k)).ravel()
    got = asked.take(back)
    labels = scores = values = None
    if got.labels is not None:
        labels = np.full(n * k, -1, dtype=np.int64)
        labels[place] = got.labels
    if got.scores is not None:
        scores = np.full((n * k, got.scores.shape[1]), np.nan)
        scores[place] = got.scores
    if got.values is not None:
        values = np.full(n * k, np.nan)
        values[place] = got.values
    return Answer(labels=labels, scores=scores, values=values)
