"""One connection to the shared store, with a time limit on every word."""

import asyncio
import hashlib
from typing import Any

from valkey.asyncio.connection import AbstractConnection, ConnectionPool
from valkey.exceptions import NoScriptError, ValkeyError

from reticent.core import BadInput


class StoreAway(Exception):
    """The store is refused, hung, or answers what cannot be used; the text says why."""


class Link:
    """A connection that is made when needed and dropped at the first fault.

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
        self._turn = asyncio.Lock()

    async def connect(self) -> None:
        """Connect afresh and load the scripts.

        Raises: StoreAway.
        """
        await self.drop()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # theirs
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call]  # theirs
        except (OSError, ValkeyError, TimeoutError) as error:
            await connection.disconnect(nowait=True)
            raise StoreAway(f"{type(error).__name__}: {error}") from error
        self._connection = connection
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

        Raises: StoreAway; NoScriptError.
        """
        if self._connection is None:
            raise StoreAway("not connected")
        return await self.send(b"".join(self._connection.pack_command(*words)))

    async def send(self, packed: bytes) -> Any:
        """Send what is packed already and return its answer.

        Raises: StoreAway, after which the connection is gone; NoScriptError.
        """
        async with self._turn:
            return await self._send(packed)

    async def _send(self, packed: bytes) -> Any:
        connection = self._connection
        if connection is None:
            raise StoreAway("not connected")
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.send_packed_command(packed, check_health=False)
                return await connection.read_response()
        except NoScriptError:
            raise
        except (OSError, ValkeyError, TimeoutError) as error:
            await self.drop()
            raise StoreAway(f"{type(error).__name__}: {error}") from error
        except BaseException:  # cancelled between question and answer: the next would get this one
            await self.drop()
            raise

    async def drop(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


def sha_of(script: str) -> str:
    """Return the name under which a store knows a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
