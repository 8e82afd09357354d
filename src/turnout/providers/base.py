"""What each provider's file fills: its row in the registry, and the clients that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.providers.credentials import Credential

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
        endpoint: The address or region that a backend asks, on a wire (`""` for the usual one), in words.
        connector: (backend, wire, family of models) → what makes the client from the backend's settings.
    """

    credential: Callable[[Any], Credential]
    endpoint: Callable[[Any, str], str]
    connector: Callable[[Any, str, str], Connect]
