"""One connection to the shared store, with a time limit on every word."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, cast, final

from valkey.asyncio.connection import AbstractConnection, ConnectionPool
from valkey.exceptions import NoScriptError, ValkeyError

from reticent.core import BadInput
from reticent.guard.limits.resp import read_reply


class StoreAway(Exception):
    """The store is refused, hung, or answers what cannot be used; the text says why."""


@final
class Wire(asyncio.Protocol):
    """Words out, answers in, in one order; many may be under way.

    Args:
        transport: of a connection on which nothing is under way.
        timeout_s: longest wait for an answer; the connection ends with it, as it does with whatever
            is no answer.
    """

    __slots__ = ("_held", "_loop", "_timeout_s", "_timer", "_transport", "_waiting", "over")

    def __init__(self, transport: asyncio.Transport, *, timeout_s: float) -> None:
        self._held = b""
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._transport = transport
        self._waiting: deque[tuple[float, Callable[[Any], None]]] = deque()
        self.over = ""  # why it is
        transport.set_protocol(self)

    def post(self, words: bytes, told: Callable[[Any], None]) -> None:
        """Send words; `told` gets the answer, or an exception in its place, within a later call."""
        if self.over:
            self._loop.call_soon(told, StoreAway(self.over))
            return
        self._waiting.append((self._loop.time() + self._timeout_s, told))
        if self._timer is None:  # one for many words, which finds out late that all is well
            self._timer = self._loop.call_later(self._timeout_s, self._ring)
        self._transport.write(words)

    def end(self, why: str) -> None:
        """End the connection; whoever waits is told."""
        if self.over:
            return
        self.over = why
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        while self._waiting:
            self._waiting.popleft()[1](StoreAway(why))

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._held:
            data = self._held + data
        at = 0
        while at < len(data) and not self.over:
            try:
                found = read_reply(data, at)
            except ValueError as error:
                self.end(f"ValueError: {error}")
                return
            if found is None:
                break
            if not self._waiting:
                self.end("it says what nobody asked")
                return
            answer, at = found
            self._waiting.popleft()[1](answer)
        self._held = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is gone."""
        self.end(f"{type(exc).__name__}: {exc}" if exc else "it closed the connection")

    def _ring(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        left_s = self._waiting[0][0] - self._loop.time()
        if left_s <= 0:
            self.end("TimeoutError: it did not answer in time")
        else:
            self._timer = self._loop.call_later(left_s, self._ring)


class Link:
    """A connection that is made when needed and dropped at the first fault.

    The store's client library makes it (addresses, TLS, passwords, databases); what goes over it
    then is ours alone.

    Args:
        url: valkey://, redis:// or unix://, or valkeys:// or rediss:// for TLS; with user and
            password.
        timeout_s: longest wait for any one answer, and for the connection itself.
        scripts: sources that `call` may name.

    Raises: BadInput for a URL that is none.
    """

    def __init__(self, url: str, *, timeout_s: float, scripts: tuple[str, ...]) -> None:
        try:
            self._pool = ConnectionPool.from_url(
                url, socket_timeout=None, socket_connect_timeout=timeout_s
            )
        except ValueError as error:
            raise BadInput(
                f"The shared store's URL cannot be used ({error}).",
                way_out='It must look like "valkey://127.0.0.1:6379/0".',
            ) from error
        self._timeout_s = timeout_s
        self._scripts = scripts
        self._connection: AbstractConnection | None = None
        self._wire: Wire | None = None

    async def connect(self) -> None:
        """Connect afresh and load the scripts.

        Raises: StoreAway.
        """
        await self.drop()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # theirs
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call]  # theirs
            writer = connection._writer
            if writer is None:
                raise ConnectionError("it closed the connection")
        except (OSError, ValkeyError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise StoreAway(f"{type(error).__name__}: {error}") from error
        self._connection = connection
        transport = cast(asyncio.Transport, writer.transport)
        self._wire = Wire(transport, timeout_s=self._timeout_s)
        await self.load()

    async def load(self) -> None:
        """Load the scripts; a store may lose them.

        Raises: StoreAway.
        """
        for script in self._scripts:
            await self.ask("SCRIPT", "LOAD", script)

    async def call(self, script: str, keys: list[str], *arguments: str | bytes | int) -> Any:
        """Run a script.

        Raises: StoreAway.
        """
        words = ("EVALSHA", sha_of(script), len(keys), *keys, *arguments)
        try:
            return await self.ask(*words)
        except NoScriptError:
            await self.load()
            return await self.ask(*words)

    async def ask(self, *words: str | bytes | int) -> Any:
        """Send a command and return its answer.

        Raises: StoreAway, after which the connection is gone; NoScriptError.
        """
        if self._connection is None:
            raise StoreAway("not connected")
        packed = b"".join(self._connection.pack_command(*words))
        answered = asyncio.get_running_loop().create_future()
        self.post(packed, partial(_settle, answered))
        answer = await answered
        if isinstance(answer, NoScriptError):
            raise answer
        if isinstance(answer, ValkeyError):
            await self.drop()
            raise StoreAway(f"{type(answer).__name__}: {answer}") from answer
        if isinstance(answer, StoreAway):
            await self.drop()
            raise answer
        return answer

    def post(self, packed: bytes, told: Callable[[Any], None]) -> None:
        """Send what is packed already; `told` gets the answer, or an exception, in a later call."""
        if self._wire is None:
            asyncio.get_running_loop().call_soon(told, StoreAway("not connected"))
        else:
            self._wire.post(packed, told)

    async def drop(self) -> None:
        """Let go of the connection; whoever waits for an answer is told."""
        wire, self._wire = self._wire, None
        connection, self._connection = self._connection, None
        if wire is not None:
            wire.end("the connection was given up")
        if connection is not None:
            await connection.disconnect(nowait=True)


def _settle(answered: "asyncio.Future[Any]", answer: Any) -> None:
    if not answered.done():  # else whoever asked is gone
        answered.set_result(answer)


def sha_of(script: str) -> str:
    """Return the name under which a store knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
