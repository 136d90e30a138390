"""Every secret that a canary could have, as paths of a model's token ids."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from reticent.attacks.language._canary_format import Canary, CanaryFormat
from reticent.core import Ints

#: Secrets that are drawn to see whether a tokenizer keeps the slots apart.
TRIED = 32
#: The largest space whose secrets are turned into tokens one by one, where it does not.
MOST_ENUMERATED = 1 << 17


@final
@dataclass(frozen=True, slots=True, eq=False)
class TokenTree:
    """Secrets as paths of ids: the tries of the slots, each hung on the ends of the one before.

    A node is a number. Nodes of a later slot are shared by all that comes before it, so that the
    tree of 10^8 secrets has 81 of them.

    Attributes:
        prefix: (t,) ids of what stands before.
        root: node of the empty secret.
        ids: node -> (c,) ids that can follow.
        below: node -> (c,) the nodes that they lead to.
        ends: (n,) whether a secret ends at a node.
        leaves: node -> secrets at it and below.
    """

    prefix: Ints
    root: int
    ids: tuple[Ints, ...]
    below: tuple[Ints, ...]
    ends: tuple[bool, ...]
    leaves: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return the number of secrets."""
        return self.leaves[self.root]

    def path(self, ids: Sequence[int]) -> bool:
        """Return whether these ids, after the prefix, are a secret."""
        node = self.root
        for each in ids:
            at = np.flatnonzero(self.ids[node] == each)
            if not len(at):
                return False
            node = int(self.below[node][at[0]])
        return self.ends[node]


def token_tree(
    canary: Canary, tokens: Callable[[str], Ints], rng: np.random.Generator
) -> TokenTree | None:
    """Return the secrets of a canary's format in a model's tokens.

    Args:
        canary: what stands before its secret matters, the secret does not.
        tokens: text -> (t,) ids.
        rng: draws the secrets on which the tokenizer is tried.

    Returns: None if there is no tree of manageable size, because the tokenizer joins symbols of
        neighbouring slots and the space has more than `MOST_ENUMERATED` secrets.
    """
    prefix = tokens(canary.before)
    slots = _slots(canary, tokens)
    drawn = [_draw(canary.format, rng) for _ in range(TRIED)]
    if slots is not None and all(_apart(canary, prefix, slots, tokens, each) for each in drawn):
        tree = _chain(prefix, slots)
        if tree is not None and tree.size == canary.format.size:
            return tree
    if canary.format.size > MOST_ENUMERATED:
        return None
    whole = [
        _after(canary.before, canary.joint + secret, tokens) for secret in _every(canary.format)
    ]
    if any(ids is None for ids in whole):
        return None
    tree = _chain(prefix, [[ids for ids in whole if ids is not None]])
    return tree if tree is not None and tree.size == canary.format.size else None


def _draw(form: CanaryFormat, rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(rng.integers(len(slot))) for slot in form.slots)


def _every(form: CanaryFormat) -> Iterator[str]:
    return ("".join(parts) for parts in itertools.product(*form.slots))


def _after(before: str, more: str, tokens: Callable[[str], Ints]) -> Ints | None:
    """Return the ids of `more` where it follows `before`; None if the ids before it change."""
    first, both = tokens(before), tokens(before + more)
    fits = len(both) > len(first) and np.array_equal(both[: len(first)], first)
    return both[len(first) :] if fits else None


def _slots(canary: Canary, tokens: Callable[[str], Ints]) -> list[list[Ints]] | None:
    """Return the ids of every option, after the first options of the slots before it."""
    before, joint = canary.before, canary.joint
    found = []
    for slot in canary.format.slots:
        options = [_after(before, joint + option, tokens) for option in slot]
        if any(each is None for each in options):
            return None
        found.append([each for each in options if each is not None])
        before, joint = before + joint + slot[0], ""
    return found


def _apart(
    canary: Canary,
    prefix: Ints,
    slots: list[list[Ints]],
    tokens: Callable[[str], Ints],
    picked: tuple[int, ...],
) -> bool:
    secret = "".join(slot[i] for slot, i in zip(canary.format.slots, picked, strict=True))
    chained = np.concatenate([prefix, *(slot[i] for slot, i in zip(slots, picked, strict=True))])
    return np.array_equal(tokens(canary.before + canary.joint + secret), chained)


def _chain(prefix: Ints, slots: Sequence[Sequence[Ints]]) -> TokenTree | None:
    """Return the tries put together, last slot first; None if two paths have the same ids."""
    ids: list[Ints] = []
    below: list[Ints] = []
    ends: list[bool] = []
    leaves: list[int] = []
    following: int | None = None
    for slot in reversed(slots):
        trie: list[dict[int, int]] = [{}]
        last: set[int] = set()
        for option in slot:
            node = 0
            for each in option.tolist():
                if each not in trie[node]:
                    trie[node][each] = len(trie)
                    trie.append({})
                node = trie[node][each]
            if node in last:
                return None
            last.add(node)
        # A node has a higher number than the one above it: from the last to the first, what is
        # below is there already.
        placed: dict[int, int] = {}
        for node in range(len(trie) - 1, -1, -1):
            own = [(each, placed[child]) for each, child in trie[node].items()]
            count = sum(leaves[at] for _, at in own) + (node in last and following is None)
            if node in last and following is not None:
                own += zip(ids[following].tolist(), below[following].tolist(), strict=True)
                count += leaves[following]
            if len({each for each, _ in own}) < len(own):
                return None
            placed[node] = len(ids)
            ids.append(np.array([each for each, _ in own], dtype=np.int64))
            below.append(np.array([at for _, at in own], dtype=np.int64))
            ends.append(node in last and following is None)
            leaves.append(count)
        following = placed[0]
    return TokenTree(
        prefix=prefix,
        root=len(ids) - 1,
        ids=tuple(ids),
        below=tuple(below),
        ends=tuple(ends),
        leaves=tuple(leaves),
    )
