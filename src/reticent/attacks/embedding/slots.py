"""Fill a known template so that its vector comes out as the stolen one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from string import Formatter
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.attacks.embedding._additive import Additive, learn_additive
from reticent.attacks.embedding._vectors import Ask, asker, stolen, unit
from reticent.core import (
    Candidates,
    Channel,
    Family,
    Floats,
    Ints,
    NotEnoughKnowledge,
    TextReconstructionClaim,
)

SAME = 1 - 1e-6  # a cosine above it is the text itself, up to the arithmetic of the encoder
STARTS = 8  # of the descent that asks nobody
SWEEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSearch:
    """Ascend the cosine one slot at a time, from the fillings that an additive model prefers.

    Records of a database are often made into text by a template before they are embedded. Whoever
    knows it (from a document of its own, or a published pipeline) needs no training: 1. one design
    of questions, shared by all vectors, tells what each filling adds on average; 2. for each
    vector, the fillings that add up to it best are the start, at no question; 3. single slots are
    changed, the likeliest fillings first, whenever that brings the vector nearer. A vector that is
    met exactly is done; for the others more and more fillings are tried, and pairs of slots.

    Attributes:
        contexts: texts in which each filling is seen by step 1.
        most_queries_each: of one vector; the design is shared out among all.
        first: fillings of a slot that are tried at first; four times as many each time that
            nothing is nearer.
        pairs: fillings of each of two slots that are tried together.
    """

    name: ClassVar[str] = "slot-search"
    family: ClassVar[Family] = Family.EMBEDDING
    accepts: ClassVar[Channel] = Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"template", "domains"})
    cost: ClassVar[str] = "at most 3,000 queries a vector; no training"
    source: ClassVar[str] = (
        "Coordinate ascent under the cosine: vec2text's corrector (Morris et al. 2023, "
        "https://arxiv.org/abs/2310.06816) with a template in place of a language model"
    )

    contexts: int = 3
    most_queries_each: int = 3000
    first: int = 16
    pairs: int = 8

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> TextReconstructionClaim:
        """Return the filled template of each vector; the cosine is the confidence.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ask = asker(access, self.name)
        goals = unit(stolen(candidates, self.name))
        form = _form(knowledge, self.name)
        model = _learn(ask, form, self.contexts, rng)
        search = _Search(ask, form, model, goals, _start(model, goals, rng))
        shared = -(-form.design_size * self.contexts // max(len(goals), 1))
        search.climb(self.first, self.pairs, self.most_queries_each - shared)
        return TextReconstructionClaim(
            texts=tuple(map(form.text, search.fills)),
            confidence=search.cosine,
            notes={
                "most_queries_of_one": int(search.asked.max(initial=0)) + shared,
                "met_exactly": int((search.cosine > SAME).sum()),
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A template with the fillings of its slots."""

    template: str
    slots: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @property
    def design_size(self) -> int:
        return sum(map(len, self.values))

    def text(self, fills: Ints) -> str:
        chosen = {s: v[i] for s, v, i in zip(self.slots, self.values, fills, strict=True)}
        return self.template.format(**chosen)


def _form(knowledge: Knowledge, attack: str) -> _Form:
    """Return the template; raises NotEnoughKnowledge if it, or what fills a slot, is not known."""
    slots = _slots(knowledge.template)
    if not slots:
        raise NotEnoughKnowledge(
            f"{attack} fills a template, and the adversary has none with a slot.",
            way_out='Give the template, such as "{name} lives in {city}".',
        )
    for slot in slots:
        if slot not in knowledge.domains or len(knowledge.domains[slot].values) == 0:
            raise NotEnoughKnowledge(
                f"{attack} does not know what the slot {slot!r} can be filled with.",
                way_out="Give a list of values for every slot of the template.",
            )
    values = tuple(tuple(map(str, knowledge.domains[s].values.tolist())) for s in slots)
    return _Form(knowledge.template, slots, values)


def _slots(template: str) -> tuple[str, ...]:
    try:
        named = [name for _, name, _, _ in Formatter().parse(template) if name]
    except ValueError as error:
        raise NotEnoughKnowledge(
            f"The template cannot be read: {error}.",
            way_out="Write a slot as {name}, and a brace that is meant as {{ or }}.",
        ) from error
    return tuple(dict.fromkeys(named))


def _learn(ask: Ask, form: _Form, contexts: int, rng: np.random.Generator) -> Additive:
    """Ask the shared design and return what each filling adds."""
    texts: list[str] = []
    design: list[tuple[Ints, Ints]] = []
    for slot, values in enumerate(form.values):
        every = np.arange(len(values))
        rows = np.empty((contexts, len(values)), dtype=np.int64)
        for c in range(contexts):
            fills = np.array([rng.integers(len(v)) for v in form.values])
            for f in every:
                fills[slot] = f
                rows[c, f] = len(texts)
                texts.append(form.text(fills))
        design.append((rows, every))
    return learn_additive(unit(ask(texts)), design)


def _start(model: Additive, goals: Floats, rng: np.random.Generator) -> Ints:
    """Return (n, s) the fillings that add up to each goal best, of several descents."""
    n, sizes = len(goals), [len(effect) for effect in model.effects]
    best = np.zeros((n, len(sizes)), dtype=np.int64)
    least = np.full(n, np.inf)
    for _ in range(STARTS):
        start = np.stack([rng.integers(size, size=n) for size in sizes], axis=1)
        found = model.solve(goals, start, SWEEPS)
        badness = model.badness(goals, found)
        better = badness < least
        best[better], least[better] = found[better], badness[better]
    return best


class _Search:
    """Where the ascent stands for every vector.

    Attributes:
        fills: (n, s).
        cosine: (n,) of the best text so far; NaN before anything was asked.
        asked: (n,) queries.
    """

    def __init__(self, ask: Ask, form: _Form, model: Additive, goals: Floats, start: Ints) -> None:
        self._ask, self._form, self._model, self._goals = ask, form, model, goals
        self.fills = start
        self.cosine = np.full(len(goals), -np.inf)
        self.asked = np.zeros(len(goals), dtype=np.int64)
        self._seen: list[set[tuple[int, ...]]] = [set() for _ in goals]

    def climb(self, first: int, pairs: int, most_each: int) -> None:
        """Ascend until every vector is met, or nothing that may be tried is left."""
        rows = np.arange(len(self._goals))
        self._try([(int(i), self.fills[i][None]) for i in rows], most_each)
        widest = max(map(len, self._form.values))
        width = first
        while True:
            active = self._active(most_each)
            moved = False
            for slot in range(len(self._form.values)):
                moved |= self._try(self._singles(active, slot, width), most_each)
            if moved and len(self._active(most_each)):
                continue
            active = self._active(most_each)
            if not len(active):
                return
            if self._try(self._doubles(active, pairs), most_each):
                continue
            if width >= widest:
                self._exhaust(most_each)
                return
            width *= 4
            pairs *= 2

    def _exhaust(self, most_each: int) -> None:
        """Ask for every text that the template can make, once for all vectors, if they are few.

        That finds even what the ascent cannot: noise that is keyed by the text is the same for the
        true text, and no other text's vector comes near.
        """
        sizes = [len(values) for values in self._form.values]
        count = prod(sizes)
        each = -(-count // len(self._goals))
        if count > most_each or not len(self._active(most_each - each)):
            return
        every = np.stack(np.unravel_index(np.arange(count), sizes), axis=1)
        vectors = unit(self._ask([self._form.text(fills) for fills in every]))
        near = self._goals @ vectors.T
        best = near.argmax(axis=1)
        nearest = near[np.arange(len(near)), best]
        better = nearest > self.cosine
        self.fills[better] = every[best[better]]
        self.cosine[better] = nearest[better]
        self.asked += each

    def _active(self, most_each: int) -> Ints:
        return np.flatnonzero((self.cosine < SAME) & (self.asked < most_each))

    def _ranked(self, rows: Ints, slot: int, width: int) -> Ints:
        fit = self._model.fit(self._goals[rows], self.fills[rows], slot)
        return np.argsort(-fit, axis=1, kind="stable")[:, :width]

    def _singles(self, rows: Ints, slot: int, width: int) -> list[tuple[int, Ints]]:
        """Return, for each row, its fillings with one slot changed to each of the likeliest."""
        found = []
        for i, likely in zip(rows.tolist(), self._ranked(rows, slot, width), strict=True):
            tried = np.repeat(self.fills[i][None], len(likely), axis=0)
            tried[:, slot] = likely
            found.append((i, tried))
        return found

    def _doubles(self, rows: Ints, width: int) -> list[tuple[int, Ints]]:
        """Return, for each row, its fillings with two slots changed to their likeliest."""
        slots = len(self._form.values)
        likely = [self._ranked(rows, slot, width) for slot in range(slots)]
        found = []
        for place, i in enumerate(rows.tolist()):
            parts = []
            for a in range(slots):
                for b in range(a + 1, slots):
                    first, second = np.meshgrid(likely[a][place], likely[b][place])
                    tried = np.repeat(self.fills[i][None], first.size, axis=0)
                    tried[:, a], tried[:, b] = first.ravel(), second.ravel()
                    parts.append(tried)
            if parts:
                found.append((i, np.concatenate(parts)))
        return found

    def _try(self, moves: Sequence[tuple[int, Ints]], most_each: int) -> bool:
        """Ask for what was not asked yet, keep what is nearer; return whether anything was."""
        owners: list[int] = []
        tried: list[Ints] = []
        for i, options in moves:
            room = most_each - int(self.asked[i])
            for fills in options:
                key = tuple(fills.tolist())
                if room > 0 and key not in self._seen[i]:
                    self._seen[i].add(key)
                    owners.append(i)
                    tried.append(fills)
                    room -= 1
                    self.asked[i] += 1
        if not tried:
            return False
        vectors = unit(self._ask([self._form.text(fills) for fills in tried]))
        near = np.einsum("nd,nd->n", vectors, self._goals[owners])
        moved = False
        for i, fills, cosine in zip(owners, tried, near.tolist(), strict=True):
            if cosine > self.cosine[i]:
                self.cosine[i] = cosine
                self.fills[i] = fills
                moved = True
        return moved
