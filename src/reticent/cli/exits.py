"""Exit codes, and what is said on standard error before the bad ones."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

#: Set to 1 to see Python's own traceback of an error.
DEBUG = "RETICENT_DEBUG"


class ExitCode(IntEnum):
    """What a script can rely on."""

    NOTHING_FOUND = 0
    FINDING = 1
    INCONCLUSIVE = 2
    CONTROL_FAILED = 3
    BAD_INPUT = 4
    STOPPED = 130


def complain(error: Exception, *, command: str) -> ExitCode:
    """Say what went wrong and what to do about it, on standard error."""
    if os.environ.get(DEBUG, "") not in ("", "0"):
        traceback.print_exception(error)
    what, way_out = _in_words(error)
    sys.stderr.write(f"{command}: {what}\n")
    if way_out:
        sys.stderr.write(f"  What to do: {way_out}\n")
    return ExitCode.BAD_INPUT


def is_unread(error: BaseException) -> bool:
    """Return whether an error says only that nobody reads our output on.

    Rich and Typer turn a broken pipe into SystemExit(1), which would read as a finding.
    """
    return isinstance(error, BrokenPipeError) or (
        isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError)
    )


def let_go() -> None:
    """Drop what can no longer be printed, or Python would end with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever started us
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _in_words(error: Exception) -> tuple[str, str]:
    from reticent.core.errors import ReticentError

    if isinstance(error, ReticentError):
        return error.what, error.way_out
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{place}", _OS_WAYS_OUT.get(error.errno or 0, "")
    if isinstance(error, MemoryError):
        return "The memory is full.", "Declare fewer rows or columns in [data], or lower --jobs."
    return (
        f"Unexpected {type(error).__name__}: {_first_line(error)} ({_place(error)})",
        f"Run it again with {DEBUG}=1 to see the traceback, and report it.",
    )


_OS_WAYS_OUT = {
    errno.ENOENT: "Check the path; it is taken relative to the current directory.",
    errno.EEXIST: "A file stands where a folder is needed: move it, or name another place.",
    errno.EACCES: "Choose a place that you may read and write, with --out for what is written.",
    errno.EISDIR: "Name a file, not a directory.",
    errno.ENOTDIR: "Name a directory, not a file.",
    errno.EROFS: "Choose a place that can be written, with --out.",
    errno.ENOSPC: "Free some space, then run it again with --resume: finished work is kept.",
}


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "no place known"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
