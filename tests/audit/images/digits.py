"""A model of handwritten digits: ten classes, pictures of 8 x 8, fitted in a moment."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.core import Channel, ImageSpace
from reticent.policy import Policy
from reticent.targets.sklearn import SklearnTarget


@cache
def _digits() -> tuple[tuple[Photos, Photos, Photos], SklearnTarget]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    pictures, who = (x / 16.0).reshape(-1, 8, 8)[order], y[order].astype(np.int64)
    parts = tuple(
        Photos(x=pictures[a:b], who=who[a:b]) for a, b in ((0, 300), (300, 500), (500, 900))
    )
    model = LogisticRegression(C=0.05, max_iter=5000)
    model.fit(parts[0].x.reshape(300, -1) * 16, parts[0].who)
    return parts, SklearnTarget(model, name="digits")  # type: ignore[return-value]  # three of them


def experiment() -> ImageExperiment:
    (training, held_out, public), target = _digits()
    return ImageExperiment(
        target=target,
        space=ImageSpace(shape=(8, 8), low=0, high=16, flat=True),
        owner="Test team",
        kind="sklearn",
        model_digest="digits",
        training=training,
        held_out=held_out,
        public=public,
        names=tuple("0123456789"),
        exposed=Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.WEIGHTS,
        policies={
            "open": Policy(),
            "hard-label": Policy.from_list([{"kind": "hard_label"}]),
        },
        secret=b"test",
    )
