"""A proxy that checks nothing: the guard's server and client alone. The floor under it.

python bare.py PORT MODEL_PORT
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from reticent.guard.upstream import HttpUpstream
from reticent.protocols.base import WireRequest

Message = MutableMapping[str, Any]


class Bare:
    def __init__(self, origin: str) -> None:
        self.upstream = HttpUpstream(origin)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        reply = await self.upstream.send(
            WireRequest(method=scope["method"], path=scope["path"], body=body)
        )
        headers = [
            (b"content-type", reply.media_type.encode()),
            (b"content-length", b"%d" % len(reply.body)),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


if __name__ == "__main__":
    port, model = map(int, sys.argv[1:])
    uvicorn.run(
        Bare(f"http://127.0.0.1:{model}"),
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
