"""Model files: which may be opened, how, and what they hold."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from reticent.core import BadInput, ReticentError, UntrustedFile
from reticent.targets._boosters import check_boosters
from reticent.targets.base import Target

SKOPS = frozenset({".skops"})
ONNX = frozenset({".onnx"})
PICKLES = frozenset({".pkl", ".pickle", ".joblib"})

T = TypeVar("T")

_READABLE = ".skops or .onnx; .pkl, .pickle and .joblib with consent"
_BLOCK_BYTES = 1 << 20
_ROOMY_BYTES = 1 << 32  # what a zip may unpack to before its ratio is looked at
_MOST_RATIO = 100  # real models deflate to a third at best


def runs_code(path: str | Path) -> bool:
    """Return whether opening this file can run code of its author's choosing."""
    return Path(path).suffix.lower() in PICKLES


def model_digest(path: str | Path) -> str:
    """Return the SHA-256 of a model file, in hexadecimal.

    Raises: BadInput if it cannot be read.
    """
    found, digest = _existing(path), hashlib.sha256()
    try:
        with found.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise _unreadable(found, error) from error
    return digest.hexdigest()


def files_at(place: Path) -> list[Path]:
    """Return the files of a model: those of its folder in order, or itself."""
    return sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else [place]


def files_digest(files: Iterable[Path]) -> str:
    """Return the SHA-256 of a model that lies in several files, their names included.

    Raises: OSError if one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            part = hashlib.file_digest(file, "sha256").digest()
        digest.update(path.name.encode() + b"\0" + part)
    return digest.hexdigest()


def load_model(path: str | Path, *, trust: bool = False, name: str | None = None) -> Target:
    """Return the model in a file, ready to be asked.

    The suffix alone decides how a file is opened; nothing is ever unpickled to see what it is.

    Args:
        path: a `.skops`, `.onnx`, `.pkl`, `.pickle` or `.joblib` file.
        trust: the user's consent that the file may run code. Needed for pickles, and for skops
            files that hold types which are not on the list in `targets.trusted`.
        name: how messages call the model; the file's name if not given.

    Raises: UntrustedFile without consent, naming the types at issue; BadInput for a file that is
        missing, truncated, of another format, or whose model cannot be audited.
    """
    found = _existing(path)
    suffix, called = found.suffix.lower(), name or found.name
    if suffix in ONNX:
        from reticent.targets.onnx import OnnxTarget

        return OnnxTarget(found, name=called)
    if suffix in SKOPS:
        model = _opened(found, lambda: _from_skops(found, trust=trust))
    elif suffix in PICKLES:
        model = _opened(found, lambda: _from_pickle(found, trust=trust))
    else:
        raise BadInput(
            f"{found} ends in {suffix or 'nothing'!r}, which is no model format known here.",
            way_out=f"Save the model as {_READABLE}.",
        )
    return _opened(found, lambda: _as_target(model, called))


def save_model(model: Any, path: str | Path) -> None:
    """Write a fitted scikit-learn model to a skops file.

    Raises: BadInput if it cannot be written, or holds something that skops cannot.
    """
    from skops.io import dump

    to = Path(path)
    if to.suffix.lower() not in SKOPS:
        raise BadInput(f"{to} does not end in .skops.", way_out="Name the file MODEL.skops.")
    try:
        dump(model, to)
    except OSError as error:
        raise BadInput(
            f"{to} cannot be written: {error.strerror or error}.",
            way_out="Check the folder, its permissions and the free space.",
        ) from error
    except Exception as error:
        raise BadInput(
            f"{type(model).__name__} cannot be saved as skops: {_first_line(error)}",
            way_out="Replace the part that is not library code, or export it to ONNX.",
        ) from error


def _as_target(model: Any, name: str) -> Target:
    from reticent.targets.sklearn import SklearnTarget

    return SklearnTarget(model, name=name)


def _opened(path: Path, read: Callable[[], T]) -> T:
    """Return what `read` returns; a library's own complaint becomes ours."""
    try:
        return read()
    except ReticentError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    except (Exception, SystemExit) as error:  # a forged or truncated file can raise anything
        raise BadInput(
            f"{path} cannot be loaded: {type(error).__name__}: {_first_line(error)}",
            way_out="It is truncated, or was written by another library version; save it again.",
        ) from error


def _from_skops(path: Path, *, trust: bool) -> Any:
    from skops.io import get_untrusted_types, load

    from reticent.targets.forged import check_structure
    from reticent.targets.trusted import TRUSTED

    _check_zip(path)
    asked_for = sorted(get_untrusted_types(file=path))
    beyond = [kind for kind in asked_for if kind not in TRUSTED]
    if beyond and not trust:
        raise UntrustedFile(
            f"{path} holds types that are not on the trusted list: {', '.join(beyond[:8])}"
            f"{' and more' if len(beyond) > 8 else ''}; building them could run code.",
            way_out="If you know who wrote it, consent with --trust-model-file.",
        )
    if "xgboost.core.Booster" in asked_for:
        check_boosters(path)
    model = load(path, trusted=asked_for)
    check_structure(model, file=str(path))
    return model


def _from_pickle(path: Path, *, trust: bool) -> Any:
    if not trust:
        raise UntrustedFile(
            f"{path} is a pickle: opening it runs whatever code its author put in.",
            way_out="Save the model with skops or as ONNX, or, if you know who wrote it, consent "
            "with --trust-model-file.",
        )
    import joblib

    return joblib.load(path)  # reads plain pickles too


def _check_zip(path: Path) -> None:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise BadInput(
                f"{path} is not a skops file (a zip archive), or it is truncated.",
                way_out="Save the model again with skops.io.dump.",
            )
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max(_ROOMY_BYTES, _MOST_RATIO * path.stat().st_size):
        raise BadInput(
            f"{path} would unpack to {unpacked} bytes from {path.stat().st_size}.",
            way_out="Save the model again without compression.",
        )


def _existing(path: str | Path) -> Path:
    found = Path(path)
    try:
        there = found.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise BadInput(f"Model file {str(path)!r} is not there.", way_out="Check the path.")
    return found


def _unreadable(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{path} cannot be read: {error.strerror or error}.",
        way_out="Check its permissions and the disk.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
