"""What numba keeps of compiled loops must never outlive a source that went into them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from reticent.textindex import compiling

BASE = (
    "from loops.compiling import inlined\nSTEP = 1\n@inlined\ndef shifted(x):\n    return x << {}\n"
)
TOP = """
from loops.base import STEP, shifted
from loops.compiling import kernel
@kernel
def work(x):
    return shifted(x) + STEP
"""
RUN = """
from loops.top import work
print(work(3), sum(work.stats.cache_hits.values()))
"""


def run(folder):
    environment = {"PATH": "", "HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    value, hits = done.stdout.split()
    return int(value), int(hits)


def test_a_change_in_another_file_is_seen_at_once(tmp_path):
    loops = tmp_path / "loops"
    loops.mkdir()
    shutil.copy(compiling.__file__, loops / "compiling.py")
    (loops / "__init__.py").write_text("")
    (loops / "top.py").write_text(TOP)
    (loops / "base.py").write_text(BASE.format(1))
    assert run(tmp_path) == (7, 0)
    assert run(tmp_path) == (7, 1)  # kept
    before = (loops / "base.py").stat()
    (loops / "base.py").write_text(BASE.format(2))
    assert (loops / "base.py").stat().st_size == before.st_size
    assert run(tmp_path) == (13, 0)
    # A folder that cannot be made: kept in the user's own, and all works.
    shutil.rmtree(loops / "__pycache__")
    (loops / "__pycache__").write_text("in the way")
    assert run(tmp_path) == (13, 0)
    (tmp_path / "home" / ".cache" / "reticent").rename(tmp_path / "home" / "gone")
    (tmp_path / "home" / ".cache" / "reticent").write_text("in the way, too")
    assert run(tmp_path) == (13, 0)


def test_every_compiled_loop_is_kept_under_the_digest_of_all_sources():
    from reticent.textindex import kernels, nearly, tables

    digest = compiling.sources_digest(Path(compiling.__file__).parent)
    loops = [
        each
        for module in (kernels, nearly, tables)
        for each in vars(module).values()
        if hasattr(each, "py_func")
    ]
    assert len(loops) > 10
    assert all(digest in str(loop.stats.cache_path) for loop in loops)


def test_the_digest_tells_names_and_bytes_apart(tmp_path):
    def digest(**files):
        for path in tmp_path.glob("*.py"):
            path.unlink()
        for name, body in files.items():
            (tmp_path / f"{name}.py").write_text(body)
        return compiling.sources_digest(tmp_path)

    kinds = [digest(a="1", b="2"), digest(a="12", b=""), digest(a="2", b="1"), digest(a="1")]
    assert len(set(kinds)) == 4
    assert digest(a="1", b="2") == kinds[0]
