"""Log-probabilities of tokens: between the wire's two forms and `TokenScores`.

A log-probability l is read as exp(l) and written as log(p). What comes back unchanged by a policy
is l to 1e-12 of itself, or to 2e-16 where l is near 0 (doubles near 1 are that far apart); below
-708, p loses digits, and below -745 it is 0 and the alternative is dropped.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reticent.core import Answer, TokenScores
from reticent.protocols._body import bad_reply

_HIGHEST = 700.0  # exp overflows beyond; how high a score may be is the policy's business

Pair = tuple[str, float]


def read_chat(found: Any, *, alternatives: int, start: int) -> TokenScores | None:
    """Return the scores of `logprobs.content`, with at most `alternatives` a position.

    Raises: BadReply.
    """
    if found is None:
        return None
    content = found.get("content") if type(found) is dict else ()
    if content is None:
        return None
    if type(content) is not list:
        raise bad_reply("its logprobs are no list")
    chosen: list[tuple[str | None, float]] = []
    others: list[list[Pair]] = []
    for each in content:
        if type(each) is not dict:
            raise bad_reply("a position of its logprobs is no object")
        chosen.append((_token(each.get("token"), null=True), _score(each.get("logprob"))))
        beside = each.get("top_logprobs") or []
        if type(beside) is not list or any(type(one) is not dict for one in beside):
            raise bad_reply("its top_logprobs are no list of objects")
        others.append(
            [(_token(one.get("token")) or "", _score(one.get("logprob"))) for one in beside]
        )
    return _scores(chosen, others, alternatives, start)


def read_completion(found: Any, *, alternatives: int, start: int) -> TokenScores | None:
    """Return the scores of the lists `tokens`, `token_logprobs` and `top_logprobs`.

    Raises: BadReply.
    """
    if found is None:
        return None
    lists = found if type(found) is dict else {}
    tokens, own, beside = (lists.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if type(tokens) is not list or type(own) is not list or len(tokens) != len(own):
        raise bad_reply("its logprobs are no lists of equal length")
    beside = [None] * len(tokens) if beside is None else beside
    if type(beside) is not list or len(beside) != len(tokens):
        raise bad_reply("its top_logprobs are no list of the tokens' length")
    chosen = [(_token(t, null=True), _score(v)) for t, v in zip(tokens, own, strict=True)]
    others: list[list[Pair]] = []
    for each in beside:
        if each is not None and type(each) is not dict:
            raise bad_reply("a position of its top_logprobs is no object")
        others.append([(token, _score(value)) for token, value in (each or {}).items()])
    return _scores(chosen, others, alternatives, start)


def write_chat(scores: TokenScores | None, alternatives: int) -> dict[str, Any] | None:
    """Return `logprobs`; None without scores."""
    if scores is None:
        return None
    content = []
    for texts, row, label in _positions(scores):
        shown = [(text, value) for text, value in zip(texts, row, strict=True) if value is not None]
        chosen = _entry(texts[label], row[label]) if label >= 0 else _entry(None, None)
        beside = [_entry(text, value) for text, value in shown[:alternatives]]
        content.append({**chosen, "top_logprobs": beside})
    return {"content": content}


def write_completion(scores: TokenScores | None, alternatives: int) -> dict[str, Any] | None:
    """Return `logprobs`; None without scores. Offsets count from the start of these tokens."""
    if scores is None:
        return None
    tokens: list[str | None] = []
    own: list[float | None] = []
    beside: list[dict[str, float]] = []
    offsets: list[int] = []
    length = 0
    for texts, row, label in _positions(scores):
        tokens.append(texts[label] if label >= 0 else None)
        own.append(row[label] if label >= 0 else None)
        open_ = [(text, value) for text, value in zip(texts, row, strict=True) if value is not None]
        shown: dict[str, float] = {}
        for text, value in [*open_[:alternatives], (tokens[-1], own[-1])]:  # and the chosen one
            if text is not None and value is not None and value > shown.get(text, -math.inf):
                shown[text] = value
        beside.append(shown)
        offsets.append(length)
        length += len(tokens[-1] or "")
    return {
        "tokens": tokens,
        "token_logprobs": own,
        "top_logprobs": beside,
        "text_offset": offsets,
    }


def _scores(
    chosen: Sequence[tuple[str | None, float]],
    others: Sequence[list[Pair]],
    alternatives: int,
    start: int,
) -> TokenScores:
    """Return the alternatives a position: those asked for, and the chosen token if it is none."""
    tokens: list[tuple[str, ...]] = []
    labels: list[int] = []
    kept: list[list[float]] = []
    for (token, own), beside in zip(chosen, others, strict=True):
        ranked = sorted(beside, key=lambda pair: math.inf if math.isnan(pair[1]) else -pair[1])
        place = -1
        if token is not None:
            same = [j for j, (text, _) in enumerate(ranked) if text == token]
            exact = [j for j in same if ranked[j][1] == own]
            # A withheld score is no alternative's, even where the texts are alike.
            place = len(ranked) if math.isnan(own) else (exact or same or [len(ranked)])[0]
            ranked[place : place + 1] = [(token, own)]
        if place >= alternatives:  # beyond those asked for: the chosen one comes last
            ranked[alternatives:] = [ranked[place]]
            place = alternatives
        else:
            del ranked[alternatives:]
        tokens.append(tuple(text for text, _ in ranked))
        kept.append([value for _, value in ranked])
        labels.append(place)
    table = np.full((len(kept), max(map(len, kept), default=0)), np.nan)
    for t, line in enumerate(kept):
        table[t, : len(line)] = line
    answer = Answer(labels=np.array(labels, dtype=np.int64), scores=table)
    return TokenScores(tokens=tuple(tokens), answer=answer, start=start)


def _positions(scores: TokenScores) -> list[tuple[tuple[str, ...], list[float | None], int]]:
    """Return texts, log-probabilities (None: withheld) and the chosen column of each position."""
    table, labels = scores.answer.scores, scores.answer.labels
    if table is None:
        raise ValueError("token scores without scores")
    chosen = [-1] * len(table) if labels is None else labels.tolist()
    return [
        (texts, [_log(p) for p in row[: len(texts)]], label)
        for texts, row, label in zip(scores.tokens, table.tolist(), chosen, strict=True)
    ]


def _entry(token: str | None, value: float | None) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": _bytes(token)}


def _bytes(token: str | None) -> list[int] | None:
    """Return a token's bytes; None if its text does not tell them (a cut character)."""
    if token is None or "\ufffd" in token or token.startswith(("\\x", "bytes:")):
        return None
    return list(token.encode("utf-8", "surrogatepass"))


def _token(found: Any, *, null: bool = False) -> str | None:
    if type(found) is not str and not (null and found is None):
        raise bad_reply("a token is no text")
    return found if type(found) is str else None


def _score(found: Any) -> float:
    """Return a probability; NaN for null."""
    if found is None:
        return math.nan
    if type(found) not in (int, float) or found > _HIGHEST:
        raise bad_reply("a log-probability is no number")
    return math.exp(found)


def _log(p: float) -> float | None:
    return math.log(p) if 0 < p < math.inf else None
