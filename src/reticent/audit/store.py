"""Finished pieces of work on disk, named by what they were made from.

A piece is written to a temporary file and moved into place, so a piece that exists is whole; a
killed run loses the piece it was at and nothing else.
"""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reticent.core import BadInput, Column

# What reading a truncated or altered archive of arrays can raise.
_DAMAGED = (
    *(ValueError, OSError, EOFError, KeyError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def key_of(**parts: Any) -> str:
    """Return the name of a piece of work: SHA-256 over everything that it depends on.

    >>> key_of(a=1, b=[2]) == key_of(b=[2], a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of pieces; with no folder nothing is kept and every look-up misses."""

    folder: Path | None = None

    def path(self, key: str, suffix: str) -> Path | None:
        """Return where a piece lies, or None if it is not there."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}{suffix}"
        return path if path.is_file() else None

    def write(self, key: str, suffix: str, put: Callable[[Path], None]) -> None:
        """Let `put` write a piece, whole or not at all.

        Raises: BadInput if the folder cannot be written (no rights, disk full); what was stored
            before stays.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(suffix=suffix, prefix=".part-", dir=self.folder)
            os.close(handle)
            part = Path(name)
            try:
                put(part)
                part.replace(self.folder / f"{key}{suffix}")
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise BadInput(
                f"Cannot write to {self.folder}: {error.strerror or error}.",
                way_out="Free some room or choose another --out; finished work is kept, "
                "go on with --resume.",
            ) from error

    def put_json(self, key: str, value: Any) -> None:
        """Keep plain data."""
        self.write(key, ".json", lambda path: _dump(path, value))

    def get_json(self, key: str) -> Any | None:
        """Return plain data kept under `key`, or None; a damaged piece counts as missing."""
        path = self.path(key, ".json")
        if path is None:
            return None
        try:
            return json.loads(path.read_text("utf-8"))
        except (ValueError, OSError):
            return None

    def put_arrays(self, key: str, arrays: Mapping[str, Column]) -> None:
        """Keep named arrays (numbers and fixed-width text only: nothing that runs code)."""

        def put(path: Path) -> None:
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)

        self.write(key, ".npz", put)

    def get_arrays(self, key: str) -> dict[str, Column] | None:
        """Return arrays kept under `key`, or None; a damaged piece counts as missing."""
        path = self.path(key, ".npz")
        if path is None:
            return None
        try:
            # Opened here: numpy leaves a file open that turns out to be no archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except _DAMAGED:
            return None


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, sort_keys=True, allow_nan=False), "utf-8")
