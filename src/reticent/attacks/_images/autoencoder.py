"""A small variational auto-encoder, learned from public pictures in under a minute on one core."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from reticent.attacks._images.gradient import Rows
from reticent.attacks._images.priors import Public, moved
from reticent.core import ImageSpace, NotEnoughKnowledge

HIDDEN, LATENT = 256, 32
ROUNDS = 1000  # minibatches
BATCH = 32
RATE = 4e-3
MOST_MOVED = 2.0  # pixels that a picture is moved while it teaches, on pictures of 100
RELIT = 0.1  # and how much brighter or darker it is made


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Autoencoder:
    """A picture to a few numbers and back, through two layers each way.

    Attributes:
        encoder: (n, size) of spread 1 -> (n, 2 x latent), means and log-variances.
        decoder: (n, latent) -> (n, size).
        mean: (size,).
        spread: root mean square distance of public pictures from the mean.
        missed: root mean square distance between public pictures and what comes back, in spreads.
    """

    encoder: Any
    decoder: Any
    mean: Rows
    spread: float
    missed: float
    name: str = "vae"

    def likely(self, rows: Rows) -> Rows:
        """Return what comes back of (m, size) rows."""
        import torch

        with torch.no_grad():
            given = torch.from_numpy(np.asarray((rows - self.mean) / self.spread, np.float32))
            code = self.encoder(given)[:, :LATENT]
            back = self.decoder(code).numpy()
        return np.asarray(self.mean + self.spread * back, dtype=np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> Rows:
        """Return (n, size) made-up pictures."""
        import torch

        with torch.no_grad():
            code = torch.from_numpy(rng.standard_normal((n, LATENT)).astype(np.float32))
            back = self.decoder(code).numpy()
        return np.asarray(self.mean + self.spread * back, dtype=np.float32)


def fit_autoencoder(
    known: Public, space: ImageSpace, rng: np.random.Generator, *, rounds: int = ROUNDS
) -> Autoencoder:
    """Return an auto-encoder of the public pictures, moved and relit while they teach.

    Its noise is as large as what it misses (Rybkin et al. 2021, Simple and Effective VAE Training
    with Calibrated Decoders, https://arxiv.org/abs/2006.13202), so that nothing is to be tuned.

    Raises: NotEnoughKnowledge if torch, the adversary's own tool, is not installed.
    """
    torch = torch_of_ours()
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    size = known.rows.shape[1]
    encoder = dense(torch, generator, (size, HIDDEN, 2 * LATENT))
    decoder = dense(torch, generator, (LATENT, HIDDEN, size))
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=rounds)
    missed = 1.0
    for _ in range(rounds):
        some = rng.integers(len(known.rows), size=BATCH)
        given = torch.from_numpy(altered(known.rows[some], known, space, rng))
        middle, spread = encoder(given).chunk(2, dim=1)
        spread = spread.clamp(-12, 4)
        noise = torch.randn(middle.shape, generator=generator)
        back = decoder(middle + (spread / 2).exp() * noise)
        error = (back - given).square().mean(dim=1)
        told = (spread.exp() + middle.square() - 1 - spread).sum(dim=1) / 2
        loss = (size / 2 * error.mean().log() + told.mean()) / size
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        missed += 0.05 * (float(error.detach().mean()) ** 0.5 - missed)
    return Autoencoder(
        encoder=encoder.eval(),
        decoder=decoder.eval(),
        mean=known.mean,
        spread=known.spread,
        missed=missed,
    )


def altered(rows: Rows, known: Public, space: ImageSpace, rng: np.random.Generator) -> Rows:
    """Return pictures as spreads from the mean: all moved alike, each lit a little differently."""
    most = round(MOST_MOVED * max(space.shape[:2]) / 100)
    given = moved(rows, space, rng.integers(-most, most + 1, size=2))
    light = 1 + RELIT * rng.uniform(-1, 1, size=(len(rows), 1)).astype(np.float32)
    return np.asarray((light * given - known.mean) / np.float32(known.spread), dtype=np.float32)


def dense(torch: Any, generator: Any, sizes: Sequence[int]) -> Any:
    """Return dense layers with rectifiers between, weights as drawn by `generator`."""
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        layer = torch.nn.Linear(before, after)
        with torch.no_grad():
            layer.weight.normal_(0, before**-0.5, generator=generator)
            layer.bias.zero_()
        layers += [layer, torch.nn.SiLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_of_ours() -> Any:
    """Return torch, with which the adversary learns networks of its own.

    Raises: NotEnoughKnowledge if it is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise NotEnoughKnowledge(
            "The adversary learns a network and torch is not installed.",
            way_out="Install it with: pip install 'reticent[torch]'.",
        ) from None
    return torch
