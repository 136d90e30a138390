import numpy as np
import pytest

from reticent.core import Channel, ReconstructionClaim
from reticent.testing import chances, plant_images, plant_template
from reticent.testing.planted_images import SPACE


def _claim(rows):
    return ReconstructionClaim(images=rows.reshape(-1, 12, 12), confidence=np.ones(len(rows)))


def test_the_prototypes_themselves_are_the_best_claim():
    planted = plant_images(leak=True, seed=1, n=10)
    prototypes = planted.truth.answer.embeddings
    assert chances(_claim(prototypes), planted)[0] < 1e-9
    assert chances(_claim(prototypes[::-1]), planted) == pytest.approx((1.0, 0.9**10))


def test_contrast_and_light_do_not_matter_and_repeats_do_not_count():
    planted = plant_images(leak=True, seed=1, n=30)
    right = planted.truth.answer.embeddings[planted.truth.y]
    once = plant_images(leak=True, seed=1, n=10)
    assert chances(_claim(0.2 + 0.1 * right), planted) == chances(_claim(right[:10]), once)


def test_the_leaky_model_knows_its_prototypes_and_the_silent_one_does_not():
    for leak in (True, False):
        planted = plant_images(leak=leak, seed=2, n=10)
        told = planted.access.scores(SPACE.inputs(planted.truth.answer.embeddings))
        right = (told.argmax(axis=1) == np.arange(10)).mean()
        assert right == 1.0 if leak else right < 0.5


def test_templates_are_those_of_the_pictures_only_with_a_leak():
    for leak in (True, False):
        planted = plant_template(leak=leak, seed=3, n=20).through(exposed=Channel.EMBEDDING)
        own = planted.access.embeddings(planted.truth.answer.embeddings)
        seen = planted.candidates.observed.embeddings
        near = ((own[:, None] - seen) ** 2).sum(axis=2).argmin(axis=1)
        assert ((near == np.arange(20)).mean() == 1.0) == leak
