"""Faults of everything that a guard hangs on, with real processes and under load.

Whatever breaks: no row over budget, no acknowledged journal row lost, no unfiltered byte out, and
all of it heals by itself.
"""

import os
import resource
import shutil
import subprocess
import threading

import pytest
from guard.processes import (
    PATH,
    PATIENCE_S,
    ROUND,
    SECRET,
    GuardProcess,
    Load,
    ask,
    expected,
    guards,
    model_server,
    no_row_lost,
    no_unfiltered_byte,
    question,
    until,
)
from guard.raw import Line, written

from reticent.guard.admin.session import operator_password
from reticent.guard.secrets import read_secret


@pytest.fixture(scope="module")
def upstream():
    with model_server() as server:
        yield server


def test_a_model_server_that_dies_or_hangs(tmp_path):
    with (
        model_server() as upstream,
        guards(GuardProcess(tmp_path, upstream.origin, timeout_s=2.0)) as (guard,),
    ):
        gate, key = guard.gate(), guard.key()
        until(lambda: ask(guard.origin, key, (0.5, 1.0)).status == 200)
        with Load([guard.origin], key) as load:
            load.until_more(200)
            upstream.kill()
            load.until_more(503)
            upstream.start()
            load.until_more(200)
            upstream.hang()
            load.until_more(504, more=4)
            upstream.go_on()
            load.until_more(200)
        assert load.statuses <= {200, 502, 503, 504}
        no_unfiltered_byte(load.answered(), gate)
        assert guard.end() == 0
        no_row_lost(load.answered(), gate, guard.journal())


@pytest.fixture
def small_disk(tmp_path):
    """Yield a file system of four megabytes; None without the right to have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(mount).returncode:
        yield None
        return
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, guard):
    """Leave no room on a guard's disk; return what makes it again."""
    if folder is None:  # no file of the process may grow
        pid, limits = guard.process.pid, resource.prlimit(guard.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        return lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)):
                pass
        except OSError:
            pass
    return ballast.unlink


def test_a_full_disk_shuts_a_guard_until_there_is_room(tmp_path, small_disk, upstream):
    with guards(GuardProcess(small_disk or tmp_path, upstream.origin)) as (guard,):
        gate, key = guard.gate(), guard.key()
        until(lambda: ask(guard.origin, key, (0.5, 1.0)).status == 200)
        with Load([guard.origin], key) as load:
            load.until_more(200)
            room_again = fill(small_disk, guard)
            load.until_more(503)
            until(lambda: "the journal cannot be written" in guard.troubles())
            room_again()
            load.until_more(200)
            until(lambda: guard.troubles() == [])
        assert load.statuses == {200, 503}
        no_unfiltered_byte(load.answered(), gate)
        assert guard.end() == 0
        entries = guard.journal()
        no_row_lost(load.answered(), gate, entries)
        assert "outage" in {entry.kind for entry in entries}


def in_threads(*calls):
    found = [None] * len(calls)

    def run(i):
        found[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    return threads, found


def test_what_was_begun_is_answered_before_a_guard_ends(tmp_path, upstream):
    with guards(GuardProcess(tmp_path, upstream.origin)) as (guard,):
        gate, key = guard.gate(), guard.key()
        until(lambda: ask(guard.origin, key, (0.5, 1.0)).status == 200)
        upstream.hang()
        slow = [(0.125, float(i)) for i in range(12)]
        threads, told = in_threads(*[lambda row=row: ask(guard.origin, key, row) for row in slow])
        with Line(guard.origin) as line:  # and one who has not even said everything
            body = question((0.25, 7.0))
            headers = [f"Authorization: Bearer {key}", "Content-Type: application/json"]
            whole = written(PATH, body, headers=headers)
            line.send(whole[:-5])
            try:
                until(lambda: guard.in_flight() == len(slow) + 1)
                guard.process.terminate()
                until(guard.takes_nobody)
            finally:
                upstream.go_on()
            line.send(whole[-5:])
            reply = line.reply()
            assert (reply.status, reply.body) == (200, expected(gate, body))
            assert reply.headers["connection"] == "close"
        assert guard.end() == 0
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [one.status for one in told] == [200] * len(slow)
        assert [one.body for one in told] == [expected(gate, question(row)) for row in slow]
        assert ask(guard.origin, key, (0.5, 1.0)).status == 0
        entries = guard.journal()
        no_row_lost(told, gate, entries)
        assert entries[-1].kind == "stop"


def test_an_open_dashboard_holds_no_guard_up_and_a_wrong_form_is_a_wrong_password(
    tmp_path, upstream
):
    form = ["Content-Type: application/x-www-form-urlencoded"]
    with guards(GuardProcess(tmp_path, upstream.origin)) as (guard,):
        password = operator_password(read_secret(guard.file, SECRET))
        admin = f"http://127.0.0.1:{guard.admin}"
        for body in (b"a=1&b=2&c=3&d=4&password=x", b"\xff%zz", b"", b"password=%ff"):
            with Line(admin) as line:
                line.send(written("/dashboard/login", body, headers=form))
                assert line.reply().status == 401, body
        with Line(admin) as line:
            login = b"password=" + password.encode()
            line.send(written("/dashboard/login", login, headers=form))
            cookie = line.reply().headers["set-cookie"].split(";")[0]
        with Line(admin) as line:
            line.send(written("/dashboard/live", method="GET", headers=[f"Cookie: {cookie}"]))
            assert line.sock.recv(100).startswith(b"HTTP/1.1 200")
            assert guard.end() == 0
        assert b"timeout graceful shutdown exceeded" not in guard.log.read_bytes()


def test_a_configuration_read_under_load_drops_nothing(tmp_path, upstream):
    with guards(GuardProcess(tmp_path, upstream.origin, guard="drain_s = 0.2")) as (guard,):
        before, key = guard.gate(), guard.key()
        until(lambda: ask(guard.origin, key, (0.5, 1.0)).status == 200)
        with Load([guard.origin], key) as load:
            load.until_more(200)
            before_it = upstream.slow_ones()
            threads, slow = in_threads(lambda: ask(guard.origin, key, (-1.5, 2.0)))
            until(lambda: upstream.slow_ones() > before_it)
            # With another time limit, hence over another way to the model server.
            guard.reload(defences='[{kind = "hard_label"}]', timeout_s=guard.timeout_s + 1)
            after = guard.gate()
            load.until_more(200)
            guard.path.write_text("broken [")
            guard.process.send_signal(1)
            load.until_more(200)
            for _ in range(5):
                guard.reload(defences=ROUND)
                guard.reload(defences='[{kind = "hard_label"}]')
            load.until_more(200)
            threads[0].join(PATIENCE_S)
        assert load.statuses == {200}
        assert slow[0].status == 200, "what was begun under the old one ends under it"
        assert {one.digest for one in load.told} == {before.digest, after.digest}
        assert slow[0].digest == before.digest
        no_unfiltered_byte([*load.answered(), *slow], before, after)
        assert load.told[-1].digest == after.digest
        assert guard.end() == 0
        entries = guard.journal()
        no_row_lost(load.answered(), before, entries)
        assert [e.kind for e in entries].count("policy") == 11


def test_keys_come_and_go_under_load(tmp_path, upstream):
    with guards(GuardProcess(tmp_path, upstream.origin)) as (guard,):
        key, doomed = guard.key(), guard.key("doomed")
        until(lambda: ask(guard.origin, doomed, (0.5, 1.0)).status == 200)
        with Load([guard.origin], key) as load:
            load.until_more(200)
            changes = guard.key_changes()
            changes.revoke(doomed.split("_")[1])
            changes.close()
            until(lambda: ask(guard.origin, doomed, (0.5, 1.0)).status == 401)
            fresh = guard.key("fresh")
            until(lambda: ask(guard.origin, fresh, (0.5, 1.0)).status == 200)
            load.until_more(200)
            assert ask(guard.origin, doomed, (0.5, 1.0)).status == 401
        assert load.statuses == {200}
