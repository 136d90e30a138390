"""Faces out of face models, AT&T: Fredrikson's table, other models, controls; ART in the same run.

Usage: faces.py [--pictures FOLDER] [--only SECTION[,SECTION]] [--keep FOLDER]

Needs RETICENT_DATA (or ../shared/data beside the repository), dlib-bin and face-recognition-models.
40 people; photos 1 to 7 train the targets, 8 to 10 teach the judges: a network, LDA, and dlib's
face network (nearest held-out photo). "2of3": two of the three pick the right person of the
line-up. Everything is the mean over three seeds (of training, of the draw of private people, of
the attack), over ten for the CNN, where a seed has only 20 people. With --pictures a wall of
pictures a section is written: true means above, drawn below. With --only the named sections alone
run. With --keep a finished section's bars stay in the folder, and a run that was interrupted takes
them from there as long as no code that they rest on has changed. The last line is JSON.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import numpy as np  # noqa: E402
from _faces.black_box import black_box  # noqa: E402
from _faces.cnn import private_cnn  # noqa: E402
from _faces.controls import controls  # noqa: E402
from _faces.data import ROOT, Photos, faces, wall  # noqa: E402
from _faces.judging import Judges  # noqa: E402
from _faces.template import templates  # noqa: E402
from _faces.white_box import white_box  # noqa: E402

SEEDS = 3
Walls = dict[str, list[np.ndarray]]
Section = Callable[[Photos, Photos, list[Judges], Walls], dict[str, float]]
SECTIONS: Mapping[str, Section] = {
    "white-box": white_box,
    "cnn": private_cnn,
    "template": templates,
    "answers": black_box,
    "controls": controls,
}
#: what a section's figures rest on
CODE = ("benchmarks/_faces", "benchmarks/_peers/faces_art.py", "src/reticent/attacks/_images",
        "src/reticent/attacks/_images_black_box", "src/reticent/attacks/inversion",
        "src/reticent/audit/images/judges")  # fmt: skip


def main() -> None:
    """Measure everything and print the bars."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    chosen = asked.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"there is no section {sorted(unknown)}; there are {', '.join(SECTIONS)}")
    started, bars, judges = time.perf_counter(), {}, []
    train, held = faces()
    for name in chosen:
        file = asked.keep / f"{name}-{_digest()}.json" if asked.keep else None
        if file is not None and file.exists():
            print(f"\n{name}: kept from an earlier run")
            bars |= json.loads(file.read_text())
            continue
        judges = judges or [Judges(held, seed) for seed in range(SEEDS)]
        walls: Walls = {}
        spent = time.process_time()
        found = SECTIONS[name](train, held, judges, walls)
        print(f"   {name}: {time.process_time() - spent:.0f} s of CPU time in this process")
        bars |= found
        if asked.pictures is not None:
            asked.pictures.mkdir(parents=True, exist_ok=True)
            for one, rows in walls.items():
                wall(rows, asked.pictures / f"{one}.png")
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found))
    print(f"\n{time.perf_counter() - started:.0f} s")
    print(json.dumps({"bars": {k: round(v, 4) for k, v in bars.items()}}))


def _digest() -> str:
    """Return what tells this state of the code from any other."""
    found = hashlib.sha256()
    for place in CODE:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()[:12]


if __name__ == "__main__":
    main()
