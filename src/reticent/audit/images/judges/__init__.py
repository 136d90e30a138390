"""Judges: who is on a picture, according to those who never met the attacked model."""

from collections.abc import Mapping
from importlib import import_module

import numpy as np

from reticent.audit.images.judges.base import Album, Fit, Judge
from reticent.core import BadInput

#: Name -> module and function that makes the judge; imported when it is called.
JUDGES: Mapping[str, tuple[str, str]] = {
    "network": ("reticent.audit.images.judges.network", "fit_network"),
    "lda": ("reticent.audit.images.judges.lda", "fit_lda"),
    "gradients": ("reticent.audit.images.judges.gradients", "fit_gradients"),
    "dlib": ("reticent.audit.images.judges.dlib", "fit_dlib"),
}
PANEL = ("network", "lda", "dlib")  # of faces, where dlib is installed
SPARE = ("network", "lda", "gradients")  # of anything


def fit(name: str, album: Album, rng: np.random.Generator) -> Judge:
    """Return the judge of that name, fitted on the album.

    Raises: BadInput if there is none of that name; NotEnoughKnowledge if a package is missing.
    """
    if name not in JUDGES:
        raise BadInput(
            f"There is no judge {name!r}; it must be one of {', '.join(JUDGES)}.",
            way_out="Choose among them.",
        )
    module, function = JUDGES[name]
    make: Fit = getattr(import_module(module), function)
    return make(album, rng)


def usual_panel() -> tuple[str, ...]:
    """Return the judges that decide by default: with dlib's network where it is installed."""
    from reticent.audit.images.judges.dlib import weights_folder

    return SPARE if weights_folder() is None else PANEL


__all__ = ["JUDGES", "PANEL", "SPARE", "Album", "Fit", "Judge", "fit", "usual_panel"]
