"""The process's clients, made once for each backend's settings.

Chat and embeddings, LangChain and LlamaIndex all get the same client for the same backend. Clients are safe to share
between threads and event loops. A forked child starts with an empty pool: sockets are not for sharing.
"""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    import openai

    from turnout.credentials.base import Chosen
    from turnout.settings import AzureBackend, Backend, BedrockBackend, OpenAIBackend


class _Client(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenAIClient:
    """The openai SDK's clients for an Azure resource or an OpenAI server.

    Attributes:
        sync: For threads.
        aio: For coroutines, on whichever event loops.
        chosen: The credential they use.
    """

    sync: openai.OpenAI
    aio: openai.AsyncOpenAI
    chosen: Chosen

    def close(self) -> None:
        """Close the connections that aren't an event loop's (those close with their loop)."""
        self.sync.close()


@dataclass(frozen=True, slots=True)
class BedrockClient:
    """botocore's Bedrock Runtime client.

    Attributes:
        runtime: The client.
        chosen: The credential it uses.
    """

    runtime: Any
    chosen: Chosen

    def close(self) -> None:
        """Close the connections."""
        self.runtime.close()


_clients: dict[Backend, _Client] = {}
_lock = threading.Lock()


def _shared(backend: Backend, make: Callable[[], _Client]) -> _Client:
    found = _clients.get(backend)
    if found is None:
        with _lock:
            found = _clients.get(backend)
            if found is None:
                found = _clients[backend] = make()
    return found


def openai_client(backend: AzureBackend | OpenAIBackend) -> OpenAIClient:
    """The client of an Azure or OpenAI backend.

    Raises:
        SettingsError: The endpoint is missing.
        CredentialError: A named authentication method is incomplete.
    """

    def make() -> OpenAIClient:
        if backend.provider == "azure":
            from turnout.clients.azure import connect

            return OpenAIClient(*connect(backend))
        from turnout.clients.openai import connect as connect_openai

        return OpenAIClient(*connect_openai(backend))

    return cast("OpenAIClient", _shared(backend, make))


def bedrock_client(backend: BedrockBackend) -> BedrockClient:
    """The client of a Bedrock backend.

    Raises:
        SettingsError: The region or profile is missing.
        CredentialError: No credential was found; each method that was tried is listed.
    """

    def make() -> BedrockClient:
        from turnout.clients.bedrock import connect

        return BedrockClient(*connect(backend))

    return cast("BedrockClient", _shared(backend, make))


def close_all() -> None:
    """Close every client. The next call makes new ones."""
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


def _forget() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _clients.clear()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
