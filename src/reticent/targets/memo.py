"""Do not ask a local model the same block twice."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from reticent.core import Answer, Channel, Inputs
from reticent.targets.base import Target

_MOST_BYTES = 256 << 20


@final
@dataclass(frozen=True, slots=True, eq=False)
class Memo:
    """A target that remembers its raw answers.

    The same rows are asked once for every policy and exposure; the raw model answers them once.
    Answers are never changed: they are keyed by a digest of the whole block (values, types,
    columns, order), handed out read-only, and the least recently used go first. Queries are
    booked by `Access` before they come here, so remembering saves time, not an attacker's budget.

    Attributes:
        target: the model to ask.
        most_bytes: how many bytes of answers to keep.
    """

    target: Target
    most_bytes: int = _MOST_BYTES
    _kept: "OrderedDict[bytes, Answer]" = field(init=False, repr=False, default_factory=OrderedDict)
    _size: list[int] = field(init=False, repr=False, default_factory=lambda: [0])

    @property
    def name(self) -> str:
        """Return how messages call this model."""
        return self.target.name

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers."""
        return self.target.channels

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores."""
        return self.target.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the model's input columns in order."""
        return self.target.columns

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row; its arrays are read-only.

        Raises: BadAnswer as the target does; nothing is remembered then.
        """
        key = block_digest(x)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        fresh = _read_only(self.target.answer(x))
        size = _bytes(fresh)
        if size <= self.most_bytes:
            self._kept[key] = fresh
            self._size[0] += size
            while self._size[0] > self.most_bytes:
                self._size[0] -= _bytes(self._kept.popitem(last=False)[1])
        return fresh

    def weights(self) -> object:
        """Return the fitted model itself."""
        return self.target.weights()

    def __reduce__(self) -> Any:
        return Memo, (self.target, self.most_bytes)  # a worker starts with an empty memory


def block_digest(x: Inputs) -> bytes:
    """Return a digest equal only for blocks a model could not tell apart."""
    digest = hashlib.blake2b(digest_size=32)
    if isinstance(x, np.ndarray):
        _feed(digest, x)
        return digest.digest()
    digest.update(repr([(c, str(kind)) for c, kind in x.dtypes.items()]).encode())
    for j in range(x.shape[1]):
        column = x.iloc[:, j]
        if str(column.dtype) == "category":
            _feed(digest, column.cat.categories.to_numpy())
            _feed(digest, column.cat.codes.to_numpy())
        else:
            _feed(digest, column.to_numpy())
    return digest.digest()


def _feed(digest: "hashlib.blake2b", values: "np.ndarray[Any, Any]") -> None:
    digest.update(repr((values.dtype.str, values.shape)).encode())
    if values.dtype.hasobject:
        # The type is part of it: 1, 1.0, True and "1" may be answered differently.
        codes: dict[tuple[type, object], int] = {}
        places = np.fromiter(
            (codes.setdefault((type(v), _plain(v)), len(codes)) for v in values.ravel().tolist()),
            dtype=np.int64,
            count=values.size,
        )
        digest.update(repr([(kind.__qualname__, repr(value)) for kind, value in codes]).encode())
        digest.update(places.tobytes())
    else:
        digest.update(np.ascontiguousarray(values).tobytes())


def _plain(value: object) -> object:
    """Return something hashable that stands for the value; every NaN is one."""
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str | int | bytes | None) else repr(value)


def _read_only(answer: Answer) -> Answer:
    """Return a copy that nobody can write to: the model may keep and reuse its own arrays."""
    kept = answer.take(np.arange(len(answer)))
    for part in (kept.labels, kept.scores, kept.values, kept.embeddings):
        if part is not None:
            part.setflags(write=False)
    return kept


def _bytes(answer: Answer) -> int:
    parts = (answer.labels, answer.scores, answer.values, answer.embeddings)
    return sum(part.nbytes for part in parts if part is not None)
