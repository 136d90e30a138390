"""The guard inside a model server's own process."""

import asyncio
import json

import numpy as np
import pytest
from guard.live import oip_app, serving
from guard.test_end_to_end import CANARY, CONFIG, SECRET, ask, key_for
from guard.test_tracing import Model
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from reticent.config import load_guard
from reticent.guard.middleware import ReticentMiddleware


def application(model):
    """Return a Starlette model server with more routes than callers should reach."""
    inner = oip_app(model, words=CANARY)

    async def infer(request):
        sent = []

        async def send(message):
            sent.append(message)

        assert request.app.state.fitted == "in the lifespan"
        await inner(request.scope, request.receive, send)
        return JSONResponse(json.loads(sent[1]["body"]), sent[0]["status"], {"x-model": CANARY})

    async def secret(request):
        return JSONResponse({"weights": CANARY})

    started = []

    async def lifespan(app):
        started.append("started")
        app.state.fitted = "in the lifespan"
        yield
        started.append("stopped")

    from contextlib import asynccontextmanager

    app = Starlette(
        routes=[
            Route("/v2/models/cancer/infer", infer, methods=["POST"]),
            Route("/weights", secret, methods=["GET", "POST"]),
        ],
        lifespan=asynccontextmanager(lifespan),
    )
    return app, started


def test_a_guarded_application_answers_as_a_guard_does(tmp_path):
    app, started = application(Model())
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(upstream="app", guard="", endpoint="", rate=0.001, burst=10))
    file = load_guard(path)
    key = key_for(file)
    app.add_middleware(ReticentMiddleware, config=path, environ=SECRET)
    x = np.ones((2, 30))
    with serving(app, lifespan="on") as origin:
        reply = ask(origin, x, key)
        assert reply.status == 200
        assert reply.json()["outputs"][0]["data"] == [0.25, 0.75] * 2
        assert reply.headers["reticent-policy"] == file.policies["two-digits"].digest
        assert CANARY not in reply.data.decode() + str(dict(reply.headers))
        assert ask(origin, x).status == 401
        assert ask(origin, x, key, path="/weights").status == 404
        assert ask(origin, x, path="/weights").status == 401
        assert ask(origin, np.ones((9, 30)), key).status == 429
    assert started == ["started", "stopped"]


def test_a_guard_of_its_own_cannot_guard_an_application(tmp_path):
    from guard.live import guarding

    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(upstream="app", guard="", endpoint="", rate=0.001, burst=10))
    with pytest.raises(Exception, match="process of its own"), guarding(load_guard(path), SECRET):
        pass


def test_bounds_of_an_endpoint_hold_for_an_application_too(tmp_path):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await asyncio.sleep(60)
        else:
            for kind in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{kind}"
                await send({"type": f"lifespan.{kind}.complete"})

    path = tmp_path / "reticent.toml"
    path.write_text(
        CONFIG.format(upstream="app", guard="", endpoint="timeout_s = 0.1", rate=1, burst=10)
    )
    key = key_for(load_guard(path))
    with serving(ReticentMiddleware(app, path, SECRET), lifespan="on") as origin:
        assert ask(origin, np.ones((1, 30)), key).status == 504


def test_a_guard_that_cannot_start_lets_no_application_start(tmp_path):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG.format(upstream="app", guard="", endpoint="", rate=1, burst=10))
    app, started = application(Model())

    async def heard():
        return {"type": "lifespan.startup"}

    async def told(environ):
        said = []

        async def send(message):
            said.append(message)

        guarded = ReticentMiddleware(app, path, environ)
        await guarded({"type": "lifespan", "app": app, "state": {}}, heard, send)
        return said

    (said,) = asyncio.run(told({"RETICENT_GUARD_SECRET": "ab" * 4}))
    assert said["type"] == "lifespan.startup.failed"
    assert "RETICENT_GUARD_SECRET holds a weak secret" in said["message"]
    assert "openssl rand -hex 32" in said["message"]
    assert started == []

    guarded = ReticentMiddleware(application(Model())[0], path, SECRET)
    with serving(guarded, lifespan="on"):  # one process alone
        (said,) = asyncio.run(told(SECRET))
        assert "another process is writing" in said["message"]
    assert started == []
