"""A proxy that checks nothing: the guard's server and client alone. The floor under it.

python bare.py PORT MODEL_PORT
"""

import asyncio
import socket
import sys
from collections.abc import Mapping
from typing import Any

import uvloop

from reticent.guard.pipeline import Reply
from reticent.guard.port import CallersPort
from reticent.guard.upstream import HttpUpstream
from reticent.protocols.base import WireRequest


class Bare:
    def __init__(self, origin: str) -> None:
        self.upstream = HttpUpstream(origin)

    async def handle(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Mapping[str, str],
        address: str,
        body: Any,
        seat: Any = None,
    ) -> Reply:
        while not isinstance(body, bytes):
            message = await body()
            body = message["body"]
        reply = await self.upstream.send(WireRequest(method=method, path=path, body=body))
        return Reply(reply.status, reply.body)


async def main(port: int, model: int) -> None:
    bare: Any = Bare(f"http://127.0.0.1:{model}")
    with socket.create_server(("127.0.0.1", port)) as sock:
        await CallersPort(bare, head_timeout_s=lambda: 10.0).open(sock)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
