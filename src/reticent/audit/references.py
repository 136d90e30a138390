"""Train the adversary's look-alikes: in parallel, once, and again only what is missing."""

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from reticent.audit.store import Store, key_of
from reticent.audit.trainer import Trainer
from reticent.audit.workers import context, end_with_parent, stop_children
from reticent.core import BadInput, Bools, Column, Inputs, ReticentError, take
from reticent.core.events import Listener, Progress, silent
from reticent.targets.base import Target

MAX_POOL_LOSSES = 3  # a pool that keeps dying has a cause that trying again will not mend


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recipe:
    """One look-alike to train.

    Attributes:
        rows: (n,) which rows of the pool it is trained on.
        seed: of its own randomness.
    """

    rows: Bools
    seed: int


def draw_masks(
    models: int, rows: int, rng: np.random.Generator, *, share: float = 0.5
) -> list[Recipe]:
    """Return recipes whose rows are drawn independently, each with probability `share`.

    Independent draws on purpose: exactly balanced masks tie the rows together, and leaving one
    model out then biases the null (AUC .43-.47 at 8 models instead of .50).
    """
    masks = rng.random((models, rows)) < share
    seeds = rng.integers(2**31 - 1, size=models)
    return [Recipe(rows=m, seed=int(s)) for m, s in zip(masks, seeds, strict=True)]


def train(
    trainer: Trainer,
    x: Inputs,
    y: Column,
    recipes: Sequence[Recipe],
    *,
    data_digest: str,
    store: Store | None = None,
    jobs: int = 1,
    stage: str = "references",
    listen: Listener = silent,
) -> tuple[list[Target], int]:
    """Return one fitted model per recipe, and how many were taken over from the store.

    Args:
        trainer: fits one model.
        x: (n, ...) the adversary's pool.
        y: (n,) class values or outcomes of the pool.
        recipes: what to train.
        data_digest: name of (x, y), so that a model is never reused for other data.
        store: where fitted models are kept as skops files, which do not run code when loaded.
        jobs: processes.
        stage: name in progress messages.
        listen: hears of every model that is ready.

    Raises: BadInput if a model cannot be trained; models that are ready stay in the store.
    """
    store = store or Store()
    keys = [
        key_of(
            piece="reference",
            trainer=trainer.digest,
            data=data_digest,
            rows=np.packbits(r.rows).tobytes().hex(),
            seed=r.seed,
        )
        for r in recipes
    ]
    ready: dict[int, Target] = {}
    for i, key in enumerate(keys):
        kept = _load(store, key)
        if kept is not None:
            ready[i] = kept
            listen(_step(stage, len(ready), len(recipes), i, reused=True))
    reused = len(ready)
    missing = [i for i in range(len(recipes)) if i not in ready]
    run = _in_processes if jobs > 1 and len(missing) > 1 else _in_turn
    for i, target in run(partial(_fit, trainer), x, y, recipes, missing, jobs):
        _keep(store, keys[i], target)
        ready[i] = target
        listen(_step(stage, len(ready), len(recipes), i))
    return [ready[i] for i in range(len(recipes))], reused


def _step(stage: str, done: int, total: int, i: int, *, reused: bool = False) -> Progress:
    return Progress(
        stage=stage, done=done, total=total, what=f"reference model {i + 1}", reused=reused
    )


def _fit(trainer: Trainer, x: Inputs, y: Column, recipe: Recipe) -> Target:
    from threadpoolctl import threadpool_limits

    rows = np.flatnonzero(recipe.rows)
    with threadpool_limits(limits=1):
        return trainer.fit(take(x, rows), y[rows], recipe.seed)


def _in_turn(
    fit: Any, x: Inputs, y: Column, recipes: Sequence[Recipe], todo: Sequence[int], jobs: int
) -> Iterator[tuple[int, Target]]:
    for i in todo:
        yield i, fit(x, y, recipes[i])


_POOL: dict[str, Any] = {}  # what a worker process was started with; never read by the parent


def _start_worker(x: Inputs, y: Column, fit: bytes) -> None:
    end_with_parent()
    _POOL.update(x=x, y=y, fit=pickle.loads(fit))


def _work(recipe: Recipe) -> Target:
    result: Target = _POOL["fit"](_POOL["x"], _POOL["y"], recipe)
    return result


def _in_processes(
    fit: Any, x: Inputs, y: Column, recipes: Sequence[Recipe], todo: Sequence[int], jobs: int
) -> Iterator[tuple[int, Target]]:
    """Yield models as they are ready; a worker that dies costs its own model only."""
    left = list(todo)
    for _ in range(MAX_POOL_LOSSES):
        done: set[int] = set()
        pool = ProcessPoolExecutor(
            max_workers=min(jobs, len(left)),
            mp_context=context(),
            initializer=_start_worker,
            # The parent writes this to one worker after the other, each reading as it unpacks: a
            # trainer that imports its library there would keep the next worker from starting.
            initargs=(x, y, pickle.dumps(fit)),
        )
        try:
            running: dict[Future[Target], int] = {pool.submit(_work, recipes[i]): i for i in left}
            while running:
                finished, _pending = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    i = running.pop(future)
                    model = future.result()
                    done.add(i)
                    yield i, model
            return
        except BrokenProcessPool:
            left = [i for i in left if i not in done]
        except BaseException:
            stop_children()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    raise BadInput(
        f"Worker processes died {MAX_POOL_LOSSES} times while {len(left)} reference models were "
        "left to train.",
        way_out="They may have run out of memory: use --jobs 1; finished models are kept.",
    )


def _keep(store: Store, key: str, target: Target) -> None:
    from reticent.targets.files import save_model

    def put(path: Path) -> None:
        save_model(target.weights(), path)

    try:
        store.write(key, ".skops", put)
    except BadInput as error:
        if isinstance(error.__cause__, OSError):  # no room: nothing after it could be kept either
            raise
    except Exception:  # a model without weights: it works, it is just not kept
        return


def _load(store: Store, key: str) -> Target | None:
    from reticent.targets.files import load_model

    path = store.path(key, ".skops")
    if path is None:
        return None
    try:
        return load_model(path, name="reference")
    except ReticentError:
        return None
