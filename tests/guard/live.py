"""Real servers for tests, on loopback and free ports, always stopped."""

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager

import uvicorn
from guard.unpaused import UnpausedLoop


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def serving(app, *, lifespan="off", port=None):
    """Serve an ASGI application from a thread; yields its origin."""
    port = port or free_port()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        lifespan=lifespan,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(3000):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def guarding(file, environ):
    """Run a guard from a thread; yields (parts, address of callers, address of operators)."""
    from reticent.guard.serve import serve

    ready = threading.Event()
    found = {}

    def tell(parts, callers, admin):
        found.update(parts=parts, callers=callers, admin=admin, loop=asyncio.get_running_loop())
        ready.set()

    async def main():
        found["stop"] = asyncio.Event()
        await serve(file, environ=environ, ready=tell, stop=found["stop"])

    def run():
        try:
            with asyncio.Runner(loop_factory=UnpausedLoop) as runner:
                runner.run(main())
        except BaseException as error:
            found["error"] = error
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    if "error" in found:
        raise found["error"]
    try:
        yield found["parts"], found["callers"], found["admin"]
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(30)
        assert not thread.is_alive()


def oip_app(model, *, words="upstream-secret-word"):
    """Return an Open Inference Protocol server of a scikit-learn classifier.

    It talks too much on purpose: names, headers, stack traces with a word of its own.
    """
    import numpy as np

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, said = 200, None
        try:
            if not scope["path"].endswith("/infer"):
                said = {"name": words, "platform": words, "versions": [words]}
            else:
                given = json.loads(body)["inputs"][0]
                x = np.array(given["data"], dtype=float).reshape(given["shape"])
                scores = model.predict_proba(x)
                labels = model.predict(x)
                said = {
                    "model_name": words,
                    "model_version": words,
                    "id": words,
                    "parameters": {"trace": words},
                    "outputs": [
                        {
                            "name": "predict",
                            "shape": [len(x), 1],
                            "datatype": "INT64",
                            "data": labels.tolist(),
                        },
                        {
                            "name": "predict_proba",
                            "shape": list(scores.shape),
                            "datatype": "FP64",
                            "data": scores.ravel().tolist(),
                        },
                        {"name": words, "shape": [1], "datatype": "BYTES", "data": [words]},
                    ],
                }
        except Exception as error:
            status, said = 500, {"error": f"{words}: {error!r}"}
        payload = json.dumps(said).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(payload)),
            (b"x-model", words.encode()),
            (b"server", words.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    return app
