"""A text between the model and the caller: pieces held back, released, changed or cut.

The guard and the auditor hold texts by the same code, so that they see the same.
"""

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from reticent.core import Answer, Choice, TokenScores

_WORDS = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a filter took out, for the journal: nothing of the text itself.

    Attributes:
        tier: "exact", "near", "item", or the kind of personal data.
        fingerprint: stands for the text under the index's key; "" for personal data.
        chars: how long it was when it was noticed, in folded bytes or characters.
    """

    tier: str
    fingerprint: str
    chars: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says to a piece of text.

    Attributes:
        release: how many of the pieces held so far, oldest first, may go out.
        stop: end this text here; what is still held never goes out.
        edits: what the released pieces say instead, None for one that stays as it is; () for all
            as they are.
        findings: what was found with this piece.
    """

    release: int
    stop: bool = False
    edits: tuple[str | None, ...] = ()
    findings: tuple[Finding, ...] = ()


class TextFilter(Protocol):
    """Reads one text piece by piece, before any caller does, and may hold the last ones back.

    What goes out in the end must not depend on how the text was cut into pieces.
    """

    def feed(self, piece: str) -> Verdict:
        """Return what may go out now that `piece` is known; it counts as held."""
        ...

    def end(self) -> Verdict:
        """Return what of the held pieces may go out when the text is over."""
        ...


class FilterMaker(Protocol):
    """Makes a filter for each text that a model writes."""

    def __call__(self) -> TextFilter:
        """Return a filter that has read nothing yet."""
        ...


class PassText:
    """Lets every piece through at once."""

    def feed(self, piece: str) -> Verdict:
        """Return that the piece may go."""
        return Verdict(1)

    def end(self) -> Verdict:
        """Return that nothing is left."""
        return Verdict(0)


class HeldText:
    """The pieces of one text between the model and the caller.

    Token scores travel with their piece: what is held back shows in neither. From the first piece
    that was changed they stay away, as the positions behind it are those of another text.
    """

    def __init__(self, text_filter: TextFilter) -> None:
        self._filter = text_filter
        self._held: deque[Choice] = deque()
        self._index = 0
        self.edited = False
        self.stopped = False
        self.findings: list[Finding] = []

    def feed(self, piece: Choice) -> list[Choice]:
        """Return the pieces that may go out now."""
        if self.stopped:
            return []
        self._held.append(piece)
        self._index = piece.index
        released = self._released(self._filter.feed(piece.text))
        if piece.finish_reason is not None and not self.stopped:
            released += self._released(self._filter.end())
            if self._held and not self.stopped:  # over, and the filter kept its tail
                released.append(self._cut())
        return released

    def end(self) -> list[Choice]:
        """Return what may still go out of a text that ended without a word of why."""
        if self.stopped or not self._held:
            return []
        released = self._released(self._filter.end())
        if self._held and not self.stopped:
            released.append(self._cut())
        return released

    def _released(self, verdict: Verdict) -> list[Choice]:
        self.findings += verdict.findings
        count = min(verdict.release, len(self._held))
        if not (verdict.edits or self.edited):
            released = [self._held.popleft() for _ in range(count)]
        else:
            edits = verdict.edits or (None,) * count
            released = [
                changed
                for edit in edits[:count]
                if (changed := self._changed(self._held.popleft(), edit)) is not None
            ]
        if verdict.stop:  # the text ends with what says why
            released = [replace(piece, finish_reason=None) for piece in released]
        if verdict.stop:
            released.append(self._cut())
        return released

    def _changed(self, piece: Choice, edit: str | None) -> Choice | None:
        if edit is not None:
            self.edited = True
            if not edit and piece.finish_reason is None:
                return None
            return replace(piece, text=edit, token_scores=None)
        if self.edited and piece.token_scores is not None:
            piece = replace(piece, token_scores=None)
            return piece if piece.text or piece.finish_reason is not None else None
        return piece

    def _cut(self) -> Choice:
        self._held.clear()
        self.stopped = True
        return Choice(index=self._index, text="", finish_reason="content_filter")


def words(text: str) -> list[str]:
    """Return a text's words, each with the space behind it."""
    return _WORDS.findall(text)


def whole(text: str) -> list[str]:
    """Return a text as one piece, for filters to which the cut makes no difference."""
    return [text]


def filtered(
    choice: Choice,
    text_filter: TextFilter,
    *,
    cut: Callable[[str], list[str]] = words,
    findings: list[Finding] | None = None,
) -> Choice:
    """Return what a filter leaves of a whole text, which it reads as if it were streamed.

    Token scores stay up to the first token that was changed, if the tokens make up the text;
    otherwise only if nothing was changed.

    Args:
        choice: the text.
        text_filter: one that has read nothing.
        cut: into pieces, where there are no tokens.
        findings: gets what was found.
    """
    held = HeldText(text_filter)
    pieces = _tokens(choice) or [
        Choice(index=choice.index, text=text) for text in cut(choice.text) or [""]
    ]
    last = replace(pieces[-1], finish_reason=choice.finish_reason or "stop")
    released: list[Choice] = []
    for piece in (*pieces[:-1], last):
        released += held.feed(piece)
    if findings is not None:
        findings += held.findings
    text = "".join(piece.text for piece in released)
    if text == choice.text and not held.stopped and not held.edited:
        return choice
    finish = "content_filter" if held.stopped else choice.finish_reason
    return Choice(
        index=choice.index, text=text, finish_reason=finish, token_scores=_joined(released)
    )


def _tokens(choice: Choice) -> list[Choice]:
    """Return the tokens of a text one by one; none if they do not make up the text."""
    scores = choice.token_scores
    if scores is None or not scores.tokens or scores.answer.labels is None:
        return []
    labels = scores.answer.labels.tolist()
    if any(not 0 <= k < len(texts) for texts, k in zip(scores.tokens, labels, strict=True)):
        return []
    said = [texts[k] for texts, k in zip(scores.tokens, labels, strict=True)]
    if "".join(said) != choice.text:
        return []
    table = scores.answer.scores
    return [
        Choice(
            index=choice.index,
            text=text,
            token_scores=TokenScores(
                tokens=(scores.tokens[t],),
                answer=Answer(
                    labels=scores.answer.labels[t : t + 1],
                    scores=None if table is None else table[t : t + 1],
                ),
                start=scores.start + t,
            ),
        )
        for t, text in enumerate(said)
    ]


def _joined(pieces: list[Choice]) -> TokenScores | None:
    """Return the scores of pieces of one token each, up to the first without."""
    found: list[TokenScores] = []
    for piece in pieces:
        if piece.token_scores is None:
            break
        found.append(piece.token_scores)
    if not found:
        return None
    labels = [f.answer.labels for f in found if f.answer.labels is not None]
    tables = [f.answer.scores for f in found if f.answer.scores is not None]
    return TokenScores(
        tokens=tuple(f.tokens[0] for f in found),
        answer=Answer(
            labels=np.concatenate(labels) if labels else None,
            scores=np.concatenate(tables) if tables else None,
        ),
        start=found[0].start,
    )
