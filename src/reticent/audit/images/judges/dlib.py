"""Judge: dlib's face network, trained by others on three million faces of other people."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.audit.images.judges.base import Album, Judge, nearest
from reticent.audit.images.pixels import coloured, even, resized
from reticent.core import Floats, Ints, NotEnoughKnowledge

_WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_SIDE = 150  # what the network was trained on
_MARGIN = 0.25  # around the face, likewise
_MIDDLE, _SPREAD = 0.45, 0.15  # the light that every picture is brought to, photos included
_LOOKED_AT = 60  # photos in which the frame of the faces is sought
_TALL = 224  # pictures are brought to this height before faces are sought


@final
@dataclass(frozen=True, slots=True, eq=False)
class DlibJudge:
    """Nearest held-out photo in dlib's face space.

    Attributes:
        network: dlib's model.
        frame: (5, 2) where eyes and nose sit in these pictures, in the working size (x, y).
        vectors: (n, 128) of the photos.
        who: (n,) the person on each.
        k: people.
    """

    network: Any
    frame: Ints
    vectors: Floats
    who: Ints
    k: int
    name: str = "dlib"
    how: str = "nearest held-out photo in the space of dlib's face network"

    def rank(self, images: Floats) -> Floats:
        """Return minus the distance to each person's nearest photo, (m, k)."""
        seen = embed(self.network, self.frame, images)
        apart = np.linalg.norm(seen[:, None, :] - self.vectors[None, :, :], axis=2)
        return nearest(apart, self.who, self.k)


def weights_folder() -> Path | None:
    """Return where the package face-recognition-models keeps its networks; None if it is absent.

    The package itself is not imported: it needs `pkg_resources`, which setuptools dropped.
    """
    if importlib.util.find_spec("dlib") is None:
        return None
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models"
        if (path / _WEIGHTS).is_file():
            return path
    return None


def fit_dlib(album: Album, rng: np.random.Generator) -> Judge:
    """Return a judge that has looked at the album; `rng` is not needed.

    Raises: NotEnoughKnowledge if dlib or its network is not installed, or the album shows no faces.
    """
    folder = weights_folder()
    if folder is None:
        raise NotEnoughKnowledge(
            "The dlib judge takes the packages dlib-bin and face-recognition-models.",
            way_out="Install both, or let the other judges decide.",
        )
    import dlib

    network = dlib.face_recognition_model_v1(str(folder / _WEIGHTS))
    landmarks = dlib.shape_predictor(str(folder / _LANDMARKS))
    few = album.photos[:: max(len(album.photos) // _LOOKED_AT, 1)]
    frame = face_frame(few, dlib.get_frontal_face_detector(), landmarks)
    if frame is None:
        raise NotEnoughKnowledge(
            f"A face was found in fewer than half of {len(few)} held-out photos; the dlib judge "
            "knows faces alone.",
            way_out="Let the other judges decide.",
        )
    vectors = embed(network, frame, album.photos)
    return DlibJudge(network, frame, vectors, album.who, album.k)


def face_frame(photos: Floats, detector: Any, landmarks: Any) -> Ints | None:
    """Return (5, 2) where the landmarks of a face sit in most of the photos; None without faces.

    Pictures made for a model lie in the frame of its photos, and no detector finds a blurred
    face: so the frame is found once, on the photos.
    """
    found = []
    for photo in _pixels(photos):
        faces = detector(photo, 0)
        if len(faces) == 1:
            parts = landmarks(photo, faces[0]).parts()
            found.append([(part.x, part.y) for part in parts])
    if 2 * len(found) < len(photos):
        return None
    return np.asarray(np.round(np.median(np.array(found), axis=0)), dtype=np.int64)


def embed(network: Any, frame: Ints, images: Floats) -> Floats:
    """Return (m, 128) for pictures of faces that sit in `frame`."""
    import dlib

    photos = _pixels(images)
    height, width = photos.shape[1:3]
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in frame])
    face = dlib.full_object_detection(dlib.rectangle(0, 0, width - 1, height - 1), parts)
    chips = [dlib.get_face_chip(photo, face, _SIDE, _MARGIN) for photo in photos]
    return np.array([network.compute_face_descriptor(chip) for chip in chips], dtype=np.float64)


def _pixels(images: Floats) -> Any:
    height, width = images.shape[1:3]
    return _as_bytes(resized(coloured(images), (_TALL, max(round(_TALL * width / height), 1))))


def _as_bytes(images: Floats) -> Any:
    lit = np.clip(_MIDDLE + _SPREAD * even(images), 0, 1)
    return np.ascontiguousarray(np.round(lit * 255).astype(np.uint8))
