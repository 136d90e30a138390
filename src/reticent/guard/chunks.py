"""A streamed reply on its way over HTTP/1.1."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from reticent.guard.app import send_stream
from reticent.guard.heads import Request
from reticent.guard.pipeline import Reply
from reticent.guard.replies import head_of
from reticent.guard.text_flow import TextFlow


async def send_in_chunks(
    reply: Reply,
    flow: TextFlow,
    request: Request,
    *,
    write: Callable[[bytes], Awaitable[None]],
    gone: "asyncio.Future[None]",
) -> bool:
    """Write a streamed reply as it comes; return whether it came to its end.

    Args:
        reply: its head.
        flow: the rest of it.
        request: what it answers; HTTP/1.0 knows no chunks, and reads until the connection ends.
        write: writes, and waits for a caller who is slow to take.
        gone: done when the caller has gone.
    """
    ended = False

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            framing = b"transfer-encoding: chunked\r\n"
            if not request.keep:
                framing = b"connection: close\r\n" + (b"" if request.old else framing)
            data = head_of(reply, framing=framing + b"\r\n")
        else:
            body = message["body"]
            ended = not message.get("more_body")
            data = body if request.old or not body else b"%x\r\n%b\r\n" % (len(body), body)
            if ended and not request.old:
                data += b"0\r\n\r\n"
        await write(data)

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    await send_stream(receive, send, reply, flow)
    return ended
