"""What a policy leaves of a written text: of its token scores, and of its token counts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reticent.core import Answer, Channel, Choice, Floats, TextReply, TokenScores, Usage
from reticent.policy import Policy
from reticent.textindex.held import FilterMaker, Finding, filtered, whole


def filter_text(
    reply: TextReply, make_filter: FilterMaker, findings: list[Finding] | None = None
) -> TextReply:
    """Return what a text filter leaves of a whole reply; the policy comes after it.

    The guard calls it, and so does an auditor who asks what a filter leaves: both see the same,
    and a stream says the same in the end.

    Args:
        reply: as the model server gave it.
        make_filter: makes one for each text.
        findings: gets what was found.
    """
    kept = tuple(
        filtered(choice, make_filter(), cut=whole, findings=findings) for choice in reply.choices
    )
    return TextReply(choices=kept, usage=reply.usage)


def shape_text(
    reply: TextReply,
    policy: Policy,
    *,
    prompt_row: Any,
    secret: bytes,
    choices_per_prompt: int = 1,
) -> TextReply:
    """Return a reply, or one piece of a streamed one, as a caller gets it. Pure.

    Every position is one question, "what comes next?", and its alternatives are the classes: the
    policy meets the rows (prompt row, choice index, position), so that a streamed text and a whole
    one get the same numbers, and so does an auditor who asks these rows through an `Access`.

    What comes out is in an order of its own (highest shown score first, then by text): the order
    in which a server lists alternatives would tell what rounding and noise took away. Alternatives
    with no score left, or one of 0, are dropped. The chosen token stays, as the text has it anyway,
    but with NaN for a withheld score; where the policy withholds the label, nothing is chosen.

    Two texts written for one prompt begin at the same question and get noise of their own there,
    as do the same prompt's under other settings: what is charged for them must count that in.

    Args:
        reply: as the model server gave it.
        policy: the one in force.
        prompt_row: the row of `Question.rows` that was asked, or all of them (a list or tuple).
        secret: the endpoint's key.
        choices_per_prompt: texts asked for each of several rows: choice i answers row
            i // choices_per_prompt.

    Raises: BadPolicy if the policy does not fit scores.
    """
    step = policy.usage_step
    if not step or reply.usage is None:
        for choice in reply.choices:
            if choice.token_scores is not None:
                break
        else:
            return reply  # nothing in it is a policy's to change
    choices = []
    for choice in reply.choices:
        if choice.token_scores is None:
            choices.append(choice)
            continue
        row, index = prompt_row, choice.index
        if isinstance(prompt_row, (list, tuple)):
            place = choice.index // choices_per_prompt if len(prompt_row) > 1 else 0
            row, index = prompt_row[place], choice.index - place * choices_per_prompt
        shaped = replace(choice, token_scores=_shown(choice, policy, row, index, secret))
        if shaped.token_scores or choice.text or choice.finish_reason:
            choices.append(shaped)  # and not a piece that held nothing but what is withheld now
    usage = reply.usage if reply.usage is None or not step else _counted(reply.usage, step)
    return TextReply(tuple(choices), usage)


def position_rows(prompt_row: Any, index: int, positions: range) -> Sequence[tuple[Any, int, int]]:
    """Return the questions that the positions of one text stand for."""
    return [(prompt_row, index, position) for position in positions]


def _shown(
    choice: Choice, policy: Policy, prompt_row: Any, index: int, secret: bytes
) -> TokenScores | None:
    found = choice.token_scores
    if found is None:
        return None
    rows = position_rows(prompt_row, index, range(found.start, found.start + len(found.tokens)))
    answer = policy.apply(found.answer, rows, secret=secret)
    answer = answer.only(policy.exposes(answer.channels))
    # The policy was applied first: one that does not fit is refused, whatever it would leave.
    if answer.scores is None or not Channel.LOGPROBS & policy.exposes(Channel.LOGPROBS):
        return None
    return _reordered(found, answer.scores, answer)


def _reordered(found: TokenScores, scores: Floats, answer: Answer) -> TokenScores:
    shown = np.where(scores > 0, scores, np.nan)
    tokens: list[tuple[str, ...]] = []
    kept: list[list[float]] = []
    labels: list[int] = []
    chosen = [-1] * len(scores) if answer.labels is None else answer.labels.tolist()
    for texts, row, label in zip(found.tokens, shown.tolist(), chosen, strict=True):
        order = [j for j in range(len(texts)) if row[j] == row[j] or j == label]
        order.sort(key=lambda j: (row[j] != row[j], -row[j], texts[j], j != label))
        tokens.append(tuple(texts[j] for j in order))
        kept.append([row[j] for j in order])
        labels.append(order.index(label) if label >= 0 else -1)
    table = np.full((len(kept), max(map(len, kept), default=0)), np.nan)
    for t, line in enumerate(kept):
        table[t, : len(line)] = line
    return TokenScores(
        tokens=tuple(tokens),
        answer=Answer(labels=np.array(labels, dtype=np.int64), scores=table),
        start=found.start,
    )


def _counted(usage: Usage, step: int) -> Usage:
    """Return token counts rounded up to a multiple of `step`.

    >>> _counted(Usage(prompt_tokens=3, completion_tokens=10), 5)
    Usage(prompt_tokens=5, completion_tokens=10)
    """
    return Usage(
        prompt_tokens=-(-usage.prompt_tokens // step) * step,
        completion_tokens=-(-usage.completion_tokens // step) * step,
    )
