import asyncio
import hashlib
from types import SimpleNamespace

import pytest

from reticent.guard.admin.app import admin_app
from reticent.guard.admin.session import metrics_token
from reticent.guard.metrics import Metrics

SECRET = hashlib.sha256(b"one").digest()


def parts(admin):
    return SimpleNamespace(
        secret=SECRET,
        metrics=Metrics(),
        journal=SimpleNamespace(down=""),
        file=SimpleNamespace(guard=SimpleNamespace(admin=admin)),
        pipeline=SimpleNamespace(wall=lambda: 100.0),
    )


def status_of(app, path, **headers):
    """Return the status that an ASGI application answers a GET with."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("10.0.0.1:1", False),
        ("[::]:1", False),
        ("guard.example:1", False),
    ],
)
def test_what_is_loopback(address, expected):
    status = status_of(admin_app(parts(address)), "/metrics")
    assert (status == 200) is expected
    assert status in (200, 401)


def test_metrics_say_how_the_journal_is_when_they_are_read():
    guard = parts("127.0.0.1:1")
    app = admin_app(guard)
    for down, expected in (("", 1.0), ("no space", 0.0), ("", 1.0)):
        guard.journal.down = down
        assert status_of(app, "/metrics") == 200
        assert f"reticent_journal_up {expected}" in guard.metrics.exposition().decode()


def test_metrics_are_open_on_this_machine_and_want_a_token_beyond_it():
    assert status_of(admin_app(parts("127.0.0.1:8081")), "/metrics") == 200
    app = admin_app(parts("0.0.0.0:8081"))
    assert status_of(app, "/metrics") == 401
    for wrong in ("", "Bearer ", "Bearer x", metrics_token(SECRET)[:-1]):
        assert status_of(app, "/metrics", authorization=wrong) == 401
    right = f"Bearer {metrics_token(SECRET)}"
    assert status_of(app, "/metrics", authorization=right) == 200
