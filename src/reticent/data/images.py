"""Labelled pictures from a folder a person, or from an array file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reticent.core import BadInput, Column, Floats

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pnm", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
)
MOST_PIXELS = 50_000_000  # of one picture: more is a mistake, or an attempt to fill the memory
_INSTALL = "pip install 'reticent[images]'"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pictures:
    """Labelled pictures.

    Attributes:
        x: (n, height, width) or (n, height, width, 3), values in [0, 1].
        labels: (n,) who or what is on each: names of folders, or the array file's `y`.
    """

    x: Floats
    labels: Column

    def __len__(self) -> int:
        return len(self.x)


def read_pictures(
    source: str | Path,
    *,
    shape: Sequence[int] | None = None,
    fit: bool = False,
    value_range: tuple[float, float] | None = None,
) -> Pictures:
    """Return the pictures of a folder or of an array file.

    A folder holds one folder for each class, which holds its pictures. An array file is what
    `numpy.savez(file, x=pictures, y=labels)` writes: x of shape (n, height, width), (n, height,
    width, 3), or (n, numbers) if the shape is declared.

    Args:
        source: the folder, or the `.npz` file.
        shape: what each picture must be; None to take what is there.
        fit: bring pictures of other sizes and colours to `shape` (to that of the first if it is
            None) instead of refusing them.
        value_range: black and white of an array file's numbers; None for 0 to 255 if they are
            whole bytes, else 0 to 1.

    Raises: BadInput naming the file, the value and the rule.
    """
    path = Path(source)
    wanted = None if shape is None else tuple(shape)
    try:
        folder, file = path.is_dir(), path.is_file()
    except (OSError, ValueError):
        folder = file = False
    if folder:
        return _from_folder(path, wanted, fit=fit)
    if not file:
        raise BadInput(
            f"{path} is neither a folder nor a file.",
            way_out="Give a folder with one folder of pictures for each class, or an .npz file "
            "with x and y.",
        )
    if path.suffix.lower() != ".npz":
        raise BadInput(
            f"{path} ends in {path.suffix or 'nothing'!r}; labelled pictures are a folder or an "
            ".npz file.",
            way_out="Save them with numpy.savez(FILE, x=pictures, y=labels).",
        )
    return _from_arrays(path, wanted, fit=fit, value_range=value_range)


def _from_folder(path: Path, shape: tuple[int, ...] | None, *, fit: bool) -> Pictures:
    classes = sorted(
        (entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")),
        key=lambda entry: entry.name,
    )
    if not classes:
        loose = sum(entry.suffix.lower() in SUFFIXES for entry in path.iterdir())
        raise BadInput(
            f"{path} holds no folder of a class{f', but {loose} loose pictures' if loose else ''}.",
            way_out="Put each class's pictures into a folder of its own: FOLDER/NAME/1.png.",
        )
    pictures: list[Floats] = []
    labels: list[str] = []
    first: tuple[Path, tuple[int, ...]] | None = None
    for folder in classes:
        files = sorted(
            (f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES), key=lambda f: f.name
        )
        if not files:
            raise BadInput(
                f"Class {folder.name!r} in {path} has no pictures.",
                way_out=f"Remove the folder, or add pictures ({', '.join(sorted(SUFFIXES)[:5])}).",
            )
        for file in files:
            picture = _opened(file)
            wanted = shape or (first[1] if first else None)
            if wanted is not None and picture.shape != wanted:
                if not fit:
                    raise _differs(file, picture.shape, wanted, first, declared=shape is not None)
                picture = _fitted(picture, wanted)
            first = first or (file, picture.shape)
            pictures.append(picture)
            labels.append(folder.name)
    return Pictures(x=np.stack(pictures), labels=np.array(labels, dtype=object))


def _opened(file: Path) -> Floats:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise BadInput(
            f"{file} is a picture, and Pillow is not installed.", way_out=_INSTALL
        ) from error
    try:
        with Image.open(file) as found:
            if found.width * found.height > MOST_PIXELS:
                raise BadInput(
                    f"{file} has {found.width} x {found.height} pixels; at most {MOST_PIXELS} are "
                    "read.",
                    way_out="Save it smaller.",
                )
            grey = found.mode in ("1", "L", "I", "I;16", "F")
            if found.mode in ("I", "I;16", "F"):
                raise BadInput(
                    f"{file} has {found.mode} pixels of more than 8 bits, whose range is not "
                    "known.",
                    way_out="Save it with 8 bits a channel, or give an .npz file and data.range.",
                )
            plain = found.convert("L" if grey else "RGB")
            return np.asarray(plain, dtype=np.float64) / 255
    except BadInput:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadInput(
            f"{file} cannot be read as a picture ({_first_line(error)}).",
            way_out="Replace it, or remove it from the folder.",
        ) from error
    except Image.DecompressionBombError as error:
        raise BadInput(f"{file} unpacks to too many pixels.", way_out="Save it smaller.") from error


def _differs(
    file: Path,
    has: tuple[int, ...],
    wanted: tuple[int, ...],
    first: tuple[Path, tuple[int, ...]] | None,
    *,
    declared: bool,
) -> BadInput:
    whose = "model.shape says" if declared or first is None else f"{first[0].name} is"
    return BadInput(
        f"{file} is {said(has)}; {whose} {said(wanted)}.",
        way_out="Save all pictures in one size and colour, or set data.fit = true to have them "
        "scaled and converted.",
    )


def said(shape: Sequence[int]) -> str:
    """Return a shape in words.

    >>> said((112, 92)), said((64, 64, 3))
    ('112 x 92 grey', '64 x 64 colour')
    """
    colour = "grey" if len(shape) == 2 else "colour"
    return f"{shape[0]} x {shape[1]} {colour}" if len(shape) >= 2 else f"{shape[0]} numbers"


def _fitted(picture: Floats, shape: tuple[int, ...]) -> Floats:
    """Return one picture in another size and colour."""
    from PIL import Image

    image = Image.fromarray(np.round(picture * 255).astype(np.uint8))
    image = image.convert("L" if len(shape) == 2 else "RGB")
    if (image.height, image.width) != shape[:2]:
        image = image.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.float64) / 255


def _from_arrays(
    path: Path,
    shape: tuple[int, ...] | None,
    *,
    fit: bool,
    value_range: tuple[float, float] | None,
) -> Pictures:
    x, y = _arrays(path)
    if len(x) != len(y):
        raise BadInput(
            f"{path}: x holds {len(x)} pictures and y {len(y)} labels.",
            way_out="Save one label for each picture.",
        )
    if len(x) == 0:
        raise BadInput(f"{path} holds no pictures.", way_out="Save at least one of each class.")
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim == 4 and x.shape[3] != 3 and x.shape[1] in (1, 3):
        raise BadInput(
            f"{path}: x has shape {x.shape}, with the channels first.",
            way_out="Put them last: x.transpose(0, 2, 3, 1); model.layout says how the model "
            "takes them.",
        )
    if x.ndim == 2 and shape is not None and x.shape[1] == int(np.prod(shape)):
        x = x.reshape(len(x), *shape)
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] != 3):
        raise BadInput(
            f"{path}: x has shape {x.shape}; pictures are (n, height, width) or (n, height, width, "
            "3).",
            way_out="Save it so; rows of numbers need model.shape to say what they are.",
        )
    scaled = _in_range(x, path, value_range)
    if shape is not None and scaled.shape[1:] != shape:
        if not fit:
            raise _differs(path, scaled.shape[1:], shape, None, declared=True)
        scaled = np.stack([_fitted(picture, shape) for picture in scaled])
    return Pictures(x=scaled, labels=y)


def _arrays(path: Path) -> tuple[Any, Column]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            found = {name: kept[name] for name in kept.files if name in ("x", "y")}
    except (OSError, ValueError, EOFError, KeyError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # zipfile and zlib have errors of their own
        if type(error).__module__ not in ("zipfile", "zlib"):
            raise
        raise _unreadable(path, error) from error
    lacking = [name for name in ("x", "y") if name not in found]
    if lacking:
        raise BadInput(
            f"{path} has no {' and no '.join(lacking)}.",
            way_out="Save it with numpy.savez(FILE, x=pictures, y=labels).",
        )
    x, y = found["x"], found["y"]
    if x.dtype.kind not in "biuf" or x.ndim < 2:
        raise BadInput(
            f"{path}: x holds {x.dtype} of shape {x.shape}; numbers, one picture a row, are needed."
        )
    if y.ndim != 1:
        raise BadInput(f"{path}: y has shape {y.shape}; one label a picture is needed.")
    return x, y


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(
        f"{path} cannot be read as an array file ({_first_line(error)}).",
        way_out="Save plain numbers and texts with numpy.savez; nothing is unpickled.",
    )


def _in_range(x: Any, path: Path, value_range: tuple[float, float] | None) -> Floats:
    low, high = value_range or ((0.0, 255.0) if x.dtype == np.uint8 else (0.0, 1.0))
    numbers = np.asarray(x, dtype=np.float64)
    odd = int((~np.isfinite(numbers)).sum())
    if odd:
        raise BadInput(
            f"{path}: {odd} values of x are no numbers.", way_out="Leave out broken pictures."
        )
    least, most = float(numbers.min()), float(numbers.max())
    slack = 1e-6 * (high - low)
    if least < low - slack or most > high + slack:
        raise BadInput(
            f"{path}: x runs from {least:g} to {most:g}; black is {low:g} and white {high:g}.",
            way_out=f"Set data.range, for example data.range = {_likely(least, most)}.",
        )
    return np.clip((numbers - low) / (high - low), 0.0, 1.0)


def _likely(least: float, most: float) -> str:
    known = ((0, 1), (-1, 1), (0, 16), (0, 255), (-128, 128))
    fitting = next(((a, b) for a, b in known if a <= least and most <= b), None)
    low, high = fitting or (np.floor(least), np.ceil(most))
    return f"[{low:g}, {high:g}]"


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text.replace(os.sep + os.sep, os.sep)[:200]
