"""How soon the command line answers, and what `import reticent` brings in.

    python benchmarks/startup.py

CPU time (user and system, of the whole process), not wall time: it holds on a busy machine. The
commands take turns, so a change of clock speed falls on all. Bars: `help_over_numpy` is the median
for `reticent --help` over the median for `python -c "import numpy"`; `heavy_imports` is how many of
sklearn, torch and matplotlib a fresh `import reticent` loads.
"""

import json
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

ROUNDS = 11
HEAVY = ("sklearn", "torch", "matplotlib")


def cpu_s(command: list[str]) -> float:
    """Return the CPU seconds of one run; a command that fails is not fast, it is broken."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def heavy_imports() -> list[str]:
    """Return which heavy packages a fresh `import reticent` loads."""
    code = f"import reticent, sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    return ran.stdout.split()


def main() -> None:
    """Measure, print the medians, and print the bars."""
    installed = Path(sys.executable).with_name("reticent")
    if not installed.exists():
        sys.exit(f"{installed} is not there: install the package into this environment first")
    commands = {
        "reticent --help": [str(installed), "--help"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import reticent": [sys.executable, "-c", "import reticent"],
    }
    for command in commands.values():  # fills the caches of files and byte code
        cpu_s(command)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            times[name].append(cpu_s(command))
    for name, measured in times.items():
        spread = f"{min(measured):.3f} to {max(measured):.3f}"
        print(f"{name:16s} {median(measured):.3f} s CPU, median of {ROUNDS} ({spread})")
    heavy = heavy_imports()
    print(f"heavy imports    {', '.join(heavy) or 'none'}")
    ratio = median(times["reticent --help"]) / median(times["import numpy"])
    bars = {"help_over_numpy": round(ratio, 3), "heavy_imports": len(heavy)}
    print(json.dumps({"bars": bars}))


if __name__ == "__main__":
    main()
