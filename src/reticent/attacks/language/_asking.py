"""How attacks ask: passages, their verdicts, and the same of a reference model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reticent.attacks.language._public import PublicText
from reticent.attacks.language._signals import mean_logprob
from reticent.core import Bools, Channel, Floats, Ints
from reticent.core.language import GREEDY, Passage, Sampling, TokenLogprobs
from reticent.text_access import TextAccess


def beginnings(passages: Sequence[Passage]) -> list[int]:
    """Return for each passage the position from which on its tokens are in question."""
    return [max(passage.prompt, 1) for passage in passages]


def said_to(
    access: TextAccess,
    passages: Sequence[Passage],
    *,
    sampling: Sampling | None = None,
    moments: bool = False,
) -> list[TokenLogprobs]:
    """Return what the model says to each passage's wanted part."""
    return access.logprobs(
        [passage.tokens for passage in passages],
        first=beginnings(passages),
        sampling=sampling,
        moments=moments,
    )


def log_p(passages: Sequence[Passage], said: Sequence[TokenLogprobs]) -> Floats:
    """Return (n,) the log-probability of drawing each wanted part; NaN where it is not told."""
    sums = [
        np.nan if each.sampled is None else each.sampled[start:].sum()
        for start, each in zip(beginnings(passages), said, strict=True)
    ]
    return np.array(sums, dtype=np.float64)


def sure(passage: Passage, said: TokenLogprobs, tie: float) -> bool | None:
    """Return whether greedy generation gives the wanted part back; None if a tie decides.

    A place where another token leads by more than `tie` ends it, whatever else is a tie.
    """
    start = max(passage.prompt, 1)
    margins, ranks = said.margins[start:], said.ranks[start:]
    told = ~np.isnan(margins)
    if (told & (margins < -tie)).any() or (~told & (ranks > 0)).any():
        return False
    if (told & (margins > tie) & (ranks == 0)).all():
        return True
    return None


def verdicts(
    access: TextAccess, passages: Sequence[Passage], said: Sequence[TokenLogprobs]
) -> tuple[Bools, int]:
    """Return (n,) whether greedy generation gives each wanted part back, and the ties decided.

    No text is generated but where rounding decides: there it is, alone in its batch, in the order
    in which a caller would get it.
    """
    found = np.zeros(len(passages), dtype=bool)
    ties = 0
    for i, (passage, each) in enumerate(zip(passages, said, strict=True)):
        verdict = sure(passage, each, access.tie_margin)
        if verdict is None:
            ties += 1
            verdict = _given_back(access, passage)
        found[i] = verdict
    return found, ties


def verdicts_where_written(
    access: TextAccess, passages: Sequence[Passage], said: Sequence[TokenLogprobs]
) -> tuple[Bools | None, int]:
    """Return `verdicts`, or None and no ties if the model writes no text."""
    if not Channel.TOKENS & access.channels:
        return None, 0
    return verdicts(access, passages, said)


def drawn_plainly(said: Sequence[TokenLogprobs]) -> list[TokenLogprobs]:
    """Return what was said as if it were drawn without a scheme: for one that is not shown."""
    return [replace(each, sampled=each.logprobs) for each in said]


def nats(access: TextAccess, passages: Sequence[Passage]) -> Floats:
    """Return (n,) the log-probability of each whole wanted part."""
    said = said_to(access, passages)
    return np.array(
        [mean_logprob(each) * len(p.wanted) for p, each in zip(passages, said, strict=True)]
    )


def _given_back(access: TextAccess, passage: Passage) -> bool:
    written = access.generate([passage.given], new_tokens=len(passage.wanted), sampling=GREEDY)[0]
    return bool(np.array_equal(written.tokens, passage.wanted))


def by_reference(
    access: TextAccess, reference: TextAccess, passages: Sequence[Passage]
) -> list[Passage]:
    """Return the passages in a reference model's own tokens; as they are if it shares them.

    Given and wanted part are turned into tokens apart, so that the cut stays where it was.
    """
    found = []
    for passage in passages:
        given, wanted = access.text(passage.given), access.text(passage.wanted)
        if _shared(access, reference, passage.tokens):
            found.append(passage)
            continue
        head, tail = reference.tokens(given), reference.tokens(wanted)
        found.append(
            Passage(
                tokens=np.concatenate([head, tail]),
                prompt=len(head),
                document=passage.document,
                start=passage.start,
            )
        )
    return found


def _shared(access: TextAccess, reference: TextAccess, tokens: Ints) -> bool:
    theirs, ours = reference.target, access.target
    if theirs.unit != ours.unit or theirs.vocabulary != ours.vocabulary:
        return False
    return theirs.text(tokens) == ours.text(tokens)


def known(access: TextAccess, passages: Sequence[Passage], public: PublicText | None) -> Bools:
    """Return (n,) whether public texts hold each wanted part."""
    if public is None:
        return np.zeros(len(passages), dtype=bool)
    return np.array([public.knows(access.text(p.wanted)) for p in passages], dtype=bool)
