"""Keep an embedder's vectors, so that what was answered once is never asked again."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.core import Answer, BadAnswer, BadInput, Channel, Floats, Inputs, as_texts, texts_of
from reticent.targets.base import Target


@final
@dataclass(frozen=True, slots=True, eq=False)
class KeptVectors:
    """An embedder that remembers the vector of each text, on disk if it is given a folder.

    Endpoints limit rates, fail, and charge by the text. Texts are asked in blocks, and each block
    is on disk before the next one is asked: an audit that is stopped, by whatever, loses at most
    one. Queries are booked by `Access` before they come here, so remembering saves time and money,
    not an attacker's budget.

    A folder belongs to one embedder: nothing tells a vector of another apart.

    Attributes:
        target: the embedder to ask.
        folder: holds one file a block; None to remember in memory alone.
        block_texts: texts asked between two files.

    Raises: BadInput if the folder holds files that are no blocks of vectors.
    """

    target: Target
    folder: Path | None = None
    block_texts: int = 1000
    _known: dict[bytes, Floats] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self.folder.glob("vectors-*.npz")):
                self._known.update(_read(path))

    @property
    def name(self) -> str:
        """Return how messages call the embedder."""
        return self.target.name

    @property
    def channels(self) -> Channel:
        """Return EMBEDDING."""
        return self.target.channels & Channel.EMBEDDING

    @property
    def classes(self) -> tuple[object, ...]:
        """Return no classes."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the embedder's input columns, if it has named ones."""
        return self.target.columns

    def answer(self, x: Inputs) -> Answer:
        """Return the vector of each text; only those that are new are asked for.

        Raises: as the embedder does; blocks that were answered before are kept.
        """
        texts = texts_of(x)
        keys = [_key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        fresh = list(new.items())
        for start in range(0, len(fresh), self.block_texts):
            self._ask(fresh[start : start + self.block_texts])
        if not keys:
            return self.target.answer(x)
        return Answer(embeddings=np.array([self._known[key] for key in keys]))

    def weights(self) -> object:
        """Return the fitted model itself."""
        return self.target.weights()

    def _ask(self, block: Sequence[tuple[bytes, str]]) -> None:
        answer = self.target.answer(as_texts(text for _, text in block))
        vectors = answer.embeddings
        if vectors is None or len(vectors) != len(block):
            raise BadAnswer(
                f"{self.name} answered {len(block)} texts without a vector for each.",
                way_out="Keep the vectors of an embedder only.",
            )
        width = next((len(known) for known in self._known.values()), vectors.shape[1])
        if vectors.shape[1] != width:
            raise BadAnswer(
                f"{self.name} answered vectors of width {vectors.shape[1]}, and of {width} before.",
                way_out="Keep a folder for each embedder, and for each length of its vectors.",
            )
        keys = np.frombuffer(b"".join(key for key, _ in block), dtype=np.uint8).reshape(-1, 32)
        if self.folder is not None:
            _write(self.folder, keys, vectors)
        self._known.update(zip((key for key, _ in block), vectors, strict=True))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _write(folder: Path, keys: "np.ndarray[Any, np.dtype[np.uint8]]", vectors: Floats) -> None:
    """Write a block, whole or not at all, under a name that its texts give it."""
    name = f"vectors-{hashlib.sha256(keys.tobytes()).hexdigest()[:24]}.npz"
    try:
        handle, part = tempfile.mkstemp(prefix=".vectors-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, keys=keys, vectors=vectors)
            Path(part).replace(folder / name)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write vectors into {folder}: {error.strerror or error}.",
            way_out="Free some room or choose another folder; earlier blocks are kept.",
        ) from error


def _read(path: Path) -> dict[bytes, Floats]:
    try:
        with np.load(path, allow_pickle=False) as kept:
            keys, vectors = kept["keys"], kept["vectors"].astype(np.float64)
        if keys.shape != (len(vectors), 32) or vectors.ndim != 2:
            raise ValueError("wrong shapes")
    except Exception as error:  # zipfile, numpy and the file system each have their own
        raise BadInput(
            f"{path} holds no vectors that were kept ({type(error).__name__}).",
            way_out="Remove this file; its texts are asked again.",
        ) from error
    return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
