"""What each provider's file fills: its row in the registry, and the clients that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import anthropic
    import openai

    from turnout.providers.credentials import Credential

S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Client(Generic[S, A]):
    """An SDK's clients for one backend.

    Attributes:
        sync: For threads.
        aio: For coroutines, on whichever event loops. Bedrock has one client for both: with
            `turnout.transport.greenlets` it waits on the event loop.
        credential: The credential that they use.
    """

    sync: S
    aio: A
    credential: Credential

    def close(self) -> None:
        """Close the connections that aren't an event loop's; those close with their loop."""
        sync: Any = self.sync
        sync.close()


if TYPE_CHECKING:
    OpenAIClient = Client[openai.OpenAI, openai.AsyncOpenAI]
    FoundryClient = Client[anthropic.AnthropicFoundry, anthropic.AsyncAnthropicFoundry]
BedrockClient = Client[Any, Any]


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
    connector: Callable[[Any, str, str], Callable[[Any], Client[Any, Any]]]
