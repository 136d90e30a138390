"""How a guard ends: in good order, with everything written."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
import urllib3
import uvloop
from guard.live import free_port

from reticent.config import load_guard
from reticent.core import BadInput
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store
from reticent.guard.journal.timeline import entries
from reticent.guard.journal.verify import verify
from reticent.guard.secrets import read_secret
from reticent.guard.serve import _listen, _reload, serve

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


def test_of_two_guards_at_one_port_the_second_says_so(tmp_path):
    # Both bind before either listens, as where two are started at the same moment.
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(port=free_port()))
    file = load_guard(path)

    async def second():
        stop = asyncio.Event()
        with closing(_listen(file.guard.listen, "listen")) as first:
            starting = asyncio.create_task(serve(file, environ={}, stop=stop))
            await asyncio.sleep(0)  # it has bound the port, and opens its parts now
            first.listen()
            await asyncio.wait([starting], timeout=10)
            stop.set()
            await starting

    with pytest.raises(BadInput, match=r"guard\.listen is 127.*already in use"):
        uvloop.run(second())


def test_a_configuration_that_is_not_taken_is_said_with_the_way_out(tmp_path, caplog):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(port=0).replace("[[policy", "policy"))
    running = SimpleNamespace(file=SimpleNamespace(path=path), reload=None)
    asyncio.run(_reload(running))
    (told,) = caplog.records
    assert told.levelname == "ERROR"
    assert f"{path}:2" in told.why
    assert "Texts need quotes" in told.way_out


def test_a_journal_that_is_away_at_the_start_is_said(tmp_path):
    path = tmp_path / "reticent.toml"
    away = f'journal = "postgresql://127.0.0.1:{free_port()}/reticent"\n[[guard'
    path.write_text(CONFIG.format(port=0).replace("[[guard", away))
    with pytest.raises(BadInput, match="journal cannot be opened") as raised:
        asyncio.run(serve(load_guard(path), environ={}))
    assert "guard.journal" in raised.value.way_out
