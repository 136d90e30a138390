"""All ways to prove who one is, in one fixed order, and nothing for who shows two of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import final

from reticent.guard.identity.jwks import KeptKeys, Unreadable
from reticent.guard.identity.jwt import Tokens
from reticent.guard.identity.keys import POLL_S, KeyRing, looks_like_key
from reticent.guard.identity.proxy import TrustedProxy
from reticent.guard.types import Caller, Journal, JournalDown, Proof

_LOG = logging.getLogger(__name__)


@final
class Identity:
    """Finds out who is asking; an `Authenticator`.

    A credential is one of: `Authorization: Bearer` with an API key or a token; `X-API-Key` with an
    API key; a trusted proxy's headers. Two different ones in a request are refused, because a
    guard and whatever stands before or behind it could each believe another one.

    Args:
        keys: API keys.
        tokens: None if no tokens are taken.
        provider: the token provider's keys, with `tokens`.
        proxy: None if no proxy is trusted.
    """

    def __init__(
        self,
        *,
        keys: KeyRing,
        tokens: Tokens | None,
        provider: KeptKeys | None,
        proxy: TrustedProxy | None,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._provider = provider
        self._proxy = proxy

    def identify(self, headers: Mapping[str, str], address: str, now_s: float) -> Caller | None:
        """Return the caller, or None if the request proves nothing; see `Authenticator`."""
        return self.proof_in(headers, address)(now_s)

    def proof_in(self, headers: Mapping[str, str], address: str) -> Proof:
        """Return what a request shows, as what tells whose it is; see `Authenticator`."""
        vouched = None if self._proxy is None else self._proxy.identify(headers, address)
        authorization = headers.get("authorization")
        key = headers.get("x-api-key")
        if authorization is None and key is None:
            return lambda _: vouched
        if vouched is not None:
            return _nobody
        shown = key
        if authorization is not None:
            scheme, _, shown = authorization.partition(" ")
            if scheme.lower() != "bearer" or (key is not None and key != shown):
                return _nobody
        if shown is None:
            return _nobody
        if looks_like_key(shown):
            return partial(self._keys.identify, shown)
        if self._tokens is None or key is not None:
            return _nobody
        return partial(self._tokens.identify, shown)

    def address_of(self, headers: Mapping[str, str], address: str) -> str:
        """Return the address to count rows by: the connection's, or what a trusted proxy says."""
        return address if self._proxy is None else self._proxy.address_of(headers, address)

    async def watch(self, journal: Journal | None = None) -> None:
        """Keep keys and the provider's keys fresh, until cancelled.

        A change of API keys is seen within `POLL_S` and the time of two short reads.

        Args:
            journal: takes the entries of changes to keys; without one they wait in the store.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_keys(journal))
            if self._provider is not None:
                tasks.create_task(self._watch_provider(self._provider))

    def close(self) -> None:
        """Let go of the store; nobody with a key is known afterwards."""
        self._keys.close()

    async def _watch_keys(self, journal: Journal | None) -> None:
        trouble = _Trouble("The store of API keys cannot be read")
        waiting = _Trouble("Changes to API keys cannot be journalled")
        while True:
            await trouble.caught(self._keys.refresh)
            if journal is not None:
                try:
                    await self._keys.journal(journal)
                    waiting.over()
                except JournalDown as error:
                    waiting.say(error)
                except Exception as error:  # the store: said above as well
                    waiting.say(error)
            await asyncio.sleep(POLL_S)

    async def _watch_provider(self, provider: KeptKeys) -> None:
        trouble = _Trouble("The token provider's keys cannot be read")
        while True:
            if provider.is_due():
                await trouble.caught(provider.refresh)
            await asyncio.sleep(POLL_S)


def _nobody(now_s: float) -> None:
    """Stand for what proves nothing at any time."""


class _Trouble:
    """Logs the first of many equal failures, and the end of them."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_on = False

    async def caught(self, read: Callable[[], object]) -> None:
        """Run something that blocks; whatever it raises must not end the watch."""
        try:
            await asyncio.to_thread(read)
        except Exception as error:
            self.say(error)
        else:
            self.over()

    def say(self, error: Exception) -> None:
        if not self._is_on:
            why = str(error) if isinstance(error, Unreadable) else type(error).__name__
            _LOG.warning("%s (%s).", self._what, why)
        self._is_on = True

    def over(self) -> None:
        if self._is_on:
            _LOG.warning("%s: over.", self._what)
        self._is_on = False
