"""Fredrikson's table: softmax regression, MLP and denoising auto-encoder, weights in hand; ART."""

import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Attack, Knowledge
from reticent.attacks.inversion.white_box import ImageInversion
from reticent.core import Candidates, Channel, ImageSpace, Population, ReconstructionClaim
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target
from reticent.targets.sklearn import SklearnTarget
from reticent.targets.torch import TorchModel

from .data import PEOPLE, PICTURES, ROOT, ROWS, Photos
from .judging import Judges, Verdict, mean_figures
from .targets import dae, mlp, softmax_regression

ART = ROOT / ".bench-envs" / "faces-art"
REQUIRED = ["adversarial-robustness-toolbox==1.20.1", "scikit-learn<1.8", "packaging", "torch"]
REPEATS = 5
WHO = np.arange(PEOPLE)
ATTACKS = {
    "softmax": ImageInversion(broad=0.5, reach=0.18),
    "mlp": ImageInversion(steps=1, blur=0.7, contrast=-0.25, reach=0.18),
    "dae": ImageInversion(steps=3, blur=1.0, reach=0.15, views=1),
}


def mean_picture(held: Photos, space: ImageSpace) -> Knowledge:
    """Return what the adversary knows here: the mean of pictures by the same camera, no person."""
    mean = space.inputs(held.x.mean(axis=0)[None])
    return Knowledge(population=Population(x=mean, y=np.array([-1])), images=space)


def attacked(
    attack: Attack, target: Target, knowledge: Knowledge, who: np.ndarray, seed: int, **held: Any
) -> tuple[ReconstructionClaim, float]:
    """Return the claim and the CPU seconds it took."""
    access = Access(
        target=target,
        policy=Policy(),
        ledger=QueryLedger(),
        identity="attack",
        exposed=Channel.WEIGHTS,
    )
    wanted = Candidates(x=np.empty((len(who), 0)), y=who, **held)
    started = time.process_time()
    claim = attack.run(access, wanted, knowledge, np.random.default_rng([4, seed]))
    spent = time.process_time() - started
    if not isinstance(claim, ReconstructionClaim):
        raise TypeError(f"{attack.name} claims no pictures")
    return claim, spent


def white_box(
    train: Photos, held: Photos, judges: Sequence[Judges], walls: dict[str, list[np.ndarray]]
) -> dict[str, float]:
    """Print the table; return the bars. `judges` has one entry a seed."""
    python = environment()
    bars: dict[str, float] = {}
    print("\n1. White box, 40 classes, start at the mean of 120 pictures by the same camera")
    own = np.stack([train.x[train.y == p].mean(axis=0) for p in WHO])
    mean_row("mean of the person's own 7 photos", [j.judge(own, WHO) for j in judges], None)
    floor = np.repeat(held.x.mean(axis=0)[None], PEOPLE, axis=0)
    mean_row("the mean picture itself (floor)", [j.judge(floor, WHO) for j in judges], None)
    for name, make in (("softmax", softmax_regression), ("mlp", mlp), ("dae", dae)):
        ours: list[Verdict] = []
        times: list[float] = []
        peers: dict[str, list[tuple[Verdict, float]]] = {}
        for seed, judge in enumerate(judges):
            model = make(train, seed)
            target, space = served(model)
            knowledge = mean_picture(held, space)
            runs = [attacked(ATTACKS[name], target, knowledge, WHO, seed) for _ in range(REPEATS)]
            times.append(statistics.median(t for _, t in runs))
            ours.append(judge.judge(runs[0][0].images, WHO))
            if seed == 0:
                walls[name] = [own[:12], runs[0][0].images[:12]]
            if name != "dae":
                for mode, pictures, spent in art(python, model, name, held, seed):
                    peers.setdefault(mode, []).append((judge.judge(pictures, WHO), spent))
        cpu = statistics.median(times)
        figures = mean_row(f"{name}: ours", ours, cpu)
        bars[f"{name}_2of3"], bars[f"{name}_dlib1"] = figures["2of3"], figures["dlib1"]
        for mode, found in peers.items():
            peer_cpu = statistics.median(t for _, t in found)
            theirs = mean_row(f"{name}: ART {mode}", [v for v, _ in found], peer_cpu)
            if mode == "expert":
                ratio = peer_cpu / cpu
                worse = [m for m in ("2of3", "dlib5") if figures[m] < theirs[m] - 1e-9]
                print(f"   CPU time of expert ART over ours: {ratio:.1f}", end="")
                print(f"; NOT at no lower {', '.join(worse)}" if worse else "")
                bars[f"art_cpu_over_ours_{name}"] = 0.0 if worse else ratio
    del bars["dae_2of3"], bars["dae_dlib1"]
    return bars


def served(model: Any) -> tuple[Target, ImageSpace]:
    """Return a target around a model, and its pictures."""
    if hasattr(model, "predict_proba"):
        return SklearnTarget(model), ROWS
    classes = tuple(range(PEOPLE))
    return TorchModel(module=model, classes=classes, images=PICTURES), PICTURES


def mean_row(name: str, found: Sequence[Verdict], cpu: float | None) -> dict[str, float]:
    """Print one row: means over seeds, and each seed's dlib@1."""
    figures = mean_figures(list(found))
    each = " ".join(f"{v.figures()['dlib1']:.3f}" for v in found)
    spent = "" if cpu is None else f"  CPU {cpu:.4f} s"
    told = "  ".join(f"{k} {v:.3f}" for k, v in figures.items())
    print(f"{name:36}{told}  (dlib1 each: {each}){spent}", flush=True)
    return figures


def environment() -> Path:
    """Return the interpreter of ART's own environment, made if it is missing."""
    python, stamp = ART / "bin" / "python", ART / "ready.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(REQUIRED):
        print(f"setting up ART ({', '.join(REQUIRED)}) ...", flush=True)
        venv.create(ART, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", *REQUIRED]
        subprocess.run(command, check=True, timeout=1500)
        stamp.write_text("\n".join(REQUIRED))
    return python


def art(
    python: Path, model: Any, name: str, held: Photos, seed: int
) -> list[tuple[str, np.ndarray, float]]:
    """Return (mode, pictures, CPU seconds) of ART as shipped and as an expert sets it."""
    layers = (
        [model.coef_.T, model.intercept_]
        if hasattr(model, "coef_")
        else [part for pair in zip(model.coefs_, model.intercepts_, strict=True) for part in pair]
    )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        case, out = Path(folder) / "case.npz", Path(folder) / "out.npz"
        np.savez(
            case,
            mean=held.x.mean(axis=0).reshape(1, -1),
            steps=20 if name == "softmax" else 10,
            **{f"layer{i}": np.asarray(part, np.float32) for i, part in enumerate(layers)},
        )
        script = Path(__file__).resolve().parents[1] / "_peers" / "faces_art.py"
        for mode in ("shipped", "expert"):
            repeats = 5 if mode == "expert" and name == "softmax" else 1
            done = subprocess.run(
                [python, script, case, out, mode, str(repeats)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=3000,
            )
            if done.returncode:
                raise RuntimeError(f"ART failed: {done.stderr[-2000:]}")
            with np.load(out) as told:
                pictures = told["pictures"].reshape(-1, *held.x.shape[1:])
                found.append((mode, pictures, float(np.median(told["cpu_s"]))))
    return found
