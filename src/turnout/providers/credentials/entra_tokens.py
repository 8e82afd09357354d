"""Entra's tokens, fetched when they are needed and refreshed for as long as the process lives."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from turnout.errors import CredentialError, ServiceTimeoutError
from turnout.redaction import without_secrets
from turnout.transport.blocking import begin, result_in_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from azure.core.credentials import AccessToken, TokenCredential

_REFRESH_BEFORE = 300.0  # azure-identity offers no new token earlier than this before expiry, in seconds
_RETRY_REFRESH = 30.0


class TokenSource:
    """Entra tokens for one scope, fetched when needed and refreshed for as long as the process lives.

    Safe across threads and event loops: one fetch at a time; while a token that is about to expire is being
    refreshed, everyone else goes on with it. A coroutine never waits for the network on its loop.

    Args:
        credential: Gets them.
        scope: Whom they are for.
        tried: What had no credential before this one was taken, for the error.
        renew: Makes the credential anew after a refusal: a certificate may have been rewritten, and azure-identity
            keeps the tokens that it has.
    """

    def __init__(
        self,
        credential: TokenCredential,
        scope: str,
        tried: tuple[str, ...] = (),
        renew: Callable[[], TokenCredential] | None = None,
    ) -> None:
        self._credential = credential
        self._renew = renew
        self._is_refused = False
        self._scope = scope
        self._tried = tried
        self._lock = threading.Lock()
        self._fetching: Future[AccessToken] | None = None
        self._token: AccessToken | None = None
        self._refresh_at = 0.0

    def __repr__(self) -> str:
        return f"TokenSource({type(self._credential).__name__}, {self._scope!r})"

    def __call__(self) -> str:
        """The token, fetching one if there is none that is fresh."""
        ready, fetch = self._ready()
        if fetch is None:
            return ready
        try:
            return result_in_time(fetch, f"a token for {self._scope} from Entra").token
        except ServiceTimeoutError:
            if ready:
                return ready
            raise

    async def aget(self) -> str:
        """The token, without blocking the event loop."""
        ready, fetch = self._ready()
        return ready if fetch is None else (await asyncio.wrap_future(fetch)).token

    def refused(self, token: str) -> None:
        """A service refused a token: the next call fetches another one."""
        with self._lock:
            if self._token is not None and self._token.token == token:
                self._token, self._refresh_at, self._is_refused = None, 0.0, True

    def _ready(self) -> tuple[str, Future[AccessToken] | None]:
        """A token that can be used ("" if there is none), and what is to be waited for, if anything."""
        now, token = time.time(), self._token
        if token is not None and now < self._refresh_at:
            return token.token, None
        usable = token.token if token is not None and now < token.expires_on - 1 else ""
        with self._lock:
            if self._fetching is not None and not self._fetching.done():
                return usable, None if usable else self._fetching
            self._fetching = begin(self._fetch)
            return usable, self._fetching

    def _fetch(self) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError

        earlier = self._token
        if earlier is not None and time.time() < self._refresh_at:  # another caller's fetch brought it
            return earlier
        try:
            if self._is_refused and self._renew is not None:
                self._credential = self._renew()
            self._is_refused = False
            token = self._credential.get_token(self._scope)
        except CredentialError:  # of one that was to be made anew
            self._is_refused = True
            raise
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            # The first two are of a federated token's file, or of a certificate; the others of another's answer.
            self._is_refused = True
            said = str(without_secrets(error))
            raise CredentialError(f"No Azure credential for {self._scope}: {said}", tried=(said,)) from error
        except ClientAuthenticationError as error:
            self._is_refused = True
            if earlier is not None and time.time() < earlier.expires_on - 1:
                self._refresh_at = min(time.time() + _RETRY_REFRESH, float(earlier.expires_on))
                return earlier
            without_secrets(error)
            tried = (*self._tried, *_attempts(str(error.message)))
            msg = f"No Azure credential for {self._scope}. Tried:\n" + "\n".join(f"  - {line}" for line in tried)
            raise CredentialError(msg, tried=tried) from error
        self._token = token
        # Half of a short-lived token's life is left to use it, so that it isn't fetched anew for each call.
        margin = min(_REFRESH_BEFORE, max((token.expires_on - time.time()) / 2, 0.0))
        self._refresh_at = token.expires_on - margin
        return token


def _attempts(message: str) -> list[str]:
    """The lines of an azure-identity error that say what each method lacked."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    found = [line for line in lines if not line.startswith(("To mitigate", "Visit http", "Attempted credentials"))]
    return found or [message]
