"""A million rows, two processes, and being killed: what large data and interruptions cost.

Takes no arguments. Everything is measured in processes of its own: processor time and resident
memory of an audit of 100,000 and of 1,000,000 people (DuckDB's buffers included, the memory that
the imports take not), wall time of training look-alikes with one and with two processes, and how
much finished work an audit repeats that was killed again and again. The last line is JSON.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPEATS = 5
SMALL, LARGE = 100_000, 1_000_000
FEATURES = ("age", "smoker", "c0", "c1", "c2", "c3")
UNUSED = tuple(f"c{j}" for j in range(4, 16))  # columns that nobody needs: they must not be read
AUXILIARY = 10_000
KILLS = 6
MODELS = 32  # look-alikes to train: as many as the forests of the membership benchmark have

CONFIG = """\
[model]
path = "model.skops"
owner = "Benchmark"
[data]
source = "people-{rows}.parquet"
member_column = "in_training"
target = "ill"
auxiliary = "auxiliary.parquet"
max_candidates = {most}
[[sensitive]]
column = "smoker"
harm = "high"
[adversary]
seen = ["y"]
reference_models = 0
shadow_models = 0
[audit]
attacks = ["loss", "map", "csmia"]
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reticent-scale-") as name:
        folder = Path(name)
        make(folder)
        # All people under test: the work that grows with the rows, and not a sample of them.
        everybody = {
            rows: [audit(folder, rows, most=LARGE) for _ in range(REPEATS)]
            for rows in (SMALL, LARGE)
        }
        # As configured by default: everybody is read and checked, 2,000 a side are under test.
        default = [audit(folder, LARGE, most=2_000) for _ in range(REPEATS)]
        bars = {
            "time_ratio_1m_over_100k": cpu(everybody[LARGE]) / cpu(everybody[SMALL]),
            "peak_over_columns": statistics.median(run["peak_over_columns"] for run in default),
            "jobs2_speedup": speedup(),
            "work_repeated": killed_and_resumed(folder),
        }
        seen: dict[str, Any] = {
            "cpu_s_100k": cpu(everybody[SMALL]),
            "cpu_s_1m": cpu(everybody[LARGE]),
            "cpu_s_1m_default_sample": cpu(default),
            "peak_over_columns_everybody_under_test": statistics.median(
                run["peak_over_columns"] for run in everybody[LARGE]
            ),
            "columns_bytes_1m": default[0]["columns_bytes"],
        }
    for key, value in seen.items():
        print(f"{key}: {value:.3f}")
    print(json.dumps({"bars": {key: round(value, 3) for key, value in bars.items()}}))


def cpu(runs: list[dict[str, float]]) -> float:
    return statistics.median(run["cpu_s"] for run in runs)


def make(folder: Path) -> None:
    """Write the people and a model of them."""
    import duckdb
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from skops.io import dump

    rng = np.random.default_rng(7)

    def people(n: int) -> "pd.DataFrame":
        numbers = [f"c{j}" for j in range(4)] + list(UNUSED)
        table = pd.DataFrame({name: rng.normal(size=n).round(6) for name in numbers})
        table["age"] = rng.integers(18, 90, n)
        table["smoker"] = (rng.random(n) < 0.3).astype(np.int64)
        risk = 1 / (1 + np.exp(1.5 - table["c0"] - 1.5 * table["smoker"]))
        table["ill"] = (rng.random(n) < risk).astype(np.int64)
        table["in_training"] = (rng.random(n) < 0.5).astype(np.int64)
        return table

    for rows in (SMALL, LARGE):
        table = people(rows)
        with duckdb.connect() as connection:
            connection.register("people", table)
            connection.execute(f"COPY people TO '{folder / f'people-{rows}.parquet'}'")
    auxiliary = people(AUXILIARY)
    with duckdb.connect() as connection:
        connection.register("people", auxiliary)
        connection.execute(f"COPY people TO '{folder / 'auxiliary.parquet'}'")
    with duckdb.connect() as connection:
        connection.register("people", people(400))
        connection.execute(f"COPY people TO '{folder / 'people-tiny.parquet'}'")
    model = LogisticRegression().fit(auxiliary[list(FEATURES)], auxiliary["ill"])
    dump(model, folder / "model.skops")


def audit(folder: Path, rows: int, *, most: int) -> dict[str, float]:
    """Return the cost of one audit, measured in a process of its own."""
    config = folder / f"{rows}-{most}.toml"
    config.write_text(CONFIG.format(rows=rows, most=most), "utf-8")
    done = subprocess.run(
        [sys.executable, __file__, "--audit", str(config), str(rows)],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def audit_here(config: Path, rows: int) -> dict[str, float]:
    """Audit in this process; the peak is counted from what the imports left."""
    import gc
    from datetime import UTC, datetime

    from reticent.audit.run import run_audit
    from reticent.audit.setup import from_config
    from reticent.config import load
    from reticent.data import read_table

    source = config.parent / f"people-{rows}.parquet"
    # A tiny audit of the same kind first, so that the baseline holds everything that is imported.
    tiny = config.with_suffix(".tiny.toml")
    text = config.read_text("utf-8").replace(source.name, "people-tiny.parquet")
    tiny.write_text(re.sub("max_candidates = [0-9]+", "max_candidates = 50", text), "utf-8")
    run_audit(from_config(load(tiny)), out=None, now=lambda: datetime.now(UTC))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forget the peak so far
    before, started = memory("VmRSS"), time.process_time()
    experiment = from_config(load(config))
    record = run_audit(experiment, out=None, now=lambda: datetime.now(UTC))
    spent, peak = time.process_time() - started, memory("VmHWM")
    assert {cell.attack for cell in record.cells} == {"loss", "map", "csmia"}, record.not_run  # noqa: S101
    columns = read_table(source, columns=[*FEATURES, "ill", "in_training"])
    size = int(columns.memory_usage(index=False).sum())
    return {
        "cpu_s": spent,
        "peak_over_columns": (peak - before) / size,
        "columns_bytes": size,
    }


def memory(what: str) -> int:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {what} in /proc/self/status")


def speedup() -> float:
    """Return wall time with one process over wall time with two, medians, taken in turns.

    Imports and the start of the workers count, as whoever waits for a command waits for them too.
    """
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(REPEATS):
        for jobs, times in taken.items():
            done = subprocess.run(
                [sys.executable, __file__, "--train", str(jobs)],
                env=environment(),
                check=True,
                capture_output=True,
                text=True,
            )
            times.append(json.loads(done.stdout.splitlines()[-1])["wall_s"])
    print(f"training with one process: {taken[1]}, with two: {taken[2]}")
    return statistics.median(taken[1]) / statistics.median(taken[2])


def train_here(jobs: int) -> dict[str, float]:
    """Train look-alikes of a forest, started and kept on disk as an audit starts and keeps them."""
    started = time.perf_counter()
    from reticent.audit.workers import begin

    if jobs > 1:
        begin()
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    from reticent.audit.references import draw_masks, train
    from reticent.audit.store import Store
    from reticent.audit.trainer import SklearnTrainer

    rng = np.random.default_rng(5)
    x = rng.normal(size=(6_000, 20))
    y = (x[:, 0] + rng.normal(size=len(x)) > 0).astype(np.int64)
    trainer = SklearnTrainer(RandomForestClassifier(100, min_samples_leaf=5, n_jobs=1))
    recipes = draw_masks(MODELS, len(x), rng)
    with tempfile.TemporaryDirectory(prefix="reticent-jobs-") as folder:
        models, _ = train(
            trainer, x, y, recipes, data_digest="benchmark", store=Store(Path(folder)), jobs=jobs
        )
        wall = time.perf_counter() - started
    assert len(models) == len(recipes)  # noqa: S101
    return {"wall_s": wall}


def killed_and_resumed(folder: Path) -> float:
    """Kill an audit -9 again and again; return how many finished pieces were made again."""
    out = folder / "killed"
    work = out / "work"
    config = folder / "killed.toml"
    text = CONFIG.format(rows=SMALL, most=2_000)
    text = text.replace("reference_models = 0", "reference_models = 8")
    text = text.replace('["loss", "map", "csmia"]', '["loss", "lira-online", "map", "csmia"]')
    config.write_text(text, "utf-8")
    code = "import sys; from reticent.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "audit", str(config), "--out", str(out), "--quiet"]
    known: dict[str, int] = {}
    killed = repeated = 0
    while True:
        resumed = command + (["--resume"] if known else [])
        process = subprocess.Popen(resumed, env=environment(), start_new_session=True)
        wanted = len(known) + 2
        while process.poll() is None:
            if killed < KILLS and len(pieces(work)) >= wanted:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            time.sleep(0.002)
        now = pieces(work)
        repeated += sum(now.get(name) != stamp for name, stamp in known.items())
        known = now
        if process.returncode != -signal.SIGKILL:
            break
        killed += 1
    record = json.loads((out / "record.json").read_text("utf-8"))
    assert record["run"]["complete"], "the audit did not finish"  # noqa: S101
    assert killed == KILLS, f"killed {killed} times only"  # noqa: S101
    print(f"killed {killed} times, {len(known)} pieces, {record['run']['reused']} taken over")
    return float(repeated)


def pieces(work: Path) -> Mapping[str, int]:
    """Return finished piece -> when it was written."""
    if not work.is_dir():
        return {}
    return {p.name: p.stat().st_mtime_ns for p in work.iterdir() if not p.name.startswith(".")}


def environment() -> dict[str, str]:
    """Return this environment with one thread a process, so that processor time is comparable."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return os.environ | dict.fromkeys(threads, "1")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--audit"]:
        print(json.dumps(audit_here(Path(sys.argv[2]), int(sys.argv[3]))))
    elif sys.argv[1:2] == ["--train"]:
        print(json.dumps(train_here(int(sys.argv[2]))))
    else:
        main()
