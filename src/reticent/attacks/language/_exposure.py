"""The rank of a secret among all that it could have been, by a model that is asked token by token.

Exposure is log2 of the space's size less log2 of the rank (Carlini et al. 2019, definition 2). Here
are three ways to the rank: exactly, by branch and bound; without bias, from secrets drawn from the
model itself; and from secrets drawn uniformly, with the tail of a fitted curve beyond them.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

from reticent.attacks.language._token_tree import TokenTree
from reticent.core import Bools, Floats, Ints

#: Log-probabilities closer than this count as equal: what a batch's size changes in float32.
TOL_NATS = 1e-4


class NextTokens(Protocol):
    """A model that remembers what it has read.

    A state holds the rows of one batch; it is never changed, so that branches can share it.
    """

    def begin(self, prefix: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (1, c) log-probabilities of the `wanted` ids after a prefix, and the state."""
        ...

    def whole(self, prefix: Ints, path: Ints) -> float:
        """Return the log-probability of the ids of a path after a prefix, in nats."""
        ...

    def step(self, state: Any, rows: Ints, tokens: Ints, wanted: Ints) -> tuple[Floats, Any]:
        """Return (b, c) log-probabilities after row `rows[i]` goes on with `tokens[i]`.

        Args:
            state: of the batch before.
            rows: (b,) which of its rows each goes on from.
            tokens: (b,) the next id of each.
            wanted: (c,) ids whose log-probabilities are returned, normalised over all ids.
        """
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """How many secrets a model prefers to one; 1 is the likeliest.

    Attributes:
        low: smallest rank that the search leaves possible.
        high: largest one. Both are the rank where the search came to its end, but for secrets
            whose log-probability is within `TOL_NATS` of it.
        expanded: nodes whose continuations were asked for.
        complete: whether the search came to its end.
    """

    low: int
    high: int
    expanded: int
    complete: bool


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """A tree, and which column of the answers belongs to which edge."""

    tree: TokenTree
    wanted: Ints
    columns: tuple[Ints, ...]
    leaves: Floats
    ends: Bools
    leads_on: Bools

    @staticmethod
    def of(tree: TokenTree) -> "_Columns":
        wanted = np.unique(np.concatenate([ids for ids in tree.ids if len(ids)]))
        return _Columns(
            tree,
            wanted,
            tuple(np.searchsorted(wanted, ids) for ids in tree.ids),
            np.array([float(count) for count in tree.leaves]),
            np.array(tree.ends, dtype=bool),
            np.array([len(ids) > 0 for ids in tree.ids], dtype=bool),
        )


def logprob_of(model: NextTokens, tree: TokenTree, path: Ints) -> float:
    """Return the log-probability of one secret after the prefix, in nats, read in one pass.

    Args:
        model: asked for the whole text.
        tree: the space.
        path: (t,) ids of the secret.
    """
    return model.whole(tree.prefix, path)


def exact_rank(
    model: NextTokens, tree: TokenTree, logprob: float, *, batch: int = 128, most_expanded: int
) -> Rank:
    """Return the rank of a secret by branch and bound over token prefixes.

    A prefix less likely than the secret can't lead to a likelier secret and is left out, so that at
    most e^-logprob prefixes of each length are looked at: cheap where the model is sure of the
    secret, which is where it was memorised.

    Args:
        model: asked for the continuations of up to `batch` prefixes at a time.
        tree: the space.
        logprob: of the secret, in nats.
        batch: prefixes asked about at once.
        most_expanded: prefixes asked about in all; beyond them the search ends with bounds.

    Source: Carlini et al. 2019, "The Secret Sharer", https://arxiv.org/abs/1802.08232, whose search
    for the likeliest secret is ordered by likelihood; for a rank every prefix above the bound is
    needed, so the order does not matter and depth first needs the least memory.
    """
    known = _Columns.of(tree)
    floor = logprob - TOL_NATS
    above = near = expanded = 0
    left = 0.0
    shown, state = model.begin(tree.prefix, known.wanted)
    # Prefixes still to be asked about: the state that they go on from, and where they are.
    pending = []
    group = _Group(
        state, np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([tree.root]), np.zeros(1)
    )
    while True:
        below, leaf = _spread(known, group, shown, floor)
        expanded += len(group.nodes)
        above += int((leaf > logprob + TOL_NATS).sum())
        near += len(leaf)
        if len(below.nodes):
            pending.append(_Group(state, below.rows, below.tokens, below.nodes, below.mass))
        if not pending:
            break
        if expanded >= most_expanded:
            left = sum(
                float(np.minimum(known.leaves[g.nodes], np.exp(g.mass - floor)).sum())
                for g in pending
            )
            break
        whole = pending.pop()
        parts = -(-len(whole.nodes) // batch)
        cut = -(-len(whole.nodes) // parts)
        group, rest = whole.split(cut)
        if len(rest.nodes):
            pending.append(rest)
        shown, state = model.step(group.state, group.rows, group.tokens, known.wanted)
    high = max(near, above + 1) + math.ceil(left)
    return Rank(
        low=above + 1,
        high=min(high, most_possible(tree, logprob)),
        expanded=expanded,
        complete=not pending,
    )


def most_possible(tree: TokenTree, logprob: float) -> int:
    """Return the largest rank that a log-probability leaves possible.

    Probabilities sum to at most 1, so at most 1 / p secrets are as likely as one of probability p.
    """
    if -logprob > math.log(tree.size):
        return tree.size
    return min(tree.size, max(1, math.floor(math.exp(-logprob) * (1 + TOL_NATS) + TOL_NATS)))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    state: Any
    rows: Ints
    tokens: Ints
    nodes: Ints
    mass: Floats

    def split(self, at: int) -> tuple["_Group", "_Group"]:
        return self._part(slice(at)), self._part(slice(at, None))

    def _part(self, cut: slice) -> "_Group":
        return _Group(self.state, self.rows[cut], self.tokens[cut], self.nodes[cut], self.mass[cut])


def _spread(known: _Columns, group: _Group, shown: Floats, floor: float) -> tuple[_Group, Floats]:
    """Return the prefixes that may still lead to a likelier secret, and the secrets found."""
    tree = known.tree
    rows, tokens, nodes, masses, leaf = [], [], [], [], []
    for node in np.unique(group.nodes).tolist():
        at = np.flatnonzero(group.nodes == node)
        mass = group.mass[at][:, None] + shown[np.ix_(at, known.columns[node])]
        below = tree.below[node]
        kept = mass >= floor
        leaf.append(mass[kept & known.ends[below][None, :]])
        i, j = np.nonzero(kept & known.leads_on[below][None, :])
        rows.append(at[i])
        tokens.append(tree.ids[node][j])
        nodes.append(below[j])
        masses.append(mass[i, j])
    return (
        _Group(
            None,
            np.concatenate(rows),
            np.concatenate(tokens),
            np.concatenate(nodes),
            np.concatenate(masses),
        ),
        np.concatenate(leaf),
    )


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn:
    """Secrets that were drawn to see how likely others are.

    Attributes:
        logprobs: (n,) what the model says to each, in nats.
        drawn: (n,) logarithm of the probability with which each was drawn.
    """

    logprobs: Floats
    drawn: Floats


def draw(
    model: NextTokens,
    tree: TokenTree,
    *,
    n: int,
    rng: np.random.Generator,
    by_model: bool,
    batch: int = 128,
) -> Drawn:
    """Return n secrets, drawn uniformly or as the model itself would choose among them."""
    known = _Columns.of(tree)
    begun = model.begin(tree.prefix, known.wanted)
    parts = [
        _drawn(model, known, begun, min(batch, n - i), rng, by_model) for i in range(0, n, batch)
    ]
    return Drawn(
        logprobs=np.concatenate([part.logprobs for part in parts]),
        drawn=np.concatenate([part.drawn for part in parts]),
    )


def _drawn(
    model: NextTokens,
    known: _Columns,
    begun: tuple[Floats, Any],
    n: int,
    rng: np.random.Generator,
    by_model: bool,
) -> Drawn:
    tree = known.tree
    shown, state = begun
    shown = np.repeat(shown, n, axis=0)
    fresh = True
    who = np.arange(n)
    nodes = np.full(n, tree.root)
    logprobs, drawn = np.zeros(n), np.zeros(n)
    while len(who):
        tokens = np.empty(len(who), dtype=np.int64)
        going = np.ones(len(who), dtype=bool)
        for node in np.unique(nodes).tolist():
            at = np.flatnonzero(nodes == node)
            count = known.leaves[tree.below[node]]
            # A secret that is the beginning of others is one of `leaves`.
            stops = rng.random(len(at)) * tree.leaves[node] < tree.ends[node]
            if tree.ends[node]:
                share = math.log(1 / tree.leaves[node])
                stay = math.log1p(-1 / tree.leaves[node]) if tree.leaves[node] > 1 else 0.0
                drawn[who[at]] += np.where(stops, share, stay)
            going[at[stops]] = False
            at = at[~stops]
            if not len(at):
                continue
            found = shown[np.ix_(at, known.columns[node])]
            weight = np.log(count)[None, :] + np.zeros_like(found)
            if by_model:
                weight = found
            share_of = weight - _logsumexp(weight)
            noise = rng.gumbel(size=share_of.shape)
            picked = np.argmax(share_of + noise, axis=1)
            each = np.arange(len(at))
            logprobs[who[at]] += found[each, picked]
            drawn[who[at]] += share_of[each, picked]
            tokens[at] = tree.ids[node][picked]
            nodes[at] = tree.below[node][picked]
        # What ends a secret and leads nowhere else needs no further question.
        going &= known.leads_on[nodes]
        rows = np.zeros(int(going.sum()), dtype=np.int64) if fresh else np.flatnonzero(going)
        fresh = False
        who, nodes, tokens = who[going], nodes[going], tokens[going]
        if len(who):
            shown, state = model.step(state, rows, tokens, known.wanted)
    return Drawn(logprobs=logprobs, drawn=drawn)


def _logsumexp(x: Floats) -> Floats:
    most = x.max(axis=1, keepdims=True)
    return np.asarray(most + np.log(np.exp(x - most).sum(axis=1, keepdims=True)))
