"""A model server in this very process: the application that the middleware wraps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, final

from reticent.guard.upstream.errors import UpstreamBad, UpstreamDown, UpstreamSlow
from reticent.protocols.base import WireRequest, WireResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_HELD_PIECES = 4
_OURS = frozenset((b"host", b"content-length", b"content-type", b"accept-encoding"))


@final
class AsgiUpstream:
    """Asks an ASGI application as if it were a server, with the same limits on what it says.

    The application sees a request made anew, as a server behind HTTP would: nothing of the
    caller's connection, headers or address. What it still does behind a whole reply, such as
    Starlette's background tasks, keeps nobody waiting.

    Args:
        app: the application.
        timeout_s: longest wait for the reply; for streams, for its head and then between pieces.
        max_reply_bytes: longest body.
        keep: names of further reply headers to pass on, in lower case.
        inherited: further entries of the scope, e.g. {"state": ...} of the application's lifespan.
    """

    __slots__ = ("_app", "_behind", "_inherited", "_keep", "_max_reply_bytes", "_timeout_s")

    def __init__(
        self,
        app: App,
        *,
        timeout_s: float = 30.0,
        max_reply_bytes: int = 16_000_000,
        keep: Collection[str] = (),
        inherited: Mapping[str, Any] | None = None,
    ) -> None:
        self._app = app
        self._inherited = dict(inherited or {})
        self._keep = frozenset(keep)
        self._max_reply_bytes = max_reply_bytes
        self._timeout_s = timeout_s
        self._behind: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only

    def bounded(self, *, timeout_s: float, max_reply_bytes: int) -> "AsgiUpstream":
        """Return a way to the same application with other bounds."""
        return AsgiUpstream(
            self._app,
            timeout_s=timeout_s,
            max_reply_bytes=max_reply_bytes,
            keep=self._keep,
            inherited=self._inherited,
        )

    async def send(self, request: WireRequest) -> WireResponse:
        """Return the whole reply to a request; an application that raises has answered 500.

        Raises: UpstreamBad, UpstreamSlow.
        """
        reply = _Reply(self._keep, self._max_reply_bytes)
        pieces: list[bytes] = []
        over = asyncio.Event()

        async def send(message: Message) -> None:
            piece = reply.take(message)
            if piece:
                pieces.append(piece)
            if reply.complete:
                over.set()

        task = asyncio.create_task(self._run(request, send, reply))
        task.add_done_callback(lambda _: over.set())
        try:
            async with asyncio.timeout(self._timeout_s):
                await over.wait()
        except TimeoutError:
            raise UpstreamSlow("the application did not answer in time.") from None
        finally:
            if reply.complete:
                self._leave(task)
            else:
                task.cancel()
        if not reply.complete:
            await task  # raises what the application's reply was refused for
            raise UpstreamBad("the application ended without a whole reply.")
        return WireResponse(
            status=reply.status,
            body=b"".join(pieces),
            media_type=reply.media_type,
            headers=reply.headers,
        )

    @asynccontextmanager
    async def stream(self, request: WireRequest) -> AsyncIterator["AsgiStream"]:
        """Hold the reply to a request while its body comes; leaving early cancels the application.

        Raises: UpstreamBad, UpstreamSlow, UpstreamDown.
        """
        reply = _Reply(self._keep, self._max_reply_bytes)
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_HELD_PIECES)

        async def send(message: Message) -> None:
            piece = reply.take(message)
            await pieces.put(piece)  # b"" too: it says that the head is there
            if reply.complete:
                await pieces.put(None)

        async def run() -> None:
            try:
                await self._run(request, send, reply)
            finally:
                task = asyncio.current_task()
                if not reply.complete and task is not None and not task.cancelling():
                    await pieces.put(None)

        task = asyncio.create_task(run())
        stream = AsgiStream(task, pieces, reply, self._timeout_s)
        try:
            await stream.head()
            yield stream
        finally:
            if stream.ended:
                self._leave(task)
            else:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def close(self) -> None:
        """Do nothing: the application is not ours to stop."""

    def _leave(self, task: "asyncio.Task[None]") -> None:
        """Let an application that has answered do what it still has to do."""
        self._behind.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: "asyncio.Task[None]") -> None:
        self._behind.discard(task)
        if not task.cancelled():
            task.exception()  # nobody is left who could be told

    async def _run(self, request: WireRequest, send: Send, reply: "_Reply") -> None:
        sent = False
        over = asyncio.Event()

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": request.body, "more_body": False}
            await over.wait()
            return {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            await send(message)
            if reply.complete:
                over.set()

        try:
            await self._app(self._scope(request), receive, noted)
        except UpstreamBad:
            raise
        except Exception:
            # What a server does with an application that raises: 500, and not a word of why.
            if reply.complete:
                return
            if reply.status:
                raise UpstreamDown("the application raised within its reply.") from None
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    def _scope(self, request: WireRequest) -> dict[str, Any]:
        headers = [
            (b"host", b"localhost"),
            (b"accept-encoding", b"identity"),
            (b"content-length", b"%d" % len(request.body)),
        ]
        if request.media_type:
            headers.append((b"content-type", request.media_type.encode("latin-1")))
        for name, value in request.headers.items():
            named = name.lower().encode("ascii")
            if named not in _OURS:
                headers.append((named, value.encode("latin-1")))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode("utf-8"),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": None,
            "server": ("localhost", None),
            "extensions": {},
            **self._inherited,
        }


@final
class AsgiStream:
    """A reply whose body still comes; see `StreamedReply`."""

    __slots__ = (
        "_gap_s",
        "_pieces",
        "_reply",
        "_task",
        "ended",
        "headers",
        "media_type",
        "status",
    )

    def __init__(
        self,
        task: "asyncio.Task[None]",
        pieces: "asyncio.Queue[bytes | None]",
        reply: "_Reply",
        gap_s: float,
    ) -> None:
        self._gap_s = gap_s
        self._pieces = pieces
        self._reply = reply
        self._task = task
        self.ended = False  # all of it was read
        self.headers: Mapping[str, str] = {}
        self.media_type = ""
        self.status = 0

    async def head(self) -> None:
        """Wait for the head of the reply."""
        await self._next()
        self.headers = self._reply.headers
        self.media_type = self._reply.media_type
        self.status = self._reply.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """Return the body's pieces as the application sends them; once only.

        Raises: UpstreamError if the body does not end well.
        """
        while (piece := await self._next()) is not None:
            if piece:
                yield piece

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(self._gap_s):
                piece = await self._pieces.get()
        except TimeoutError:
            raise UpstreamSlow("the application did not answer in time.") from None
        if piece is None:
            if not self._reply.complete:
                await self._task  # raises what the application's reply was refused for
                raise UpstreamBad("the application ended without a whole reply.")
            self.ended = True
        return piece


@final
class _Reply:
    """What an application has said so far."""

    __slots__ = (
        "_bytes",
        "_keep",
        "_max_bytes",
        "complete",
        "headers",
        "media_type",
        "status",
    )

    def __init__(self, keep: frozenset[str], max_bytes: int) -> None:
        self._bytes = 0
        self._keep = keep
        self._max_bytes = max_bytes
        self.complete = False
        self.headers: dict[str, str] = {}
        self.media_type = ""
        self.status = 0

    def take(self, message: Message) -> bytes:
        """Return the piece of the body in a message.

        Raises: UpstreamBad for a redirect, a compressed body, one that is too long, or messages
            out of order.
        """
        kind = message["type"]
        if kind == "http.response.start" and not self.status:
            self._start(message["status"], message.get("headers", ()))
            return b""
        if kind != "http.response.body" or not self.status or self.complete:
            raise UpstreamBad("the application answers out of order.")
        body = bytes(message.get("body", b""))
        self._bytes += len(body)
        if self._bytes > self._max_bytes:
            raise UpstreamBad(f"a reply is longer than {self._max_bytes} bytes.")
        self.complete = not message.get("more_body", False)
        return body

    def _start(self, status: int, headers: Collection[tuple[bytes, bytes]]) -> None:
        if not 200 <= status < 600:
            raise UpstreamBad("a reply has a status that is no final one.")
        if 300 <= status < 400:
            raise UpstreamBad(f"a reply is a redirect ({status}), and those are never followed.")
        for raw, value in headers:
            name = raw.decode("latin-1").lower()
            text = value.decode("latin-1").strip()
            if name == "content-encoding" and text.lower() not in ("", "identity"):
                raise UpstreamBad("a reply is compressed, though that was not asked for.")
            if name == "content-type":
                if self.media_type:
                    raise UpstreamBad("a reply has two headers content-type.")
                self.media_type = text.partition(";")[0].strip().lower()
            elif name in self._keep:
                if name in self.headers:
                    raise UpstreamBad(f"a reply has two headers {name}.")
                self.headers[name] = text
        self.status = status
