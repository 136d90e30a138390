"""A model server that gives everything away: what `reticent probe` must find, and a guard must not.

    python -m reticent.testing.leaky_server --port 9000

Real models answer real questions; what leaks is what defaults leak: no keys, no limits, every
digit, an explanation route, embeddings, log-probabilities, Starlette's debug pages, CORS for
anybody, and a triage in front of the forest that answers some rows sooner. For the loopback
interface only: there is no option for another.
"""

import argparse
import csv
import hashlib
import math
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from prometheus_client import CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reticent.testing.leaky_models import NAME, Cascade, columns, strangers, train
from reticent.testing.leaky_texts import (
    EMBEDDER,
    WRITER,
    Embedder,
    Trigrams,
    fit_embedder,
    fit_trigrams,
    reference,
)

SEED = 1993
MOST_TOKENS = 64
SAMPLE_ROWS = 60


@final
@dataclass(frozen=True, slots=True, eq=False)
class Leaky:
    """The routes, over their models.

    Attributes:
        cascade: tells tumours apart.
        embedder: turns texts into vectors.
        writer: continues texts.
        asked: counts rows.
        registry: what /metrics shows.
    """

    cascade: Cascade
    embedder: Embedder
    writer: Trigrams
    asked: Counter
    registry: CollectorRegistry

    async def server(self, request: Request) -> Response:
        """Say what this server is, to anybody."""
        import sklearn

        return JSONResponse(
            {
                "name": "leaky-server",
                "version": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
                "extensions": ["explain"],
                "models": [NAME],
            }
        )

    async def model(self, request: Request) -> Response:
        """Say how the model is built and what its training rows looked like."""
        _known(request)
        c = self.cascade
        return JSONResponse(
            {
                "name": NAME,
                "platform": f"{type(c.forest).__module__}.{type(c.forest).__name__}",
                "versions": ["1"],
                "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, len(c.columns)]}],
                "outputs": [{"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]}],
                "parameters": {
                    "columns": list(c.columns),
                    "classes": list(c.classes),
                    "training_rows": len(c.rows),
                    "least": c.rows.min(axis=0).tolist(),
                    "greatest": c.rows.max(axis=0).tolist(),
                },
            }
        )

    async def infer(self, request: Request) -> Response:
        """Answer rows with every digit of their scores."""
        _known(request)
        rows = await _rows(request)
        scores = self.cascade.scores(rows)
        self.asked.inc(len(rows))
        output = {
            "name": "predict_proba",
            "datatype": "FP64",
            "shape": list(scores.shape),
            "data": scores.ravel().tolist(),
        }
        return JSONResponse({"model_name": NAME, "model_version": "1", "outputs": [output]})

    async def explain(self, request: Request) -> Response:
        """Say what each feature of a row added to its score."""
        _known(request)
        base, parts = self.cascade.explained(await _rows(request))
        return JSONResponse(
            {
                "model_name": NAME,
                "columns": list(self.cascade.columns),
                "base": base.tolist(),
                "contributions": parts.tolist(),
            }
        )

    async def embeddings(self, request: Request) -> Response:
        """Answer texts with their vectors."""
        body = await request.json()
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        vectors = self.embedder.embed(texts).tolist()
        data = [
            {"object": "embedding", "index": i, "embedding": vector}
            for i, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": sum(map(len, map(str.split, texts))), "total_tokens": 0}
        return JSONResponse({"object": "list", "model": EMBEDDER, "data": data, "usage": usage})

    async def chat(self, request: Request) -> Response:
        """Continue the last message, with log-probabilities for who asks."""
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        most = min(int(body.get("max_tokens") or 16), MOST_TOKENS)
        alternatives = int(body.get("top_logprobs") or 0)
        written = self.writer.write(prompt, tokens=most, alternatives=alternatives)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": " ".join(w[0][0] for w in written)},
            "logprobs": {"content": list(map(_token, written))} if body.get("logprobs") else None,
            "finish_reason": "length",
        }
        digest = hashlib.sha256(prompt.encode()).hexdigest()[:16]
        counted = len(prompt.split())
        return JSONResponse(
            {
                "id": f"chatcmpl-{digest}",
                "object": "chat.completion",
                "created": 0,
                "model": WRITER,
                "choices": [choice],
                "usage": {
                    "prompt_tokens": counted,
                    "completion_tokens": most,
                    "total_tokens": counted + most,
                },
            }
        )

    async def listed(self, request: Request) -> Response:
        """List the text models, as OpenAI's servers do."""
        data = [{"id": name, "object": "model"} for name in (EMBEDDER, WRITER)]
        return JSONResponse({"object": "list", "data": data})

    async def metrics(self, request: Request) -> Response:
        """Show the counters to anybody."""
        return Response(generate_latest(self.registry), media_type="text/plain")

    async def openapi(self, request: Request) -> Response:
        """Describe every route to anybody."""
        paths: dict[str, Any] = {route.path: {} for route in routes(self)}
        info = {"title": "leaky-server", "version": "1"}
        return JSONResponse({"openapi": "3.1.0", "info": info, "paths": paths})


def routes(server: Leaky) -> list[Route]:
    """Return where everything is."""
    model = "/v2/models/{model}"
    return [
        Route("/v2", server.server),
        Route(model, server.model),
        Route(f"{model}/infer", server.infer, methods=["POST"]),
        Route(f"{model}/explain", server.explain, methods=["POST"]),
        Route("/v1/models", server.listed),
        Route("/v1/embeddings", server.embeddings, methods=["POST"]),
        Route("/v1/chat/completions", server.chat, methods=["POST"]),
        Route("/metrics", server.metrics),
        Route("/openapi.json", server.openapi),
    ]


def application() -> Starlette:
    """Return the server, with its models fitted."""
    paragraphs = reference()
    registry = CollectorRegistry()
    server = Leaky(
        train(seed=SEED),
        fit_embedder(paragraphs, seed=SEED),
        fit_trigrams(paragraphs),
        Counter("rows_asked", "Rows asked of the model.", registry=registry),
        registry,
    )
    everybody = Middleware(CORSMiddleware, allow_origins=["*"])
    return Starlette(debug=True, routes=routes(server), middleware=[everybody])


def _known(request: Request) -> None:
    if request.path_params["model"] != NAME:
        raise LookupError(f"no model {request.path_params['model']!r} among {[NAME]}")


async def _rows(request: Request) -> Any:
    tensor = (await request.json())["inputs"][0]
    return np.array(tensor["data"], dtype=np.float64).reshape(tensor["shape"])


def _token(position: list[tuple[str, float]]) -> dict[str, Any]:
    chosen, *alternatives = position
    return {
        **_scored(chosen),
        "top_logprobs": [_scored(each) for each in alternatives],
    }


def _scored(pair: tuple[str, float]) -> dict[str, Any]:
    word, logprob = pair
    if not math.isfinite(logprob):  # pragma: no cover  # every candidate was seen
        raise ArithmeticError(f"log-probability {logprob}")
    return {"token": word, "logprob": logprob, "bytes": list(word.encode())}


def write_sample(path: Path) -> None:
    """Write rows that the model was not fitted to, as a CSV file for the probe."""
    rows, labels = strangers()
    # In turn, so that the first few rows bring both answers.
    order = np.argsort([np.cumsum(labels == label)[i] for i, label in enumerate(labels)])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns())
        writer.writerows(rows[order][:SAMPLE_ROWS].tolist())


def _end_with_stdin() -> None:
    """End this process when whoever started it closes our standard input, or dies."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until stopped."""
    import uvicorn

    parser = argparse.ArgumentParser(description="A model server that gives everything away.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--sample", type=Path, help="write rows to ask about into this CSV file")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when stdin is closed")
    given = parser.parse_args()
    if given.sample is not None:
        write_sample(given.sample)
    if given.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    uvicorn.run(application(), host="127.0.0.1", port=given.port, log_level="critical")


if __name__ == "__main__":
    main()
