"""The guard's secret: made once, by one of however many start at once, and never a simple one."""

import secrets
import subprocess
import sys

import pytest

from reticent.config import load_guard
from reticent.core import BadInput
from reticent.guard.secrets import FILE, derived, is_weak, read_secret

CONFIG = """
[[policy]]
name = "p"
defences = []
[guard]
replicas = {replicas}
store = "{store}"
[[guard.endpoint]]
model = "m"
owner = "Nobody in particular"
protocol = "open-inference"
upstream = "http://127.0.0.1:9"
row_shape = [2]
"""
GOOD = "5f0c3b9a7e21d4688c1f2ab0937d5e46f8a1c2d3b4e5968776a5b4c3d2e1f00f"
SIMPLE = [
    bytes(32),
    bytes(range(32)),
    bytes(range(255, 191, -2)),
    b"changeme" * 4,
    b"0123456789abcdef" * 2,
    b"a" * 31 + b"b",
    bytes.fromhex(GOOD)[:31],
]


def written(folder, *, replicas=1, store="memory"):
    path = folder / "reticent.toml"
    path.write_text(CONFIG.format(replicas=replicas, store=store))
    return load_guard(path)


@pytest.mark.parametrize("secret", SIMPLE)
def test_a_simple_secret_is_refused_wherever_it_comes_from(secret, tmp_path):
    assert is_weak(secret)
    file = written(tmp_path)
    with pytest.raises(BadInput, match="weak secret"):
        read_secret(file, {"RETICENT_GUARD_SECRET": secret.hex()})
    file.state.mkdir()
    (file.state / FILE).write_text(secret.hex())
    (file.state / FILE).chmod(0o600)
    with pytest.raises(BadInput, match="weak secret"):
        read_secret(file, {})


def test_random_secrets_are_not_weak():
    assert not any(is_weak(secrets.token_bytes(32)) for _ in range(2000))


def test_a_made_secret_is_kept_for_its_owner_alone(tmp_path):
    file = written(tmp_path)
    made = read_secret(file, {})
    assert read_secret(file, {}) == made
    assert [path.name for path in file.state.iterdir()] == [FILE]  # and no draft of it
    assert (file.state / FILE).stat().st_mode & 0o777 == 0o600
    (file.state / FILE).chmod(0o640)
    with pytest.raises(BadInput, match="can be read by others"):
        read_secret(file, {})


def test_whoever_starts_at_once_reads_the_same_whole_secret(tmp_path):
    file = written(tmp_path)
    code = (
        "import sys; from pathlib import Path; from reticent.config import load_guard; "
        "from reticent.guard.secrets import read_secret; file = load_guard(Path(sys.argv[1])); "
        "print('ready', flush=True); sys.stdin.readline(); print(read_secret(file, {}).hex())"
    )
    command = [sys.executable, "-c", code, str(file.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    starting = [subprocess.Popen(command, **pipes) for _ in range(6)]
    for process in starting:
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        process.stdin.write("\n")
        process.stdin.flush()
    told = {process.communicate(timeout=30)[0] for process in starting}
    assert [process.returncode for process in starting] == [0] * len(starting)
    assert told == {f"{read_secret(file, {}).hex()}\n"}


def test_replicas_share_a_secret_or_do_not_start(tmp_path):
    file = written(tmp_path, replicas=2, store="valkey://127.0.0.1:6379/0")
    with pytest.raises(BadInput, match="replicas is 2"):
        read_secret(file, {})
    assert read_secret(file, {"RETICENT_GUARD_SECRET": GOOD}).hex() == GOOD
    with pytest.raises(BadInput, match="hexadecimal"):
        read_secret(file, {"RETICENT_GUARD_SECRET": "no" * 40})


def test_a_key_for_one_purpose_is_no_key_for_another():
    secret = bytes.fromhex(GOOD)
    assert len({derived(secret, purpose) for purpose in ("a", "b", "noise:a:b")}) == 3
