"""What the pipeline asks of a model server, however it is reached."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from reticent.protocols.base import WireRequest, WireResponse


class StreamedReply(Protocol):
    """A reply whose status and headers are there, and whose body comes piece by piece."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        ...

    @property
    def media_type(self) -> str:
        """Return the media type, lower case, without parameters."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the declared headers that came, names in lower case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body's pieces as they come, cut anywhere; once only.

        Raises: UpstreamError if the body does not end well.
        """
        ...


class Upstream(Protocol):
    """A model server."""

    async def send(self, request: WireRequest) -> WireResponse:
        """Return the whole reply to a request, whatever its status, except redirects.

        Raises: UpstreamError.
        """
        ...

    def stream(self, request: WireRequest) -> AbstractAsyncContextManager[StreamedReply]:
        """Return a context that holds the reply while its body comes.

        Leaving it early drops the rest. Raises: UpstreamError, on entry and while reading.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections; whatever is under way fails."""
        ...
