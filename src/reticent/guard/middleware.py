"""The guard inside a model server's own process: the same pipeline with no extra hop."""

import os
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from reticent.config import load_guard
from reticent.core import ReticentError
from reticent.guard.app import Scope, Send, refuse_websocket, serve_one
from reticent.guard.arrival import Receive
from reticent.guard.assemble import Parts, open_parts
from reticent.guard.types import JournalDown
from reticent.guard.upstream.asgi import AsgiUpstream


class ReticentMiddleware:
    """ASGI middleware: `app.add_middleware(ReticentMiddleware, config="reticent.toml")`.

    Every HTTP request goes through the guard; the wrapped application is reached only with
    questions that the guard has written anew. Endpoints whose upstream is "app" are the wrapped
    application's; its other routes are gone, as they are behind a guard of its own.

    Args:
        app: the application of the model server.
        config: path of reticent.toml.
        environ: where the secret is looked up; the process's own by default.

    Needs a server that runs the lifespan protocol: the guard's parts open at startup.
    """

    def __init__(
        self, app: Any, config: str | Path, environ: MutableMapping[str, str] | None = None
    ) -> None:
        self._app = app
        self._file = load_guard(Path(config))
        self._environ = os.environ if environ is None else environ
        self._parts: Parts | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as a guard does."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(scope, receive, send)
        elif kind == "http":
            if self._parts is None:
                raise RuntimeError(
                    "The guard was not started: this server does not run ASGI's lifespan protocol."
                )
            await serve_one(self._parts.pipeline, scope, receive, send)
        else:
            await refuse_websocket(receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open and close the guard's parts around the application's own lifespan."""
        startup = await receive()
        try:
            parts = self._parts = await open_parts(
                self._file,
                environ=self._environ,
                in_process=AsgiUpstream(self._app, inherited=_inherited(scope)),
                wall=time.time,
                clock=time.monotonic,
            )
        except (ReticentError, JournalDown, OSError) as error:
            # Raised, it would pass for an application that has no lifespan, and be lost.
            await send({"type": "lifespan.startup.failed", "message": _in_words(error)})
            return
        waiting = [startup]

        async def heard() -> MutableMapping[str, Any]:
            return waiting.pop() if waiting else await receive()

        async def said(message: MutableMapping[str, Any]) -> None:
            if message["type"].startswith(("lifespan.shutdown", "lifespan.startup.failed")):
                await self._close(parts)
            await send(message)

        try:
            await self._app(scope, heard, said)
        except BaseException:
            await self._close(parts)
            raise

    async def _close(self, parts: Parts) -> None:
        if self._parts is parts:
            self._parts = None
            await parts.close()


def _in_words(error: Exception) -> str:
    if isinstance(error, ReticentError):
        return f"The guard cannot start: {error.what} {error.way_out}".strip()
    return f"The guard cannot start: {error}"


def _inherited(scope: Scope) -> dict[str, Any]:
    """Return what requests find of the application: itself, and what its lifespan left for them."""
    return {name: scope[name] for name in ("app", "state") if name in scope}
