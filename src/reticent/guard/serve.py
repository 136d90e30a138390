"""Run a guard: one process, one port for callers and one for its operators."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress

import uvicorn

from reticent.config import GuardFile, load_guard
from reticent.core import BadInput, ReticentError
from reticent.guard.admin import admin_app
from reticent.guard.assemble import Parts, open_parts
from reticent.guard.http import BoundedHttp, sweep
from reticent.guard.port import CallersPort
from reticent.guard.types import JournalDown

_LOOK_EVERY_S = 0.05
_GARBAGE = (20_000, 20, 20)  # requests leave hardly any cycles behind
_log = logging.getLogger("reticent.guard")


def run(
    file: GuardFile,
    *,
    environ: Mapping[str, str] | None = None,
    ready: Callable[[Parts, str, str], None] = lambda parts, callers, admin: None,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    Args:
        file: the configuration.
        environ: where the secret is looked up; the process's own by default.
        ready: called with both addresses when callers can come.

    Raises: BadInput if an address cannot be had; whatever opening the parts raises.
    """
    import uvloop

    def settled(parts: Parts, callers: str, admin: str) -> None:
        gc.collect()
        gc.freeze()  # what is there now stays: nobody need look through it again
        ready(parts, callers, admin)

    gc.set_threshold(*_GARBAGE)
    ended_by = uvloop.run(
        serve(file, environ=os.environ if environ is None else environ, ready=settled)
    )
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt  # as for any other command, now that all is written


async def serve(
    file: GuardFile,
    *,
    environ: Mapping[str, str],
    ready: Callable[[Parts, str, str], None] = lambda parts, callers, admin: None,
    stop: asyncio.Event | None = None,
) -> signal.Signals | None:
    """Do what `run` says, in the running loop; `stop` ends it as SIGTERM does.

    Returns: the signal that ended it, if one did.
    """
    with (
        closing(_listen(file.guard.listen, "listen")) as callers,
        closing(_listen(file.guard.admin, "admin")) as admin,
    ):
        return await _serve_on(callers, admin, file, environ, ready, stop or asyncio.Event())


async def _serve_on(
    callers: socket.socket,
    admin: socket.socket,
    file: GuardFile,
    environ: Mapping[str, str],
    ready: Callable[[Parts, str, str], None],
    stop: asyncio.Event,
) -> signal.Signals | None:
    try:
        parts = await open_parts(file, environ=environ, wall=time.time, clock=time.monotonic)
    except JournalDown as error:
        raise BadInput(
            str(error),
            way_out="Correct guard.journal, or bring up what it names; is there room on the disk?",
        ) from error
    loop = asyncio.get_running_loop()
    try:
        server = _Server(
            uvicorn.Config(
                admin_app(parts),
                http=BoundedHttp,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=int(file.guard.drain_s) or 1,
                backlog=2048,
            )
        )
        reloading: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only

        def reload() -> None:
            task = loop.create_task(_reload(parts))
            reloading.add(task)
            task.add_done_callback(reloading.discard)

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(signal.SIGHUP, reload)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.end, number)
        sweeping = asyncio.create_task(
            sweep(server.server_state.connections, lambda: parts.file.guard.head_timeout_s)
        )
        port = CallersPort(parts.pipeline, head_timeout_s=lambda: parts.file.guard.head_timeout_s)
        await port.open(callers)
        draining = asyncio.create_task(_drain(server, port, parts))
        telling = asyncio.create_task(_tell(server, parts, callers, admin, ready))
        stopping = asyncio.create_task(_stop(server, stop))
        try:
            await server.serve(sockets=[admin])
            await draining
            if telling.done():
                telling.result()
        finally:
            draining.cancel()
            sweeping.cancel()
            telling.cancel()
            stopping.cancel()
        return server.ended_by
    finally:
        await parts.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which raises a signal again once it has drained.

    Subclassed because uvicorn has no other place for it: SIGTERM would end the process there, with
    refusals not yet journalled, leases not given back, and the journal's end not signed.
    """

    ended_by: signal.Signals | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the guard."""
        yield

    def end(self, number: signal.Signals) -> None:
        """Drain and stop; a second Ctrl-C does not wait for answers under way."""
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self.ended_by = number


async def _reload(parts: Parts) -> None:
    """Read the configuration again; a bad one changes nothing."""
    try:
        if parts.file.path is None:
            raise BadInput("This guard was not started from a file.")
        await parts.reload(load_guard(parts.file.path))
        _log.info("the configuration was read again")
    except ReticentError as error:
        said = {"why": error.what, "way_out": error.way_out}
        _log.error("the configuration was not taken", extra=said)
    except JournalDown:
        _log.error("the configuration was not taken", extra={"why": "The journal is down."})


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


async def _drain(server: "_Server", port: CallersPort, parts: Parts) -> None:
    while not server.should_exit:
        await asyncio.sleep(_LOOK_EVERY_S)
    parts.ending.set()
    await port.close(drain_s=parts.file.guard.drain_s, hurry=lambda: server.force_exit)


async def _tell(
    server: uvicorn.Server,
    parts: Parts,
    callers: socket.socket,
    admin: socket.socket,
    ready: Callable[[Parts, str, str], None],
) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    guard = parts.file.guard
    for sock, key, address in ((callers, "listen", guard.listen), (admin, "admin", guard.admin)):
        # Another may have bound the port, too, and was the first to listen: uvloop closes the
        # socket then and says nothing.
        if sock.fileno() < 0:
            server.should_exit = True
            raise _not_to_be_had(address, key, os.strerror(errno.EADDRINUSE))
    ready(parts, _written(callers), _written(admin))


def _written(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen(address: str, key: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, int(port)))
    except OSError as error:
        sock.close()
        raise _not_to_be_had(address, key, error.strerror) from error
    sock.setblocking(False)
    return sock


def _not_to_be_had(address: str, key: str, why: str | None) -> BadInput:
    return BadInput(
        f"guard.{key} is {address}, which cannot be had ({why}).",
        way_out="Stop what listens there, or name another address or port of this machine.",
    )
