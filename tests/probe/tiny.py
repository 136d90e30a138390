"""Small servers that show one thing each."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from reticent.core import Floats

Scores = Callable[[Floats], Any]


def inference(scores: Scores, *, limit: int = 10**9) -> Starlette:
    """An Open Inference Protocol server of the model "tiny"; its limit speaks after `limit`."""
    asked = 0

    async def infer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        if asked > limit:
            return JSONResponse({"error": "slow down"}, 429, {"retry-after": "3"})
        try:
            tensor = (await request.json())["inputs"][0]
            rows = np.array(tensor["data"], dtype=float).reshape(tensor["shape"])
        except (ValueError, KeyError, TypeError, IndexError):
            return JSONResponse({"error": "the question cannot be read"}, 400)
        found = np.asarray(scores(rows))
        labels = found.dtype.kind == "U"
        output = {
            "name": "predict" if labels else "predict_proba",
            "datatype": "BYTES" if labels else "FP64",
            "shape": list(found.shape),
            "data": found.ravel().tolist(),
        }
        return JSONResponse({"model_name": "tiny", "outputs": [output]})

    return Starlette(routes=[Route("/v2/models/tiny/infer", infer, methods=["POST"])])


def halves(rows: Floats) -> Floats:
    """Two scores with two decimals, by the first cell."""
    first = np.where(rows[:, 0] > 1, 0.75, 0.25)
    return np.column_stack([first, 1 - first])


def echo() -> Starlette:
    """Return a server that says what it was sent, redirects, and says too much."""

    async def say(request: Request) -> Response:
        body = (await request.body()).decode("latin-1")
        return JSONResponse({"headers": dict(request.headers), "body": body})

    async def elsewhere(request: Request) -> Response:
        return RedirectResponse("/say")

    async def much(request: Request) -> Response:
        return Response(b"x" * (5 << 20))

    return Starlette(
        routes=[
            Route("/say", say, methods=["GET", "POST"]),
            Route("/elsewhere", elsewhere),
            Route("/much", much),
        ]
    )


def said(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found
