"""The filter itself: what may be said of a text, decided while it is written."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from reticent.textindex.entities import Found, Stretches, items, personal
from reticent.textindex.fold import Fold
from reticent.textindex.held import Finding, Verdict
from reticent.textindex.index import Hit, Reading, TextIndex

PART = 1024  # characters of a long piece that are looked at together
BUNDLE = 16  # pieces that are looked at together
WAIT = 12  # characters of short pieces that are waited for before all of them are looked at
_NOTHING = Verdict(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScreenRules:
    """What a filter looks for, and what it does about it.

    Attributes:
        index: of what must not be said; None to look for personal data alone.
        allow: of what may be said all the same.
        stop: end a text at its first hit; otherwise put `marker` in the place of it.
        near: look for near copies, too.
        hold: folded bytes that are held back; at least `index.least` - 1. A near copy is known
            late: of it only what is held back can still be taken out.
        items: look for short items of the corpus, too.
        personal: kinds of personal data that are taken out whoever they belong to.
        marker: what stands in the place of what was taken out.
    """

    index: TextIndex | None
    allow: TextIndex | None = None
    stop: bool = True
    near: bool = True
    hold: int = 0
    items: bool = True
    personal: tuple[str, ...] = ()
    marker: str = "[redacted]"


@dataclass(slots=True)
class _Part:
    text: str
    start: int
    end: int
    first: int
    last: int
    closes: bool  # a long piece ends with it
    sizes: Sequence[int] = ()  # of the whole pieces that it is


@dataclass(slots=True)
class _Span:
    """What is taken out: characters start to end; folded bytes first to last, -1 for none."""

    start: int
    end: int
    first: int = -1
    last: int = -1


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why a text ends: known when so many characters were read, and from which one on."""

    known: int
    place: int
    finding: Finding


@final
class Screen:
    """Reads one text, and says what of it may go out.

    A byte is let go when every span of `index.least` bytes that it could belong to has been read,
    so nothing of such a span goes out, however the text is cut. A text reads the same to the end
    whatever its pieces.
    """

    def __init__(self, rules: ScreenRules, fold: Fold) -> None:
        self._rules = rules
        self._fold = fold
        index = rules.index
        self._reading = None if index is None else Reading(index, rules.allow, near=rules.near)
        self._hold = 0 if index is None else max(rules.hold, index.least - 1)
        self._personal = frozenset(rules.personal)
        self._looks = bool(rules.personal) or (
            index is not None and index.has_items and rules.items
        )
        self._stretches = Stretches()
        self._waiting: list[str] = []
        self._waiting_chars = 0
        self._parts: deque[_Part] = deque()
        self._at = 0
        self._read = 0
        self._said: list[str] = []  # of the piece that is let go in part
        self._changed = False
        self._spans: list[_Span] = []
        self._cut: int | None = None
        self._findings: list[Finding] = []

    def feed(self, piece: str) -> Verdict:
        """Return what may go out now; see `TextFilter`."""
        self._waiting.append(piece)
        self._waiting_chars += len(piece)
        return _NOTHING if self._waiting_chars < WAIT else self._look()

    def feed_all(self, pieces: Sequence[str]) -> Verdict:
        """Return what may go out when several pieces came at once: the same text, for less."""
        self._waiting += pieces
        return self._look()

    def _look(self) -> Verdict:
        self._take_waiting()
        return self._verdict(self._read - self._hold, self._stretches.safe)

    def _take_waiting(self) -> None:
        pieces, self._waiting, self._waiting_chars = self._waiting, [], 0
        for start in range(0, len(pieces), BUNDLE):
            some = pieces[start : start + BUNDLE]
            text = "".join(some)
            if len(text) <= PART:
                self._take(text, sizes=[len(piece) for piece in some])
            else:
                for piece in some:
                    self._take_piece(piece)
                    if self._cut is not None:
                        return
            if self._cut is not None:
                return

    def end(self) -> Verdict:
        """Return what of the rest may go out."""
        self._take_waiting()
        if self._looks and self._cut is None:
            self._stop_first(self._items(list(self._stretches.end())))
        return self._verdict(self._read, self._at)

    def _take_piece(self, piece: str) -> None:
        for start in range(0, max(len(piece), 1), PART):
            self._take(piece[start : start + PART], closes=start + PART >= len(piece))
            if self._cut is not None:
                break

    def _take(self, text: str, *, closes: bool = False, sizes: Sequence[int] = ()) -> None:
        folded = self._fold(text) if self._reading is not None else b""
        read = self._read + len(folded)
        end = self._at + len(text)
        self._parts.append(_Part(text, self._at, end, self._read, read, closes, sizes))
        self._at, self._read = end, read
        hits = self._reading.read(folded) if self._reading is not None and folded else []
        stops = self._items(list(self._stretches.feed(text))) if self._looks else []
        if hits:
            stops += self._hits(hits)
        self._stop_first(stops)

    def _hits(self, hits: list[Hit]) -> list[_Stop]:
        if self._rules.stop:
            first = min(hits, key=lambda hit: (hit.known, hit.start))
            known = self._place(first.known - 1) + 1
            return [_Stop(known, self._place(self._first_byte(first)), self._finding(first))]
        for hit in hits:
            self._take_out(hit, self._first_byte(hit))
        return []

    def _first_byte(self, hit: Hit) -> int:
        """Return the first byte of a hit that had not gone out when it was known."""
        return max(hit.start, hit.known - self._hold) if hit.near else hit.start

    def _stop_first(self, stops: list[_Stop]) -> None:
        """Let nothing go from where the stop begins that was known first."""
        if not stops:
            return
        first = min(stops, key=lambda stop: (stop.known, stop.place))
        self._findings.append(first.finding)
        # What is left of a stretch is known when it is over.
        over = self._stretches.open_at(first.known) if self._looks else first.place
        self._cut = min(first.place, over)

    def _finding(self, hit: Hit) -> Finding:
        index, reading = self._rules.index, self._reading
        if index is None or reading is None:  # pragma: no cover  # no hits without one
            return Finding("exact", "", 0)
        said = reading.said(hit.start, hit.known if hit.near else hit.start + index.least)
        print_ = index.key.fingerprint("span", said)
        return Finding("near" if hit.near else "exact", print_, len(said))

    def _take_out(self, hit: Hit, first: int) -> None:
        """Put a hit among the spans; one that goes on makes its span longer."""
        end = self._place(hit.end - 1) + 1
        for span in self._spans:
            if span.first <= first < span.last:
                if hit.end > span.last:
                    span.end, span.last = end, hit.end
                return
        self._findings.append(self._finding(hit))
        self._spans.append(_Span(self._place(first), end, first, hit.end))

    def _place(self, byte: int) -> int:
        """Return the character that a folded byte comes from: of those held, or the first."""
        for part in reversed(self._parts):
            if part.first <= byte < part.last:
                return part.start + self._fold.place(part.text, byte - part.first)
        return self._parts[0].start if self._parts else self._at

    def _items(self, stretches: list[tuple[int, str]]) -> list[_Stop]:
        stops = []
        index = self._rules.index if self._rules.items else None
        for at, text in stretches:
            for each in personal(text, self._personal) if self._personal else ():
                self._findings.append(Finding(each.kind, "", each.end - each.start))
                self._spans.append(_Span(at + each.start, at + each.end))
            if index is None or not index.has_items:
                continue
            for each in items(text):
                if not self._is_private(index, each):
                    continue
                form = each.form.encode("utf-8", "surrogatepass")
                finding = Finding(
                    "item", index.key.fingerprint("item", form), each.end - each.start
                )
                if self._rules.stop:
                    stops.append(_Stop(at + len(text) + 1, at, finding))
                else:
                    self._findings.append(finding)
                    self._spans.append(_Span(at + each.start, at + each.end))
        return stops

    def _is_private(self, index: TextIndex, found: Found) -> bool:
        allow = self._rules.allow
        return index.holds_item(found.form) and not (
            allow is not None and allow.has_items and allow.holds_item(found.form)
        )

    def _verdict(self, byte: int, character: int) -> Verdict:
        """Let go what ends before a folded byte and a character, changed where it must be."""
        if self._cut is not None:
            return self._last_words(self._cut)
        release = 0
        edits: list[str | None] = []
        parts = self._parts
        while parts and parts[0].last <= byte and (not self._looks or parts[0].end <= character):
            part = parts.popleft()
            if part.sizes:
                release += len(part.sizes)
                edits += self._each(part) if self._spans else [None] * len(part.sizes)
                continue
            self._say(part)
            if part.closes:
                edits.append(self._whole())
                release += 1
        if self._spans and parts:
            self._spans = [s for s in self._spans if s.end > parts[0].start]
        if self._looks and release and parts:
            self._stretches.forget(parts[0].start)
        changed = any(edit is not None for edit in edits)
        return Verdict(release, edits=tuple(edits) if changed else (), findings=self._news())

    def _last_words(self, cut: int) -> Verdict:
        edits: list[str | None] = []
        while self._parts and self._parts[0].start < cut:
            part = self._parts.popleft()
            if part.sizes:
                edits += self._each(part, cut)
                continue
            self._say(part, cut)
            if part.closes or part.end >= cut:
                self._changed |= not part.closes
                edits.append(self._whole())
        if self._said:
            edits.append("".join(self._said))
        self._parts.clear()
        return Verdict(len(edits), stop=True, edits=tuple(edits), findings=self._news())

    def _say(self, part: _Part, cut: int | None = None) -> None:
        """Let a part of a long piece go."""
        end = part.end if cut is None else min(part.end, cut)
        left = self._left(part, part.start, end)
        self._said.append(left)
        self._changed |= left != part.text

    def _whole(self) -> str | None:
        """Return what a long piece says that has gone; None if it is as it was."""
        said = "".join(self._said) if self._changed else None
        self._said, self._changed = [], False
        return said

    def _each(self, part: _Part, cut: int | None = None) -> list[str | None]:
        """Return what whole pieces say, up to the cut; None for one that is as it was."""
        edits: list[str | None] = []
        at = part.start
        for size in part.sizes:
            if cut is not None and at >= cut:
                break
            left = self._left(part, at, at + size if cut is None else min(at + size, cut))
            before = part.text[at - part.start : at - part.start + size]
            edits.append(None if left == before else left)
            at += size
        return edits

    def _news(self) -> tuple[Finding, ...]:
        """Return what was found since the last time."""
        if not self._findings:
            return ()
        found = tuple(self._findings)
        self._findings.clear()
        return found

    def _left(self, part: _Part, at: int, end: int) -> str:
        """Return what is left of a part between two characters: what no span has, and markers."""
        said = []
        for span in _merged(self._spans) if self._spans else ():
            if span.end <= at or span.start >= end:
                continue
            said.append(part.text[at - part.start : max(span.start, at) - part.start])
            if span.start >= at:
                said.append(self._rules.marker)
            at = min(span.end, end)
        said.append(part.text[at - part.start : end - part.start])
        return "".join(said)


def _merged(spans: list[_Span]) -> list[_Span]:
    """Return spans in order, those that overlap put together.

    Those that only touch stay two: the second may not have been known when the first went out.
    """
    found: list[_Span] = []
    for span in sorted(spans, key=lambda s: s.start):
        if found and span.start < found[-1].end:
            found[-1] = _Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(_Span(span.start, span.end))
    return found


@final
@dataclass(frozen=True, slots=True, eq=False)
class ScreenMaker:
    """Makes a filter for each text.

    Attributes:
        rules: what all of them do.
        fold: shared, as it remembers characters.
    """

    rules: ScreenRules
    fold: Fold

    def __call__(self) -> Screen:
        """Return a filter that has read nothing yet."""
        return Screen(self.rules, self.fold)
