import numpy as np
import pytest

from reticent.attacks._images.priors import Public
from reticent.attacks.inversion.template import TemplateInversion, decoded
from reticent.core import Channel
from reticent.testing import chances, plant_template


def _run(planted):
    return TemplateInversion().run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )


def test_the_network_in_hand_beats_the_decoder_alone():
    planted = plant_template(leak=True, seed=31, n=40)
    walked = _run(planted.through(exposed=Channel.WEIGHTS))
    told = _run(planted.through(exposed=Channel.EMBEDDING))
    assert chances(walked, planted)[0] < chances(told, planted)[0] < 1e-6
    assert walked.confidence.min() > 0.8


def test_the_decoder_pays_a_query_a_public_picture_and_the_walk_none():
    planted = plant_template(leak=True, seed=31, n=5)
    for exposed, queries in ((Channel.EMBEDDING, 60), (Channel.WEIGHTS, 0)):
        door = planted.through(exposed=exposed)
        _run(door)
        assert door.access.queries == queries


def test_a_vector_of_a_public_picture_is_decoded_to_it():
    rng = np.random.default_rng(1)
    rows = rng.random((30, 40)).astype(np.float32)
    vectors = np.linalg.qr(rng.standard_normal((64, 30)))[0].T
    known = Public(rows=rows, mean=rows.mean(axis=0), spread=0.3)
    found = decoded(known, vectors, vectors[:3])
    near = ((found[:, None] - rows) ** 2).sum(axis=2).argmin(axis=1)
    assert near.tolist() == [0, 1, 2]


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        TemplateInversion(steps=0)
