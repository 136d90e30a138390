"""Look at the XGBoost models in a skops file before they are loaded here.

XGBoost trusts its own bytes: a forged length, index or missing key ends the process. So the bytes
are checked (`_ubjson`), and then loaded once in a process of their own, which may die of them.
A file that was merely damaged never gets that far: the archive's checksums find it.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

from reticent.core import BadInput
from reticent.targets._ubjson import is_sound

_LONGEST_S = 300
_TRY = """
import sys, zipfile
import numpy as np, xgboost
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in sys.argv[2:]:
        booster = xgboost.Booster()
        booster.__setstate__({"handle": bytearray(archive.read(entry))})
        booster.inplace_predict(np.zeros((1, booster.num_features())), validate_features=False)
"""


def check_boosters(path: Path) -> None:
    """Raise BadInput if an XGBoost model in the file is damaged or would crash its reader."""
    with zipfile.ZipFile(path) as archive:
        held = [entry for entry in archive.namelist() if entry.endswith(".bin")]
        sound = all(is_sound(archive.read(entry)) for entry in held)
    if not sound or not _survives(path, held):
        raise BadInput(
            f"{path} holds an XGBoost model that is damaged or points outside itself.",
            way_out="Get it again from where it was trained, saved by XGBoost 3 or later.",
        )


def _survives(path: Path, entries: list[str]) -> bool:
    command = [sys.executable, "-c", _TRY, str(path), *entries]
    try:
        ran = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        return False
    return ran.returncode == 0
