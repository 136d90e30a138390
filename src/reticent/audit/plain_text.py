"""A file of plain text, read whole."""

from pathlib import Path

from reticent.core import BadInput


def plain_text(path: Path) -> str:
    """Return what a UTF-8 file says, without its byte order mark.

    Raises: BadInput if it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: byte {error.start} is no UTF-8.", way_out="Save the file as UTF-8."
        ) from error


def unreadable(path: Path, error: OSError) -> BadInput:
    """Return the error that says why a file cannot be read."""
    return BadInput(f"{path}: it cannot be read ({error.strerror or error}).")
