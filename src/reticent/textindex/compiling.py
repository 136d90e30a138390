"""Compile inner loops by numba, and keep what was compiled where only the same sources find it.

Numba looks at the file of a function alone to tell whether what it kept is still good. What that
function has of other files, constants and functions that were put into it, may have changed
meanwhile, and the layout of data with it. Here the folder has the hash of all these files in its
name, so what was compiled of other sources is never so much as seen.
"""

import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba

_CONFIG: Any = numba.config  # its attributes are made when it is read
_Function = TypeVar("_Function", bound=Callable[..., Any])
_HERE = Path(__file__).resolve().parent


def kernel(function: _Function) -> _Function:
    """Compile a function, without the interpreter's lock; keep the result."""
    return cast("_Function", _compiled(function, "never"))


def inlined(function: _Function) -> _Function:
    """Compile a function into those that call it."""
    return cast("_Function", _compiled(function, "always"))


def _compiled(function: Any, inline: Literal["never", "always"]) -> Any:
    before = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = _PLACE or before
    try:
        return numba.njit(cache=_PLACE is not None, nogil=True, inline=inline)(function)
    finally:
        _CONFIG.CACHE_DIR = before


def sources_digest(folder: Path) -> str:
    """Return what changes with any of a folder's sources, and with numba itself."""
    digest = sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        body = path.read_bytes()
        digest.update(b"%s %d\0" % (path.name.encode(), len(body)) + body)
    return digest.hexdigest()[:20]


def _place() -> str | None:
    """Return a folder that can be written to; None if there is none: then nothing is kept."""
    user = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    named = [_CONFIG.CACHE_DIR] if _CONFIG.CACHE_DIR else []
    for where in (*named, str(_HERE / "__pycache__"), str(Path(user) / "reticent")):
        place = Path(where) / f"kernels-{sources_digest(_HERE)}"
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return str(place)
        except OSError:
            continue
    return None


_PLACE = _place()
