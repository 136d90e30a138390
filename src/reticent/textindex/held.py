"""A text between the model and the caller: pieces held back, released, changed or cut.

The guard and the auditor hold texts by the same code, so that they see the same.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np

from reticent.core import Answer, Call, Choice, TokenScores
from reticent.textindex.arguments import Arguments, Part

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

    def feed_all(self, pieces: Sequence[str]) -> Verdict:
        """Return the same of several pieces that came at once; what goes out in the end is it."""
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

    def feed_all(self, pieces: Sequence[str]) -> Verdict:
        """Return that all of them may go."""
        return Verdict(len(pieces))

    def end(self) -> Verdict:
        """Return that nothing is left."""
        return Verdict(0)


class HeldText:
    """The pieces of one text between the model and the caller.

    Token scores travel with their piece: what is held back shows in neither. From the first piece
    that was changed they stay away, as the positions behind it are those of another text; and from
    the first whose tokens are not the piece, as they would say what no filter has read. Calls of
    functions are read in the same breath as the words before them: what is said half here and half
    there is found.
    """

    def __init__(self, text_filter: TextFilter) -> None:
        self._filter = text_filter
        self._passes = isinstance(text_filter, PassText)
        self._held: deque[Choice | _CallPart] = deque()
        self._index = 0
        self._call = -1
        self._arguments = Arguments()
        self._spells = True
        self.edited = False
        self.stopped = False
        self.findings: list[Finding] = []

    def feed(self, piece: Choice) -> list[Choice]:
        """Return the pieces that may go out now."""
        if self.stopped:
            return []
        self._index = piece.index
        if piece.token_scores is not None and not self._passes:
            piece = self._spelled(piece)
        if (piece.calls or self._call >= 0) and not self._passes:
            return self._together(self._feed_calls(piece))
        self._held.append(piece)
        return self._go(piece, self._released(self._filter.feed(piece.text)))

    def feed_all(self, pieces: Sequence[Choice]) -> list[Choice]:
        """Return the pieces that may go out now that several came at once."""
        released: list[Choice] = []
        plain: list[Choice] = []
        for piece in pieces:
            if (
                piece.finish_reason is None
                and piece.token_scores is None
                and not piece.calls
                and self._call < 0
            ):
                plain.append(piece)
                continue
            released += self._feed_plain(plain)
            plain = []
            released += self.feed(piece)
        return released + self._feed_plain(plain)

    def _feed_plain(self, pieces: list[Choice]) -> list[Choice]:
        """Feed words alone."""
        if not pieces or self.stopped:
            return []
        self._index = pieces[0].index
        self._held.extend(pieces)
        return self._released(self._filter.feed_all([piece.text for piece in pieces]))

    def end(self) -> list[Choice]:
        """Return what may still go out of a text that ended without a word of why."""
        if self.stopped:
            return []
        released = self._over()
        if self._held and not self.stopped:
            released += self._released(self._filter.end())
            if self._held and not self.stopped:
                released.append(self._cut())
        return self._together(released) if self._call >= 0 else released

    def _go(self, piece: Choice, released: list[Choice]) -> list[Choice]:
        """Add what goes out with a piece because it is the last one."""
        if piece.finish_reason is not None and not self.stopped:
            released += self._released(self._filter.end())
            if self._held and not self.stopped:  # over, and the filter kept its tail
                released.append(self._cut())
        return released

    def _feed_calls(self, piece: Choice) -> list[Choice]:
        released: list[Choice] = []
        if piece.text:
            released += self._over()
            if not self.stopped:
                self._held.append(replace(piece, calls=(), finish_reason=None))
                released += self._released(self._filter.feed(piece.text))
        for call in piece.calls:
            if call.name or call.index != self._call:
                released += self._over()
                self._call = call.index
                released += self._part(Part("", " ", "signs"), call.name)
            for part in self._arguments.feed(call.arguments):
                released += self._part(part)
        if piece.finish_reason is not None:
            released += self._over()
            if not self.stopped:
                last = Choice(index=piece.index, text="", finish_reason=piece.finish_reason)
                self._held.append(last)
                released = self._go(last, released + self._released(self._filter.feed("")))
        return released

    def _over(self) -> list[Choice]:
        """Read what the arguments of a call were waited for."""
        return [each for part in self._arguments.end() for each in self._part(part)]

    def _part(self, part: Part, name: str = "") -> list[Choice]:
        if self.stopped:
            return []
        self._held.append(_CallPart(self._index, self._call, name, part))
        return self._released(self._filter.feed(part.said))

    def _released(self, verdict: Verdict) -> list[Choice]:
        self.findings += verdict.findings
        count = min(verdict.release, len(self._held))
        if not (verdict.edits or self.edited or self._call >= 0):
            released = cast("list[Choice]", [self._held.popleft() for _ in range(count)])
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

    def _changed(self, piece: "Choice | _CallPart", edit: str | None) -> Choice | None:
        if isinstance(piece, _CallPart):
            self.edited |= edit is not None
            return piece.choice(edit)
        if edit is not None:
            self.edited = True
            if not edit and piece.finish_reason is None:
                return None
            return replace(piece, text=edit, token_scores=None)
        if self.edited and piece.token_scores is not None:
            piece = replace(piece, token_scores=None)
            return piece if piece.text or piece.finish_reason is not None else None
        return piece

    def _spelled(self, piece: Choice) -> Choice:
        scores, self._spells = _as_far_as_said(piece, self._spells)
        return piece if scores is piece.token_scores else replace(piece, token_scores=scores)

    @staticmethod
    def _together(pieces: list[Choice]) -> list[Choice]:
        """Return pieces with those of one call put together."""
        found: list[Choice] = []
        for piece in pieces:
            last = found[-1] if found else None
            if last is not None and last.calls and piece.calls and not piece.calls[0].name:
                (a,), (b,) = last.calls, piece.calls
                joined = replace(a, arguments=a.arguments + b.arguments)
                found[-1] = replace(last, calls=(joined,))
            else:
                found.append(piece)
        return found

    def _cut(self) -> Choice:
        self._held.clear()
        self.stopped = True
        return Choice(index=self._index, text="", finish_reason="content_filter")


@dataclass(frozen=True, slots=True)
class _CallPart:
    """A part of a call that is held; `name` begins one."""

    index: int
    call: int
    name: str
    part: Part

    def choice(self, edit: str | None) -> Choice | None:
        raw = self.part.raw if edit is None else self.part.written(edit)
        if not raw and not self.name:
            return None
        call = Call(index=self.call, name=self.name, arguments=raw)
        return Choice(index=self.index, text="", calls=(call,))


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
    tokens, rest = _tokens(choice)
    pieces = tokens + [Choice(index=choice.index, text=text) for text in cut(rest) if text]
    if choice.calls:
        pieces.append(Choice(index=choice.index, text="", calls=choice.calls))
    pieces = pieces or [Choice(index=choice.index, text="")]
    last = replace(pieces[-1], finish_reason=choice.finish_reason or "stop")
    released: list[Choice] = []
    for piece in (*pieces[:-1], last):
        released += held.feed(piece)
    if findings is not None:
        findings += held.findings
    scores = choice.token_scores
    spelled = scores is None or (len(tokens) == len(scores.tokens) and not rest)
    if spelled and not held.stopped and not held.edited:
        return choice
    return Choice(
        index=choice.index,
        text="".join(piece.text for piece in released),
        finish_reason="content_filter" if held.stopped else choice.finish_reason,
        token_scores=_joined(released),
        calls=_calls(released),
    )


def _calls(pieces: list[Choice]) -> tuple[Call, ...]:
    """Return the calls of pieces, each put together."""
    found: dict[int, Call] = {}
    for call in (call for piece in pieces for call in piece.calls):
        known = found.get(call.index)
        if known is not None:
            call = replace(known, arguments=known.arguments + call.arguments)
        found[call.index] = call
    return tuple(found.values())


def _as_far_as_said(piece: Choice, before: bool) -> tuple[TokenScores | None, bool]:
    """Return the scores of the tokens that make up a piece, from its beginning on.

    And whether those were all, so that the next piece's may stay, too.

    Args:
        piece: with scores.
        before: whether all scores before it stayed.
    """
    scores = piece.token_scores
    count, rest = _said(piece) if before else (0, "")
    if scores is None or (before and count == len(scores.tokens) and not rest):
        return scores, before
    return (_some(scores, 0, count) if count else None), False


def _said(choice: Choice) -> tuple[int, str]:
    """Return how many tokens spell a text from its beginning on, and what of it is left then."""
    scores, text = choice.token_scores, choice.text
    if scores is None or scores.answer.labels is None:
        return 0, text
    count = at = 0
    for texts, label in zip(scores.tokens, scores.answer.labels.tolist(), strict=True):
        if not 0 <= label < len(texts) or not text.startswith(texts[label], at):
            break
        at += len(texts[label])
        count += 1
    return count, text[at:]


def _tokens(choice: Choice) -> tuple[list[Choice], str]:
    """Return the tokens of a text one by one, as far as they make it up, and the rest of it."""
    scores = choice.token_scores
    count, rest = _said(choice)
    if scores is None or scores.answer.labels is None:
        return [], rest
    labels = scores.answer.labels.tolist()
    return [
        Choice(
            index=choice.index,
            text=scores.tokens[t][labels[t]],
            token_scores=_some(scores, t, t + 1),
        )
        for t in range(count)
    ], rest


def _some(scores: TokenScores, first: int, end: int) -> TokenScores:
    """Return the scores of some of the positions."""
    labels, table = scores.answer.labels, scores.answer.scores
    return TokenScores(
        tokens=scores.tokens[first:end],
        answer=Answer(
            labels=None if labels is None else labels[first:end],
            scores=None if table is None else table[first:end],
        ),
        start=scores.start + first,
    )


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
