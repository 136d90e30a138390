import numpy as np
import pytest

from reticent.attacks._images.priors import Public, public
from reticent.attacks.inversion.template import TemplateInversion, alike, decoded, mirror
from reticent.core import Channel, ImageSpace
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


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"blur": -1.0}, {"held": -0.1}, {"spectrum": -1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        TemplateInversion(**wrong)


def test_the_network_tells_whether_a_mirror_matters():
    rng = np.random.default_rng(2)
    vectors = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    assert alike(vectors, vectors)
    assert not alike(vectors, np.roll(vectors, 1, axis=0))
    planted = plant_template(leak=True, seed=31, n=5).through(exposed=Channel.WEIGHTS)
    assert _run(planted).notes["mirrored"] is False  # its pictures have no left and right alike


def test_a_mirror_changes_left_and_right_alone():
    space = ImageSpace(shape=(2, 3, 3))
    rows = np.arange(18, dtype=np.float32)[None]
    there = mirror(rows, space).reshape(2, 3, 3)
    np.testing.assert_array_equal(there[:, 0], rows.reshape(2, 3, 3)[:, 2])
    np.testing.assert_array_equal(mirror(mirror(rows, space), space), rows)


def test_a_picture_is_held_to_the_distance_of_public_ones():
    planted = plant_template(leak=True, seed=31, n=5).through(exposed=Channel.WEIGHTS)
    claim = TemplateInversion(held=0.3, spectrum=0.0, stride=0.1).run(
        planted.access, planted.candidates, planted.knowledge, np.random.default_rng(0)
    )
    known = public(planted.knowledge.population, planted.knowledge.images)
    far = np.sqrt(((claim.images.reshape(5, -1) - known.mean) ** 2).mean(axis=1))
    np.testing.assert_allclose(far, 0.3 * known.spread, rtol=0.05)
