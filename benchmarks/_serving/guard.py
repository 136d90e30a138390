"""Run a guard from a configuration file, and print its address when it can be reached.

python guard.py FILE
"""

import sys
from pathlib import Path

from reticent.config import load_guard
from reticent.guard.assemble import Parts
from reticent.guard.serve import run


def told(parts: Parts, callers: str, admin: str) -> None:
    print("ready", callers, admin, flush=True)


if __name__ == "__main__":
    run(load_guard(Path(sys.argv[1])), ready=told)
