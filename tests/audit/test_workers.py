"""Workers are forked from one process that has imported the libraries and holds nothing else."""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from reticent.audit import workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


def run(code: str) -> list[str]:
    """Return what a fresh interpreter prints: no worker of another test has begun there."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_to_begin_imports_nothing_here_and_everything_there():
    code = """
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from reticent.audit.workers import begin, context
begin()
print("sklearn" in sys.modules)
with ProcessPoolExecutor(1, mp_context=context()) as pool:
    print(pool.submit(eval, "'sklearn.ensemble' in __import__('sys').modules").result())
"""
    assert run(code) == ["False", "True"]


def test_all_workers_come_from_one_process_which_is_not_this_one():
    parents = set()
    for _ in range(2):
        with ProcessPoolExecutor(1, mp_context=workers.context()) as pool:
            parents.add(pool.submit(os.getppid).result())
    assert len(parents) == 1
    assert os.getpid() not in parents


def test_processor_time_of_ended_workers_is_counted():
    work = "import time\nwhile time.process_time() < 0.5: pass"
    with ProcessPoolExecutor(1, mp_context=workers.context()) as pool:
        pool.submit(int).result()
        before = workers.cpu_s()
        pool.submit(exec, work).result()
    assert workers.cpu_s() - before >= 0.48  # counted in ticks of 10 ms, user and system apart


def test_before_any_worker_has_begun_no_time_is_counted():
    assert run("from reticent.audit.workers import cpu_s; print(cpu_s())") == ["0.0"]


def test_workers_end_with_the_audit_that_was_killed():
    code = """
import os, signal, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from reticent.audit.workers import context, end_with_parent
pool = ProcessPoolExecutor(2, mp_context=context(), initializer=end_with_parent)
pids = set()
while len(pids) < 2:
    pids |= set(pool.map(exec_pid, range(8)))
print(*pids, flush=True)
pool.submit(time.sleep, 300)
pool.submit(time.sleep, 300)
time.sleep(0.3)
os.kill(os.getpid(), signal.SIGKILL)
""".replace("exec_pid", "pid_of")
    code = "from audit.test_workers import pid_of\n" + code
    tests = str(Path(__file__).parents[1])
    env = os.environ | {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env
    )
    assert done.returncode == -9, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pid_of(_):
    time.sleep(0.05)
    return os.getpid()


def is_alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
