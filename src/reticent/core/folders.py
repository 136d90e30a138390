"""The files below a folder, none of them passed over because its folder cannot be read."""

import os
from errno import ELOOP, ENOENT
from pathlib import Path
from stat import S_ISREG
from typing import NoReturn

from reticent.core.errors import BadInput


def files_below(folder: Path, *, hidden: bool, links: bool) -> list[Path]:
    """Return the files below a folder, in the order of their paths.

    Links to folders are not followed.

    Args:
        folder: where to begin.
        hidden: also those whose name, or a folder's on the way, begins with a dot.
        links: also links to files.

    Raises: BadInput naming a folder or file that cannot be looked at.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        if not hidden:
            folders[:] = [name for name in folders if not name.startswith(".")]
            names = [name for name in names if not name.startswith(".")]
        found += [path for name in names if _is_file(path := Path(place, name), links=links)]
    return sorted(found)


def _is_file(path: Path, *, links: bool) -> bool:
    try:
        return S_ISREG(path.stat(follow_symlinks=links).st_mode)
    except OSError as error:
        if error.errno in (ENOENT, ELOOP):  # a link to nowhere, or gone in the meantime
            return False
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    raise BadInput(
        f"{error.filename}: it cannot be read ({error.strerror or error}).",
        way_out="Make it readable, or take it out: what lies in it would be passed over.",
    ) from error
