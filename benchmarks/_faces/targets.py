"""The targets of Fredrikson's table and beyond, trained anew for each seed."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.preprocessing import LabelBinarizer
from torch import nn

from .data import DATA, PEOPLE, Photos

torch.set_num_threads(1)

HIDDEN = 3000  # Fredrikson et al. 2015


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Return what `make` returns; kept between runs if RETICENT_FACES_CACHE names a folder.

    A name stands for what was made: change the name when the making changes.
    """
    folder = os.environ.get("RETICENT_FACES_CACHE")
    if not folder:
        return make()
    Path(folder).mkdir(parents=True, exist_ok=True)
    file = Path(folder) / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.joblib"
    if not file.exists():
        joblib.dump(make(), file)
    return joblib.load(file)


def softmax_regression(photos: Photos, seed: int) -> Any:
    """Return LogisticRegression over all 40 people on rows of pixels, weights as SGD left them."""
    return kept(
        f"softmax, span {seed} {len(photos)} {int(photos.y @ np.arange(len(photos)))}",
        lambda: _softmax(photos, seed),
    )


def mlp(photos: Photos, seed: int) -> Any:
    """Return scikit-learn's MLPClassifier with one layer of 3,000 sigmoid units."""
    return kept(f"mlp, span {seed} {len(photos)}", lambda: _mlp(photos, seed))


def dae(photos: Photos, seed: int) -> nn.Module:
    """Return two denoising layers of 1,000 and 300 sigmoid units and a softmax, as a module.

    Each layer first learns to restore its input with a tenth of it blanked out; then all learn the
    people. The module takes (n, 112, 92) and returns logits.
    """
    found: nn.Module = kept(f"dae {seed} {len(photos)}", lambda: _dae(photos, seed))
    return found.eval()


def cnn(photos: Photos, seed: int) -> nn.Module:
    """Return a small convolutional network, as a module: (n, 112, 92) -> logits."""
    found: nn.Module = kept(f"cnn {seed} {len(photos)}", lambda: _cnn(photos, seed))
    return found.eval()


def untrained(module: nn.Module, seed: int) -> nn.Module:
    """Return the same network with weights as drawn."""
    torch.manual_seed(1000 + seed)
    copy: nn.Module = joblib_copy(module)
    for part in copy.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return copy.eval()


def joblib_copy(module: nn.Module) -> nn.Module:
    """Return an independent copy."""
    import copy

    return copy.deepcopy(module)


class Pixels(nn.Module):
    """Takes grey pictures without a channel axis and gives them one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, None] - 0.5


def _tensors(photos: Photos) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(photos.x, dtype=torch.float32), torch.tensor(photos.y)


def _train(
    module: nn.Module,
    photos: Photos,
    *,
    epochs: int,
    lr: float,
    decay: float,
    seed: int,
    batch: int = 40,
    shift: int = 0,
) -> nn.Module:
    """Train with Adam on cross-entropy."""
    torch.manual_seed(seed)
    x, y = _tensors(photos)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=lr, total_steps=epochs * -(-len(x) // batch)
    )
    module.train()
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for rows in order.split(batch):
            given = x[rows]
            if shift:
                given = _moved(given, shift, generator)
            loss = nn.functional.cross_entropy(module(given), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return module.eval()


def _moved(x: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """Return pictures moved by up to `most` pixels, half of them mirrored, lit differently."""
    n, h, w = x.shape
    padded = nn.functional.pad(x[:, None], (most,) * 4, mode="replicate")[:, 0]
    places = torch.randint(0, 2 * most + 1, (n, 2), generator=generator).tolist()
    mirrored = torch.rand(n, generator=generator) < 0.5
    gain = 1 + 0.2 * (torch.rand(n, 1, 1, generator=generator) - 0.5)
    out = torch.stack([p[a : a + h, b : b + w] for p, (a, b) in zip(padded, places, strict=True)])
    return torch.where(mirrored[:, None, None], out.flip(2), out) * gain


def _softmax(photos: Photos, seed: int) -> Any:
    """Train by SGD with momentum, in the space of the photos (see `_mlp`)."""
    from sklearn.linear_model import LogisticRegression

    k = PEOPLE
    rng = np.random.default_rng([1, seed])
    x, hot = photos.rows.astype(np.float32), np.eye(k, dtype=np.float32)[photos.y]
    drawn = (0.001 * rng.standard_normal((x.shape[1], k))).astype(np.float32)
    gram, before = x @ x.T, x @ drawn
    share, d_share = 1.0, 0.0
    held, b = np.zeros((len(x), k), np.float32), np.zeros(k, np.float32)
    d_held, d_b = np.zeros_like(held), np.zeros_like(b)
    for epoch in range(300):
        order = rng.permutation(len(x))
        rate = 0.002 * (1 - epoch / 300)
        for rows in np.array_split(order, 7):
            z = share * before[rows] + gram[rows] @ held + b
            e = np.exp(z - z.max(axis=1, keepdims=True))
            d = (e / e.sum(axis=1, keepdims=True) - hot[rows]) / len(rows)
            d_held = 0.9 * d_held - rate * 1e-3 * held
            d_held[rows] -= rate * d
            d_b = 0.9 * d_b - rate * d.sum(axis=0)
            d_share = 0.9 * d_share - rate * 1e-3 * share
            held, b, share = held + d_held, b + d_b, share + d_share
    w = share * drawn + x.T @ held
    model = LogisticRegression()
    model.coef_, model.intercept_ = w.T.astype(np.float64), b.astype(np.float64)
    model.classes_, model.n_features_in_ = np.arange(k), x.shape[1]
    model.n_iter_ = np.array([300])
    return model


def _mlp(photos: Photos, seed: int) -> Any:
    """Train by SGD with momentum on minibatches, all in the space of the photos.

    Gradients of the first layer are sums of photos: W = s W0 + X' A with W0 as drawn. Keeping s
    and A instead of W gives the same weights as SGD on W, in a fiftieth of the time.
    """
    from sklearn.neural_network import MLPClassifier

    x, k = photos.rows.astype(np.float32), int(photos.y.max()) + 1
    hot, rng = np.eye(k, dtype=np.float32)[photos.y], np.random.default_rng([2, seed])
    epochs, rate, decay, speed = 120, 0.01, 1e-4, np.float32(0.9)

    def drawn(before: int, after: int) -> np.ndarray:
        wide = np.sqrt(2 / (before + after))
        return rng.uniform(-wide, wide, (before, after)).astype(np.float32)

    first, top = drawn(x.shape[1], HIDDEN), drawn(HIDDEN, k)
    bias, last = np.zeros(HIDDEN, np.float32), np.zeros(k, np.float32)
    gram, before = x @ x.T, x @ first
    share, held = np.float32(1), np.zeros((len(x), HIDDEN), np.float32)
    d_share, moves = np.float32(0), [np.zeros_like(part) for part in (held, top, bias, last)]
    for epoch in range(epochs):
        step = np.float32(rate * (1 - epoch / epochs))
        for rows in np.array_split(rng.permutation(len(x)), max(len(x) // 40, 1)):
            h = 1 / (1 + np.exp(-(share * before[rows] + gram[rows] @ held + bias)))
            z = h @ top + last
            e = np.exp(z - z.max(axis=1, keepdims=True))
            by_z = (e / e.sum(axis=1, keepdims=True) - hot[rows]) / len(rows)
            by_h = by_z @ top.T * h * (1 - h)
            by_held = decay * held
            by_held[rows] += by_h
            slopes = (by_held, h.T @ by_z + decay * top, by_h.sum(axis=0), by_z.sum(axis=0))
            d_share = speed * d_share - step * decay * share
            share += d_share
            for part, move, slope in zip((held, top, bias, last), moves, slopes, strict=True):
                move *= speed
                move -= step * slope
                part += move
    model = MLPClassifier((HIDDEN,), activation="logistic")
    model.coefs_ = [share * first + x.T @ held, top]
    model.intercepts_ = [bias, last]
    model.classes_, model.n_features_in_ = np.arange(k), x.shape[1]
    model.n_layers_, model.n_outputs_, model.out_activation_ = 3, k, "softmax"
    model._label_binarizer = LabelBinarizer().fit(np.arange(k))
    return model


def _dae(photos: Photos, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    x, _ = _tensors(photos)
    layers = [nn.Linear(x[0].numel(), 1000), nn.Linear(1000, 300)]
    given = x.flatten(1)
    for layer in layers:
        back = nn.Linear(layer.out_features, layer.in_features)
        optimiser = torch.optim.Adam([*layer.parameters(), *back.parameters()], lr=1e-3)
        for _ in range(30):
            for rows in torch.randperm(len(given)).split(40):
                blanked = given[rows] * (torch.rand_like(given[rows]) > 0.1)
                restored = torch.sigmoid(back(torch.sigmoid(layer(blanked))))
                loss = nn.functional.mse_loss(restored, given[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        with torch.no_grad():
            given = torch.sigmoid(layer(given))
    k = int(photos.y.max()) + 1
    module = nn.Sequential(
        nn.Flatten(), layers[0], nn.Sigmoid(), layers[1], nn.Sigmoid(), nn.Linear(300, k)
    )
    return _train(module, photos, epochs=60, lr=1e-3, decay=1e-4, seed=seed)


def _cnn(photos: Photos, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    k = int(photos.y.max()) + 1
    module = nn.Sequential(
        Pixels(),
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        *_block(16, 32),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 14 * 11, k),
    )
    return _train(module, photos, epochs=30, lr=2e-3, decay=1e-3, seed=seed, batch=20)


def _block(before: int, after: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]


# --- MobileFaceNet ------------------------------------------------------------------------------


class _Convolution(nn.Module):
    def __init__(self, i: int, o: int, k: Any, s: int, p: int, *, depthwise=False, linear=False):
        nn.Module.__init__(self)
        self.conv = nn.Conv2d(i, o, k, s, p, groups=i if depthwise else 1, bias=False)
        self.bn = nn.BatchNorm2d(o)
        self.prelu = nn.Identity() if linear else nn.PReLU(o)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.prelu(self.bn(self.conv(x)))
        return out


class _Bottleneck(nn.Module):
    def __init__(self, i: int, o: int, stride: int, expansion: int):
        nn.Module.__init__(self)
        m = i * expansion
        self.residual = stride == 1 and i == o
        self.conv = nn.Sequential(
            nn.Conv2d(i, m, 1, bias=False),
            nn.BatchNorm2d(m),
            nn.PReLU(m),
            nn.Conv2d(m, m, 3, stride, 1, groups=m, bias=False),
            nn.BatchNorm2d(m),
            nn.PReLU(m),
            nn.Conv2d(m, o, 1, bias=False),
            nn.BatchNorm2d(o),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x)
        return out + x if self.residual else out


class MobileFaceNet(nn.Module):
    """The network of `mobilefacenet_casia.safetensors`: (n, 3, 112, 96) in [-1, 1] -> (n, 128)."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.conv1 = _Convolution(3, 64, 3, 2, 1)
        self.dw_conv1 = _Convolution(64, 64, 3, 1, 1, depthwise=True)
        blocks, before = [], 64
        for t, c, n, s in [(2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2),
                           (2, 128, 2, 1)]:  # fmt: skip
            for i in range(n):
                blocks.append(_Bottleneck(before, c, s if i == 0 else 1, t))
                before = c
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = _Convolution(128, 512, 1, 1, 0)
        self.linear7 = _Convolution(512, 512, (7, 6), 1, 0, depthwise=True, linear=True)
        self.linear1 = _Convolution(512, 128, 1, 1, 0, linear=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.dw_conv1(self.conv1(x)))
        out: torch.Tensor = self.linear1(self.linear7(self.conv2(x))).flatten(1)
        return out


class GreyFaces(nn.Module):
    """MobileFaceNet behind a door that takes grey pictures (n, 112, 92) in [0, 1]."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.network = MobileFaceNet()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = nn.functional.interpolate(
            x[:, None], (112, 96), mode="bilinear", align_corners=False
        )
        out: torch.Tensor = self.network(((255 * wide - 127.5) / 128).expand(-1, 3, -1, -1))
        return out


def mobile_face_net() -> nn.Module:
    """Return the pretrained network behind `GreyFaces`; its answer is an embedding."""
    from safetensors.torch import load_file

    module = GreyFaces()
    state = load_file(DATA / "models" / "mobilefacenet_casia.safetensors")
    module.network.load_state_dict(state, strict=False)
    missing = set(module.network.state_dict()) - set(state)
    if any("num_batches" not in name for name in missing):
        raise ValueError(f"the file lacks {sorted(missing)[:3]}")
    return module.eval()
