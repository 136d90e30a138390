"""Fitted decision trees and forests, read as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reticent.core import BadInput, Bools, Floats, Ints

LEAF = -1  # what scikit-learn writes for a missing child


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One fitted tree; node 0 is the root, a leaf has no children.

    Attributes:
        raw: scikit-learn's own tree, which walks rows down in C.
        counts: (nodes,) distinct training rows that reached each node.
        outcomes: (nodes, classes) how many of them had each outcome; for a regressor (nodes, 1)
            the mean outcome.
        spread: (nodes,) variance of the outcomes at each node of a regressor; empty otherwise.
    """

    raw: Any
    counts: Floats
    outcomes: Floats
    spread: Floats

    def leaves(self, matrix: Any) -> Ints:
        """Return (n,) the leaf that each row of a float32 matrix falls into."""
        return np.asarray(self.raw.apply(matrix), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Grove:
    """A tree or a forest behind its preprocessing.

    Attributes:
        steps: fitted transformers in front of the trees.
        trees: one or more.
        classifies: False for a regressor.
    """

    steps: tuple[Any, ...]
    trees: tuple[Tree, ...]
    classifies: bool


def grove(model: object) -> Grove:
    """Return the trees inside a fitted scikit-learn model.

    Raises: BadInput if the model is no decision tree, forest of them, or pipeline that ends so.
    """
    from sklearn.ensemble._forest import BaseForest
    from sklearn.pipeline import Pipeline
    from sklearn.tree import BaseDecisionTree

    steps: tuple[Any, ...] = ()
    while isinstance(model, Pipeline):
        steps += tuple(s for _, s in model.steps[:-1] if s is not None and s != "passthrough")
        model = model.steps[-1][1]
    if isinstance(model, BaseDecisionTree):
        found: Sequence[Any] = [model]
    elif isinstance(model, BaseForest):
        found = model.estimators_
    else:
        raise BadInput(
            f"The model is a {type(model).__name__}; only decision trees and forests of them, "
            "alone or at the end of a pipeline, have paths to count.",
            way_out="Use an attack that asks the model instead, such as map.",
        )
    classifies = hasattr(found[0], "n_classes_")
    trees = tuple(_tree(t.tree_, classifies) for t in found)
    if trees[0].raw.n_outputs != 1:
        raise BadInput(
            f"The model has {trees[0].raw.n_outputs} outputs; path counts are for one outcome."
        )
    return Grove(steps, trees, classifies)


def _tree(raw: Any, classifies: bool) -> Tree:
    counts = raw.n_node_samples.astype(np.float64)
    value = raw.value[:, 0, :]
    if not classifies:
        return Tree(raw, counts, value, np.asarray(raw.impurity, dtype=np.float64))
    # Older versions of scikit-learn keep weights here, newer ones shares.
    shares = value / value.sum(axis=1, keepdims=True)
    return Tree(raw, counts, shares * counts[:, None], np.empty(0))


def mass(tree: Tree, features: Ints, values: Floats) -> Floats:
    """Return (k,) the training rows in all leaves that a row with these values could reach.

    Every other feature is free: the sum over the leaves j of n_j phi_j(v) in Fredrikson et al.
    2015, equation 4.

    Args:
        tree: the tree.
        features: (h,) the features that are fixed.
        values: (k, h) the values they are fixed to.
    """
    raw = tree.raw
    left, right = raw.children_left, raw.children_right
    inner = np.flatnonzero(left != LEAF)
    above = np.zeros(len(left), dtype=np.int64)
    above[left[inner]] = inner
    above[right[inner]] = inner
    place = np.full(raw.n_features, -1, dtype=np.int64)
    place[features] = np.arange(len(features))
    fixed = inner[place[raw.feature[inner]] >= 0]
    goes_left = values.T[place[raw.feature[fixed]]] <= raw.threshold[fixed][:, None]
    shut: Bools = np.zeros((len(left), len(values)), dtype=bool)
    shut[left[fixed]] = ~goes_left
    shut[right[fixed]] = goes_left
    for _ in range(int(raw.max_depth).bit_length()):  # each round looks twice as far up
        shut |= shut[above]
        above = above[above]
    leaf = left == LEAF
    return np.asarray(tree.counts[leaf] @ ~shut[leaf], dtype=np.float64)
