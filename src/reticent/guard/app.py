"""The guard as an ASGI application: nothing but translation between ASGI and the pipeline."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any

from reticent.guard.arrival import Disconnected, Receive, read_headers
from reticent.guard.pipeline import Pipeline, Reply
from reticent.guard.refusals import Refused
from reticent.guard.replies import UNREADABLE, headers_of
from reticent.guard.text_flow import TextFlow

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def serve_one(pipeline: Pipeline, scope: Scope, receive: Receive, send: Send) -> None:
    """Take one HTTP request through the pipeline and send the reply."""
    client = scope.get("client")
    try:
        headers = read_headers(scope["headers"])
    except Refused:
        await _send(send, UNREADABLE)
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
        await send_stream(receive, send, reply, reply.stream)


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Close a websocket before it opens: no model is reached through one."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


async def _send(send: Send, reply: Reply) -> None:
    headers = headers_of(reply)
    headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def send_stream(receive: Receive, send: Send, reply: Reply, flow: TextFlow) -> None:
    """Send a streamed reply until it or the caller's patience ends."""
    gone = asyncio.ensure_future(receive())  # the body was read: only a disconnect can come now
    try:
        head = {"type": "http.response.start", "status": reply.status, "headers": headers_of(reply)}
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
