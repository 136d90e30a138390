"""What is remembered for a kept connection never outlives what it follows from."""

import asyncio
import hashlib
import json
import time

import pytest
from guard.live import guarding, oip_app, serving
from guard.raw import Line
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.journal.chain import entry_of, payload_of
from reticent.guard.journal.open import journal_store
from reticent.guard.seats import Seat
from reticent.guard.secrets import read_secret
from reticent.guard.types import Entry, Frame, Framed

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these seats").hexdigest()}
CONFIG = """
[[policy]]
name = "two-digits"
defences = [{{kind = "round", digits = 2}}]
[[policy]]
name = "label-only"
defences = [{{kind = "hard_label"}}]
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[[guard.endpoint]]
model = "cancer"
owner = "Oncology research"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1]
row_shape = [30]
policy = "two-digits"
limits.identity = {{rows_per_minute = 6000, burst_rows = 10000}}
"""


@pytest.fixture(scope="module")
def rows():
    return load_breast_cancer(return_X_y=True)[0]


@pytest.fixture(scope="module")
def upstream(rows):
    y = load_breast_cancer(return_X_y=True)[1]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, y)
    with serving(oip_app(model)) as origin:
        yield origin


def changes_of(file):
    return open_key_changes(
        file.guard, file.state, secret=read_secret(file, SECRET), clock=time.time
    )


def request(key, x):
    body = json.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": list(x.shape),
                    "datatype": "FP64",
                    "data": x.ravel().tolist(),
                }
            ]
        }
    ).encode()
    head = (
        "POST /v2/models/cancer/infer HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_a_kept_connection_follows_the_configuration_and_the_keys(rows, upstream, tmp_path):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(upstream=upstream))
    file = load_guard(path)
    changes = changes_of(file)
    key = changes.issue(
        tenant="default", identity="analyst", models=("cancer",), lifetime_s=None
    ).key.text
    two_digits, label_only = (file.policies[n].digest for n in ("two-digits", "label-only"))
    sizes = (1, 1, 3, 1, 3)

    def answered(line, size):
        assert line.send(request(key, rows[:size]))
        return line.reply()

    with guarding(file, SECRET) as (parts, callers, _), Line(callers) as line:
        for size in sizes:
            assert answered(line, size).headers["reticent-policy"] == two_digits
        text = path.read_text()
        path.write_text(text.replace('policy = "two-digits"', 'policy = "label-only"'))
        reload = asyncio.run_coroutine_threadsafe(parts.reload(load_guard(path)), parts.loop)
        reload.result(10)
        for size in sizes:
            assert answered(line, size).headers["reticent-policy"] == label_only
        changes.revoke(key.split("_")[1])
        until_s = time.monotonic() + 10
        while (status := answered(line, 1).status) == 200:
            assert time.monotonic() < until_s
            time.sleep(0.1)
        assert status == 401
    changes.close()
    store = journal_store(file.guard, file.state)
    kept = [entry_of(row.payload) for chain in store.chains() for row in store.rows(chain)]
    store.close()
    queries = [entry for entry in kept if entry.kind == "query"]
    assert [(e.rows, e.policy) for e in queries[: 2 * len(sizes)]] == [
        *((size, two_digits) for size in sizes),
        *((size, label_only) for size in sizes),
    ]
    assert {len(e.fingerprints) == e.rows for e in queries} == {True}
    assert len({(e.identity, e.token, e.network) for e in queries}) == 1
    assert [e.time_s for e in queries] == sorted({e.time_s for e in queries})


def test_a_framed_entry_is_written_as_the_whole_one_is():
    first = Entry(time_s=1.0, kind="query", identity="i", token="t", model="m", rows=2, status=200)
    frame = Frame(first)
    for time_s, prints in ((2.5, (b"a" * 16, b"b" * 16)), (3.0, ()), (1e22, (b"c" * 16,))):
        framed = Framed(frame, time_s, prints)
        whole = Entry(
            time_s=time_s, kind="query", identity="i", token="t", model="m", rows=2, status=200,
            fingerprints=prints,
        )  # fmt: skip
        assert framed.whole() == whole
        assert payload_of(framed) == payload_of(whole)
    odd = Frame(Entry(time_s=1.0, kind="query", identity="\ud800", detail={"v": object}))
    framed = Framed(odd, 4.0, (b"d" * 16,))
    assert payload_of(framed) == payload_of(framed.whole())


def test_a_seat_remembers_few_frames():
    seat = Seat()
    seat.frames = {}
    for rows in range(100):
        seat.keep(rows, Frame(Entry(time_s=0.0, kind="query", rows=rows)))
    assert len(seat.frames) <= 16
    assert {rows: frame.entry.rows for rows, frame in seat.frames.items()} == {
        rows: rows for rows in seat.frames
    }
