"""Worker processes that start in no time: forked from a process that holds imports and no data.

A freshly started worker spends a second on importing scikit-learn before it trains anything, and
does so again for the references, for the shadows and for the cells. So one process imports the
libraries while the audit still reads its data, and every worker is forked from that one. It never
sees the model or a person's record, and runs no code but these imports: nothing can be forked
halfway through. Where forking is not safe (macOS) or not possible, workers start afresh instead.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

PRELOAD = (
    "reticent.audit.references",
    "reticent.targets.sklearn",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.pipeline",
)


def context() -> BaseContext:
    """Return what process pools are to be made with."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(list(PRELOAD))
    return forking


def begin() -> None:
    """Start importing what workers need, in the background; return at once."""
    if context().get_start_method() == "forkserver":
        forkserver.ensure_running()


def stop_children() -> None:
    """End the worker processes at once; what they had finished is on disk."""
    for child in multiprocessing.active_children():
        child.terminate()


def end_with_parent() -> None:
    """Have this worker end at once when the audit that it works for is killed.

    An orphan would train on, and keep people's records in memory, for nobody.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent.join,), daemon=True).start()


def _outlive(wait: Callable[[], object]) -> None:
    wait()
    os._exit(1)


def cpu_s() -> float:
    """Return processor seconds of the process that workers are forked from, and of ended workers.

    They are its children, so the times of this process do not count them.
    """
    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is None:
        return 0.0
    try:
        line = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:  # it has ended
        return 0.0
    spent = line.rpartition(")")[2].split()[11:15]  # utime, stime, cutime, cstime: see proc(5)
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
