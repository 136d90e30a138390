"""Turn embeddings by a secret rotation."""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from reticent.core import Answer, Channel, Floats, Ints
from reticent.defences._settings import embeddings_of
from reticent.defences.base import Keyed

# A round takes a quarter off what a coordinate's fourth moment still tells of where it began: after
# these the moment is that of a rotation drawn uniformly, to 1 % for any dimension.
ROUNDS_PER_DOUBLING, MORE_ROUNDS = 3, 10


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn every embedding by one secret rotation; lengths and cosines between answers stay.

    It takes the meaning from single coordinates, so vectors cannot be compared with those of a
    public copy of the model, nor fed to an inverter that was trained on them. It hides nothing
    else. Distances between answers are all there: neighbours, clusters, and whether two texts are
    one. An adversary with about as many pairs of text and true embedding as there are coordinates
    solves for the rotation by least squares, and one with fewer aligns the two clouds. It is no
    defence against whoever can embed texts with the bare model.

    The rotation depends on the endpoint's secret, the place in the chain and the dimension. It is
    Kac's random walk run in parallel: in every round each coordinate meets one other, and the pair
    is turned by an angle of its own. Only operations that IEEE 754 fixes to the last bit are used,
    row by row, so that replicas and the auditor agree exactly; a matrix product, or a matrix by QR,
    depends on the machine and on what else is in the batch.

    A vector with a withheld coordinate is withheld as a whole.
    """

    kind: ClassVar[str] = "rotate"
    keyed: ClassVar[bool] = True

    def narrows(self, channels: Channel) -> Channel:
        """Leave everything but INTERMEDIATE, where the unturned vector may stand."""
        return channels & ~Channel.INTERMEDIATE

    def apply(self, answer: Answer, noise: Keyed) -> Answer:
        """Return the embeddings turned.

        Raises: BadPolicy if the answer has none.
        """
        x = embeddings_of(
            self.kind, answer, way_out="Leave the step out; keyed_noise is for scores and values."
        )
        d = x.shape[1]
        label = b"reticent-rotation-v1:%d:%d" % (noise.step, d)
        seed = hmac.digest(noise.secret, label, hashlib.sha256)
        return Answer(embeddings=_turned(x, _walk(seed, d)))


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Rounds of turns: coordinates (rounds, d // 2) that meet, cosines, sines, and signs (d,)."""

    first: Ints
    second: Ints
    cosines: Floats
    sines: Floats
    signs: Floats


@lru_cache(maxsize=64)
def _walk(seed: bytes, d: int) -> _Walk:
    rounds = ROUNDS_PER_DOUBLING * max(d - 1, 0).bit_length() + MORE_ROUNDS
    pairs = d // 2
    need = rounds * (d + pairs) + d
    words = np.frombuffer(hashlib.shake_256(seed).digest(8 * need), dtype="<u8")
    order, turns, signs = np.split(words, [rounds * d, rounds * (d + pairs)])
    met = np.argsort(order.reshape(rounds, d), axis=1, kind="stable")
    # The circle by fractions: sin and cos are not the same to the last bit everywhere.
    t = ((turns >> np.uint64(12)).astype(np.float64) + 0.5).reshape(rounds, pairs) * 2.0**-51 - 1
    return _Walk(
        first=met[:, :pairs],
        second=met[:, pairs : 2 * pairs],
        cosines=(1 - t * t) / (1 + t * t),
        sines=2 * t / (1 + t * t),
        signs=np.where(signs >> np.uint64(63), 1.0, -1.0),
    )


def _turned(x: Floats, walk: _Walk) -> Floats:
    turned = x * walk.signs
    for p, q, c, s in zip(walk.first, walk.second, walk.cosines, walk.sines, strict=True):
        a, b = turned[:, p], turned[:, q]
        turned[:, p] = c * a - s * b
        turned[:, q] = s * a + c * b
    return turned
