"""How a guard ends: in good order, with everything written."""

import json
import signal
import subprocess
import sys

import pytest
import urllib3
from guard.live import free_port

from reticent.config import load_guard
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store
from reticent.guard.journal.timeline import entries
from reticent.guard.journal.verify import verify
from reticent.guard.secrets import read_secret

CONFIG = """
[[policy]]
name = "plain"
defences = []
[guard]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:0"
[[guard.endpoint]]
model = "credit"
owner = "Credit risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_guard_only_when_all_is_written(tmp_path, number, code):
    port = free_port()
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(port=port))
    run = "import sys; from reticent.cli import main; sys.exit(main())"
    guard = subprocess.Popen(
        [sys.executable, "-c", run, "guard", str(path)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert guard.stderr is not None
        assert any("Guarding credit" in line for line in guard.stderr)
        for _ in range(3):  # counted, and written to the journal a second later or at the end
            assert urllib3.request("POST", f"http://127.0.0.1:{port}/x", timeout=5).status == 401
        guard.send_signal(number)
        assert guard.wait(20) == code
    finally:
        guard.kill()
        guard.communicate()
    file = load_guard(path)
    store = journal_store(file.guard, file.state)
    found = [entry for _, _, entry in entries(store, ()) if entry is not None]
    report = verify(store, journal_keys(read_secret(file, {})))
    store.close()
    assert found[-1].kind == "stop"
    assert sum(e.detail["times"] for e in found if e.kind == "refusal") == 3
    assert not report.problems, json.dumps(list(map(str, report.problems)))
    assert [chain.unsigned for chain in report.chains] == [0] * len(report.chains)
