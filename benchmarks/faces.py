"""Faces out of face models, AT&T: Fredrikson's table, other models, controls; ART in the same run.

Usage: faces.py [--pictures FOLDER]

Needs RETICENT_DATA (or ../shared/data beside the repository), dlib-bin and face-recognition-models.
40 people; photos 1 to 7 train the targets, 8 to 10 teach the judges: a network, LDA, and dlib's
face network (nearest held-out photo). "2of3": two of the three pick the right person of the
line-up. Everything is the mean over three seeds (of training, of the draw of private people, of
the attack). With --pictures a wall of pictures a section is written: true means above, drawn
below. The last line is JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import numpy as np  # noqa: E402
from _faces.black_box import black_box  # noqa: E402
from _faces.cnn import private_cnn  # noqa: E402
from _faces.controls import controls  # noqa: E402
from _faces.data import faces, wall  # noqa: E402
from _faces.judging import Judges  # noqa: E402
from _faces.template import templates  # noqa: E402
from _faces.white_box import white_box  # noqa: E402

SEEDS = 3


def main() -> None:
    """Measure everything and print the bars."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    started = time.perf_counter()
    train, held = faces()
    judges = [Judges(held, seed) for seed in range(SEEDS)]
    walls: dict[str, list[np.ndarray]] = {}
    bars = white_box(train, held, judges, walls)
    bars |= private_cnn(train, held, range(SEEDS), walls)
    bars |= templates(train, held, judges, walls)
    bars |= black_box(train, held, judges, walls)
    bars |= controls(train, held, judges)
    if "--pictures" in sys.argv:
        folder = Path(sys.argv[sys.argv.index("--pictures") + 1])
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in walls.items():
            wall(rows, folder / f"{name}.png")
    print(f"\n{time.perf_counter() - started:.0f} s")
    print(json.dumps({"bars": {k: round(v, 4) for k, v in bars.items()}}))


if __name__ == "__main__":
    main()
