"""Where results go when nothing else is said, and how they get there."""

import os
import tempfile
from pathlib import Path

#: Directory of an audit's results.
OUT = Path("reticent-out")


def put_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all: a full disk must not leave half a report.

    Raises: BadInput if it cannot be written; what was there before stays.
    """
    from reticent.core.errors import BadInput

    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe; a folder complains
            path.write_text(text, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            part.chmod(0o666 & ~_umask())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror or error}.",
            way_out="Free some room or choose another --out; after an audit, go on with --resume: "
            "finished work is kept.",
        ) from error


def _umask() -> int:
    """Return what a file that is opened the ordinary way may not have: mkstemp gives it less."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
