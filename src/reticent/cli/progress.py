"""Progress on standard error: bars with the time left on a terminal, else one line a stage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reticent.core.events import Listener, Progress

_WORDS = {
    "prepare": "Reading the model and the data",
    "references": "Training reference models",
    "shadows": "Training shadow models",
    "cells": "Attacking",
    "controls": "Checking the audit itself",
    "report": "Writing",
    "probe": "Probing",
    "index": "Reading the corpus",
}


@contextmanager
def listener(*, quiet: bool) -> Iterator["Listener"]:
    """Give what an audit should report its progress to."""
    if quiet:
        from reticent.core.events import silent

        yield silent
    elif sys.stderr.isatty():
        with _bars() as listen:
            yield listen
    else:
        yield _lines()


def _lines() -> "Listener":
    begun: set[str] = set()

    def listen(step: "Progress") -> None:
        if step.stage not in begun:
            begun.add(step.stage)
            with suppress(OSError):  # whoever read along has left: that must not end the audit
                sys.stderr.write(f"{_words(step.stage)} ({step.total})\n")
                sys.stderr.flush()

    return listen


@contextmanager
def _bars() -> Iterator["Listener"]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bars,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def listen(step: "Progress") -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(_words(step.stage), total=step.total, what="")
            what = f"{step.what} (kept)" if step.reused else step.what
            bars.update(tasks[step.stage], completed=step.done, total=step.total, what=what)

        yield listen


def _words(stage: str) -> str:
    return _WORDS.get(stage, stage)
