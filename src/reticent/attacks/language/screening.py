"""Find the places of whole documents that a model may give back, in one pass over each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.attacks.language._asking import drawn_plainly, log_p, said_to, verdicts_where_written
from reticent.attacks.language._correct import corrected
from reticent.attacks.language._signals import LEAST
from reticent.attacks.language.base import TextKnowledge
from reticent.core import Bools, Channel, Floats, Ints
from reticent.core.language import Passage, Sampling, TextClaim
from reticent.text_access import TextAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentScreening:
    """Score every window of a document from one pass, then ask about the best ones exactly.

    With prefix sums of a document's log-probabilities the wanted part of every window is a
    difference. In that pass a token sees the whole document before it, not just the window's
    prompt, so it is a screen: the `confirm` likeliest windows of each document are asked about
    alone, and claims are made from these only.

    Attributes:
        prompt: tokens given, of a window.
        wanted: tokens hoped for.
        part: tokens of a document that one pass reads, if the context allows; the more of the
            document a token sees, the less it is what a window's prompt alone would tell.
        overlap: tokens that two passes share, so that no token has less than that before it.
        confirm: windows a document that are asked about exactly.
        temperature: of the scheme.
        top_k: of the scheme; 0 for all tokens.
        draws: n of (n, p)-discoverable extraction, for what counts as public.
        success: p of it.
    """

    name: ClassVar[str] = "document-screening"
    accepts: ClassVar[Channel] = Channel.LOGPROBS
    wants: ClassVar[frozenset[str]] = frozenset()
    prompted: ClassVar[bool] = False
    cost: ClassVar[str] = "1 query a context-full of a document, and 1 a confirmed window"
    source: ClassVar[str] = (
        "Prefix sums of teacher-forced log-probabilities; windows and probabilities as in Hayes "
        "et al. 2024, https://arxiv.org/abs/2410.19482"
    )

    prompt: int = 50
    wanted: int = 50
    part: int = 256
    overlap: int = 50
    confirm: int = 4
    temperature: float = 1.0
    top_k: int = 40
    draws: int = 100
    success: float = 0.5

    def run(
        self,
        access: TextAccess,
        passages: Sequence[Passage],
        knowledge: TextKnowledge,
        rng: np.random.Generator,
    ) -> TextClaim:
        """Return for each document what its best confirmed window says.

        Passages are whole documents; what they give as a prompt is not used.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        sampling = Sampling(temperature=self.temperature, top_k=self.top_k)
        sums = self.screen(access, passages)
        owners: list[int] = []
        windows: list[Passage] = []
        for i, (document, scores) in enumerate(zip(passages, sums, strict=True)):
            for start in apart(scores, self.confirm, gap=self.wanted):
                owners.append(i)
                windows.append(self._window(document, int(start)))
        said = said_to(access, windows, sampling=sampling) if windows else []
        if said and all(each.sampled is None for each in said):
            said = drawn_plainly(said)
        found, owner = log_p(windows, said), np.array(owners, dtype=np.int64)
        greedy, ties = verdicts_where_written(access, windows, said)
        exact = TextClaim(
            scores=np.maximum(np.nan_to_num(found, nan=LEAST), LEAST),
            verdicts=greedy,
            log_p=found,
            sampling=sampling,
        )
        exact = corrected(
            exact,
            access,
            windows,
            knowledge,
            sampling=sampling,
            draws=self.draws,
            success=self.success,
        )
        return _by_document(
            exact,
            owner,
            len(passages),
            {
                "windows_screened": int(sum(len(scores) for scores in sums)),
                "windows_confirmed": len(windows),
                "ties_generated": ties,
            },
        )

    def screen(self, access: TextAccess, documents: Sequence[Passage]) -> list[Floats]:
        """Return for each document the screened log-probability of the window at every start.

        By the model's own distribution: the scheme's is not needed for a ranking.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        parts: list[Ints] = []
        spots: list[tuple[int, int, int]] = []  # document, start of the part, first new token
        most = min(access.context, self.part)
        for i, document in enumerate(documents):
            for start, first, end in self._parts(len(document), most):
                spots.append((i, start, first))
                parts.append(document.tokens[start:end])
        said = access.logprobs(parts, first=[max(first - at, 1) for _, at, first in spots])
        logs = [np.full(len(document), np.nan) for document in documents]
        for (i, start, first), each in zip(spots, said, strict=True):
            new = max(first - start, 1)
            logs[i][start + new : start + len(each)] = each.logprobs[new:]
        return [self._sums(log) for log in logs]

    def _parts(self, size: int, most: int) -> list[tuple[int, int, int]]:
        """Return for each pass over a document its start, its first new token and its end.

        Passes are equally long, but for the last one, so that a batch of them holds no padding.
        """
        shared = min(max(self.overlap, self.prompt), most - 1)
        passes = max(1, -(-(size - shared) // (most - shared)))
        step = max(1, -(-(size - shared) // passes))
        return [
            (i * step, i * step + shared if i else 1, min((i + 1) * step + shared, size))
            for i in range(passes)
        ]

    def _sums(self, log: Floats) -> Floats:
        """Return the sums over the wanted part of the window at every start."""
        if len(log) < self.prompt + self.wanted:
            return np.empty(0)
        withheld = np.nanmin(log, initial=0.0)  # no likelier than the least that is shown
        total = np.concatenate([[0.0], np.cumsum(np.where(np.isnan(log), withheld, log))])
        first = np.arange(self.prompt, len(log) - self.wanted + 1)
        return np.asarray(total[first + self.wanted] - total[first])

    def _window(self, document: Passage, start: int) -> Passage:
        return Passage(
            tokens=document.tokens[start : start + self.prompt + self.wanted],
            prompt=self.prompt,
            document=document.document,
            start=document.start + start,
        )


def apart(scores: Floats, most: int, *, gap: int) -> Ints:
    """Return the places of up to `most` of the highest scores, no two nearer than `gap`.

    >>> apart(np.array([5.0, 9.0, 8.0, 1.0, 7.0]), 2, gap=2).tolist()
    [1, 4]
    """
    found: list[int] = []
    left = scores.copy()
    while len(found) < most and len(left) and left.max() > -np.inf:
        best = int(np.argmax(left))
        found.append(best)
        left[max(0, best - gap + 1) : best + gap] = -np.inf
    return np.array(found, dtype=np.int64)


def _by_document(exact: TextClaim, owner: Ints, documents: int, notes: dict[str, int]) -> TextClaim:
    """Return each document's claim: that of its best window."""
    best = np.full(documents, -1, dtype=np.int64)
    for w in range(len(owner)):
        i = owner[w]
        if best[i] < 0 or exact.scores[w] > exact.scores[best[i]]:
            best[i] = w
    some = best >= 0

    def of(values: Floats | None, nothing: float) -> Floats | None:
        return None if values is None else _filled(values, best, some, nothing)

    any_back = None
    if exact.verdicts is not None:
        any_back = np.zeros(documents, dtype=bool)
        np.logical_or.at(any_back, owner, exact.verdicts)
    scores = _filled(exact.scores, best, some, LEAST)
    public = None
    if exact.public is not None:
        public = some & exact.public[np.maximum(best, 0)] if len(owner) else some
    return TextClaim(
        scores=scores,
        verdicts=any_back,
        log_p=of(exact.log_p, np.nan),
        sampling=exact.sampling,
        baseline=of(exact.baseline, np.nan),
        public=public,
        uncorrected=of(exact.uncorrected, LEAST),
        notes=notes,
    )


def _filled(values: Floats, best: Ints, some: Bools, nothing: float) -> Floats:
    found = np.full(len(best), nothing)
    found[some] = values[best[some]]
    return found
