"""Small torch networks of handwritten digits, laid out in a folder as a user has them."""

from pathlib import Path

import numpy as np
from audit.images.digits import experiment

NETWORK = """\
import torch
from torch import nn


def build():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Dropout(0.3), nn.Linear(32, 10)
    )


def vectors():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32, bias=False))


def train(x, y, seed):
    torch.manual_seed(seed)
    module = build()
    steps = torch.optim.Adam(module.parameters(), lr=0.01, weight_decay=1e-3)
    given, wanted = torch.tensor(x), torch.tensor(y)
    module.train()
    for _ in range(60):
        loss = nn.functional.cross_entropy(module(given), wanted)
        steps.zero_grad()
        loss.backward()
        steps.step()
    return module
"""
HEAD = """\
modality = "image"
[model]
path = "{path}"
owner = "Digits team"
range = [0, 16]
{model}
[data]
training = "training.npz"
held_out = "held_out.npz"
public = "public.npz"
[exposure]
{exposure}
[audit]
judges = ["network", "lda", "gradients"]
{audit}
"""


def lay_out(folder: Path) -> None:
    """Write the photos, the code, a trained classifier and an embedder into a folder."""
    import torch
    from safetensors.torch import save_file

    subject = experiment()
    for name in ("training", "held_out", "public"):
        photos = getattr(subject, name)
        np.savez(folder / f"{name}.npz", x=photos.x, y=photos.who)
    (folder / "digits_networks.py").write_text(NETWORK)
    code: dict[str, object] = {}
    exec(compile(NETWORK, "digits_networks.py", "exec"), code)
    x = (subject.training.x * 16).astype(np.float32)
    save_file(code["train"](x, subject.training.who, 0).state_dict(), folder / "net.safetensors")
    torch.manual_seed(0)
    save_file(code["vectors"]().state_dict(), folder / "vectors.safetensors")


def written(folder: Path, model: str, exposure: str, audit: str = "", rest: str = "") -> Path:
    """Write a configuration and return where it is."""
    path = "vectors.safetensors" if "embedding" in model else "net.safetensors"
    text = HEAD.format(path=path, model=model, exposure=exposure, audit=audit) + rest
    file = folder / "reticent.toml"
    file.write_text(text)
    return file
