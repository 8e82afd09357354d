"""What each provider's file fills: its row in the registry, and the clients that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.providers.credentials import Credential
    from turnout.routing import Route

    Connect = Callable[[Any], "Client"]


@dataclass(frozen=True, slots=True)
class Client:
    """An SDK's clients for one backend.

    Attributes:
        sync: For threads.
        aio: For coroutines, on whichever event loops. Bedrock has one client for both: with
            `turnout.transport.greenlets` it waits on the event loop.
        credential: The credential that they use.
    """

    sync: Any
    aio: Any
    credential: Credential

    def close(self) -> None:
        """Close the connections that aren't an event loop's; those close with their loop."""
        self.sync.close()


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. Nothing here imports an SDK before a client is made.

    Attributes:
        credential: The credential that a backend's settings amount to; nothing is fetched.
        endpoint: The address or region that a backend asks for a route (None for the usual ones), in words.
        connector: (backend, route) → what makes the client from the backend's settings.
    """

    credential: Callable[[Any], Credential]
    endpoint: Callable[[Any, Route | None], str]
    connector: Callable[[Any, Route], Connect]
