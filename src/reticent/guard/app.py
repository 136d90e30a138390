"""The guard as an ASGI application: nothing but translation between ASGI and the pipeline."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any

from reticent.guard.arrival import Disconnected, Receive, read_headers
from reticent.guard.pipeline import Pipeline, Reply
from reticent.guard.refusals import Refused
from reticent.guard.text_flow import TextFlow

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FIXED = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


async def serve_one(pipeline: Pipeline, scope: Scope, receive: Receive, send: Send) -> None:
    """Take one HTTP request through the pipeline and send the reply."""
    client = scope.get("client")
    try:
        headers = read_headers(scope["headers"])
    except Refused:
        await _send(send, Reply(400, b'{"error":"The request cannot be read."}'))
        return
    try:
        reply = await pipeline.handle(
            scope["method"],
            scope["path"],
            scope.get("query_string", b""),
            headers,
            client[0] if client else "",
            receive,
        )
    except Disconnected:
        return
    if reply.stream is None:
        await _send(send, reply)
    else:
        await _send_stream(receive, send, reply, reply.stream)


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Close a websocket before it opens: no model is reached through one."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


async def _send(send: Send, reply: Reply) -> None:
    headers = _headers(reply)
    headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _send_stream(receive: Receive, send: Send, reply: Reply, flow: TextFlow) -> None:
    gone = asyncio.ensure_future(receive())  # the body was read: only a disconnect can come now
    try:
        head = {"type": "http.response.start", "status": reply.status, "headers": _headers(reply)}
        await send(head)
        async with aclosing(flow.events()) as events:
            while (event := await _next(events, gone)) is not None:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await flow.finish()


async def _next(events: AsyncGenerator[bytes, None], gone: asyncio.Future[Any]) -> bytes | None:
    """Return the next event; None at the end, or as soon as the caller has gone."""
    coming: asyncio.Future[bytes | None] = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait((coming, gone), return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            return await coming
    finally:
        if not coming.done():
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await coming
    return None


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", reply.media_type.encode("ascii")), *_FIXED]
    if reply.digest:
        headers.append((b"reticent-policy", reply.digest.encode("ascii")))
    if reply.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if reply.retry_after_s:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(reply.retry_after_s))))
    return headers
