"""What every defence must do, for any defence: ours and plug-ins'."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reticent.core import (
    NO_CHANNEL,
    Answer,
    BadPolicy,
    Channel,
    Floats,
    canonical_rows,
)
from reticent.defences import Defence, Keyed, defence_kinds
from reticent.policy import Policy
from reticent.testing.conformance import NotConforming

ROWS, CLASSES, COORDINATES = 40, 4, 6
TRIED = (0.25, 1, 2, 0.75)  # settings to try on a plug-in that nobody has described
LISTS = ((0.0, 0.5, 1.0), ("scores",))
MOST_EXAMPLES = 3


def examples_of(kind: type[Defence]) -> list[Defence]:
    """Return a few valid instances, found by trying plain settings.

    Raises: NotConforming if none of them is accepted.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every defence is a dataclass
    found: list[Defence] = []
    for settings in itertools.islice(_settings(fields), 10_000):
        try:
            example = kind(**settings)
        except (TypeError, ValueError):
            continue
        if example not in found:
            found.append(example)
        if len(found) == MOST_EXAMPLES:
            break
    if not found:
        raise NotConforming(f"no plain settings make a {kind.__name__}; give an instance")
    return found


def narrows_and_never_widens(defence: Defence) -> None:
    """Demand that no set of channels comes out larger or depends on the others' presence."""
    for open_ in _subsets():
        left = defence.narrows(open_)
        _demand(left & ~open_ == NO_CHANNEL, f"{defence.kind} widens {open_} to {left}")
        _demand(
            defence.narrows(left) & ~left == NO_CHANNEL, f"{defence.kind} widens {left} next time"
        )


def withholds_and_never_adds(defence: Defence) -> None:
    """Demand that an absent part stays absent, a withheld entry withheld, and no row is lost."""
    for answer in _answers(defence):
        shown = _apply(defence, answer)
        for name in ("labels", "scores", "values", "embeddings"):
            before, after = getattr(answer, name), getattr(shown, name)
            _demand(
                after is None or (before is not None and before.shape == after.shape),
                f"{defence.kind} made {name} of another shape, or out of nothing",
            )
        for before, after in (
            (answer.scores, shown.scores),
            (answer.values, shown.values),
            (answer.embeddings, shown.embeddings),
        ):
            if before is not None and after is not None:
                back = np.isnan(before) & ~np.isnan(after)
                _demand(not back.any(), f"{defence.kind} shows an entry that was withheld")


def keeps_to_the_channels_it_leaves(defence: Defence) -> None:
    """Demand that full scores are not answered where SCORES is shut and TOP_K open."""
    for answer in _answers(defence):
        left = defence.narrows(answer.channels)
        shown = _apply(defence, answer).only(left)
        if shown.scores is not None and not Channel.SCORES & left:
            full = ~np.isnan(shown.scores).any(axis=1)
            _demand(
                not full.all(), f"{defence.kind} shuts SCORES and answers every score all the same"
            )


def is_pure(defence: Defence) -> None:
    """Demand the same answer twice, and inputs left alone."""
    for answer in _answers(defence):
        before = _bytes(answer)
        first, again = _bytes(_apply(defence, answer)), _bytes(_apply(defence, answer))
        _demand(first == again, f"{defence.kind} answers the same question in two ways")
        _demand(_bytes(answer) == before, f"{defence.kind} changed the answer that it was given")


def treats_every_row_alone(defence: Defence) -> None:
    """Demand that an answer does not depend on what else is asked in the same batch."""
    some = np.arange(0, ROWS, 3)
    for answer in _answers(defence):
        whole = _apply(defence, answer).take(some)
        alone = _apply(defence, answer.take(some), _questions()[some])
        _demand(_bytes(whole) == _bytes(alone), f"{defence.kind} answers a row by its neighbours")


def draws_by_the_key_alone(defence: Defence) -> None:
    """Demand that a keyed defence changes with the secret, and an unkeyed one does not."""
    changed = False
    for answer in _answers(defence):
        one, other = (
            _bytes(_apply(defence, answer, secret=secret)) for secret in (b"one", b"other")
        )
        changed |= one != other
    _demand(
        changed == defence.keyed,
        f"{defence.kind} says keyed is {defence.keyed}; its answers "
        f"{'depend' if changed else 'do not depend'} on the secret",
    )


def survives_json(defence: Defence) -> None:
    """Demand that the policy's encoding gives the same defence and the same digest."""
    policy = Policy((defence,))
    again = Policy.decode(policy.encode())
    _demand(
        again == policy and again.digest == policy.digest,
        f"{defence.kind} came back from its encoding as {again.defences}",
    )
    json.dumps(policy.to_list(), allow_nan=False)


def is_on_the_shelf_under_its_kind(defence: Defence) -> None:
    """Demand that the entry point's name is the defence's kind, and that it is frozen."""
    _demand(
        defence_kinds().get(defence.kind) is type(defence),
        f"{type(defence).__name__} is not what the entry point {defence.kind!r} loads",
    )
    params = getattr(type(defence), "__dataclass_params__", None)
    _demand(params is not None and params.frozen, f"{defence.kind} is no frozen dataclass")


DEFENCE_CHECKS: tuple[Callable[[Defence], None], ...] = (
    narrows_and_never_widens,
    withholds_and_never_adds,
    keeps_to_the_channels_it_leaves,
    is_pure,
    treats_every_row_alone,
    draws_by_the_key_alone,
    survives_json,
    is_on_the_shelf_under_its_kind,
)


def _subsets() -> Iterator[Channel]:
    for size in range(4):
        for channels in itertools.combinations(Channel, size):
            yield Channel(sum(c.value for c in channels))
    yield ~NO_CHANNEL


def _questions() -> Floats:
    return np.random.default_rng(1).normal(size=(ROWS, 3))


def _answers(defence: Defence) -> list[Answer]:
    """Return answers of a classifier, a regressor and an embedder, whole and censored, that fit.

    Raises: NotConforming if the defence fits none of them.
    """
    rng = np.random.default_rng(2)
    scores = rng.dirichlet(np.full(CLASSES, 0.5), size=ROWS)
    censored = np.where(scores == scores.max(axis=1, keepdims=True), scores, np.nan)
    labels = scores.argmax(axis=1)
    vectors = rng.normal(size=(ROWS, COORDINATES))
    answers = (
        Answer(labels=labels, scores=scores),
        Answer(labels=labels, scores=censored),
        Answer(labels=labels),
        Answer(values=rng.normal(size=ROWS)),
        Answer(embeddings=vectors),
        Answer(embeddings=np.where(rng.random(vectors.shape) < 0.3, np.nan, vectors)),
    )
    fitting = []
    for answer in answers:
        try:
            _apply(defence, answer)
        except BadPolicy:
            continue
        fitting.append(answer)
    if not fitting:
        raise NotConforming(
            f"{defence.kind} accepts neither a classifier's answer nor a value nor a vector."
        )
    return fitting


def _apply(
    defence: Defence, answer: Answer, x: Floats | None = None, *, secret: bytes = b"key"
) -> Answer:
    rows = canonical_rows(_questions() if x is None else x)
    return defence.apply(answer, Keyed(secret, lambda: rows))


def _bytes(answer: Answer) -> bytes:
    return repr(
        [
            None if part is None else part.tolist()
            for part in (answer.labels, answer.scores, answer.values, answer.embeddings)
        ]
    ).encode()


def _settings(fields: tuple["dataclasses.Field[Any]", ...]) -> Iterator[dict[str, Any]]:
    """Yield settings: the needed ones first, then those that have a default."""
    needed = [f.name for f in fields if f.default is dataclasses.MISSING]
    optional = [f.name for f in fields if f.name not in needed]
    for names in [needed, *([*needed, name] for name in optional)]:
        for values in itertools.product((*TRIED, *LISTS), repeat=len(names)):
            yield dict(zip(names, values, strict=True))


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise NotConforming(otherwise + ".")
