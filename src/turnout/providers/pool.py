"""The process's clients, made once for each backend's settings.

Chat and embeddings, LangChain and LlamaIndex all get the same client for the same backend. Clients are safe to share
between threads and event loops. A forked child starts with an empty pool: sockets are not for sharing, so that the
parent's clients are neither used nor closed there.
"""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from turnout import runtime
from turnout.redaction.sdk_errors import without_secrets
from turnout.transport import background_loop as portal
from turnout.transport.answers.completions import hasten
from turnout.transport.answers.responses import check

if TYPE_CHECKING:
    from collections.abc import Callable

    import anthropic
    import openai

    from turnout.providers.credentials.base import Chosen
    from turnout.routing import Route
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
class FoundryClient:
    """The anthropic SDK's clients for a Foundry resource.

    Attributes:
        sync: For threads.
        aio: For coroutines, on whichever event loops.
        chosen: The credential they use.
    """

    sync: anthropic.AnthropicFoundry
    aio: anthropic.AsyncAnthropicFoundry
    chosen: Chosen

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self.sync.close()


@dataclass(frozen=True, slots=True)
class BedrockClient:
    """botocore's Bedrock Runtime client.

    Attributes:
        runtime: The client; on the bridge (`turnout.transport.greenlets`) it waits on the event loop.
        chosen: The credential it uses.
    """

    runtime: Any
    chosen: Chosen

    def close(self) -> None:
        """Close the connections."""
        self.runtime.close()


_clients: dict[tuple[str, Backend], _Client] = {}
_making: dict[tuple[str, Backend], threading.Lock] = {}
_lock = threading.Lock()
_generation = 0


def generation() -> int:
    """Counts how often all clients were closed or forgotten: what holds one from an earlier time must let go of it."""
    return _generation


def is_made(backend: Backend) -> bool:
    """Whether the client that embeds on a backend has been made, which Converse is asked with as well."""
    return ("bedrock" if backend.provider == "bedrock" else "openai", backend) in _clients


def _shared(what: str, backend: Backend, make: Callable[[], _Client]) -> _Client:
    key = (what, backend)
    found = _clients.get(key)
    if found is None:
        with _lock:
            making = _making.setdefault(key, threading.Lock())
        with making:  # one that waits for its credential keeps nobody else waiting
            found = _clients.get(key)
            if found is None:
                try:
                    found = _clients[key] = make()
                except Exception as error:
                    without_secrets(error)
                    raise
    return found


def openai_client(backend: AzureBackend | OpenAIBackend) -> OpenAIClient:
    """The client of an Azure or OpenAI backend.

    Raises:
        SettingsError: The endpoint is missing.
        CredentialError: A named authentication method is incomplete.
    """

    def make() -> OpenAIClient:
        if backend.provider == "azure":
            from turnout.providers.azure import connect

            return OpenAIClient(*connect(backend))
        from turnout.providers.openai import connect as connect_openai

        return OpenAIClient(*connect_openai(backend))

    return cast("OpenAIClient", _shared("openai", backend, make))


def bedrock_client(backend: BedrockBackend) -> BedrockClient:
    """The client of a Bedrock backend.

    Raises:
        SettingsError: The region or profile is missing.
        CredentialError: No credential was found; each method that was tried is listed.
    """

    def make() -> BedrockClient:
        from turnout.providers.bedrock import connect

        return BedrockClient(*connect(backend))

    return cast("BedrockClient", _shared("bedrock", backend, make))


def mantle_client(backend: BedrockBackend, *, gpt_oss: bool = False) -> OpenAIClient:
    """The client of OpenAI's models on a Bedrock backend; gpt-oss is served under another path.

    Raises:
        SettingsError: The region or profile is missing.
        CredentialError: No credential was found; each method that was tried is listed.
    """

    def make() -> OpenAIClient:
        from turnout.providers.mantle import connect

        return OpenAIClient(*connect(backend, gpt_oss=gpt_oss))

    return cast("OpenAIClient", _shared("mantle-oss" if gpt_oss else "mantle", backend, make))


def foundry_client(backend: AzureBackend) -> FoundryClient:
    """The client of Claude on an Azure backend.

    Raises:
        SettingsError: The endpoint is missing.
        CredentialError: A named authentication method is incomplete.
    """

    def make() -> FoundryClient:
        from turnout.providers.foundry import connect

        return FoundryClient(*connect(backend))

    return cast("FoundryClient", _shared("foundry", backend, make))


def openai_client_for(route: Route, backend: Backend) -> OpenAIClient:
    """The openai SDK's client for a chat route, whoever serves it."""
    if backend.provider == "bedrock":
        client = mantle_client(backend, gpt_oss=route.facts.family == "gpt-oss")
    else:
        client = openai_client(backend)
    for made in (client.sync, client.aio):
        hasten(made)
        check(made)
    return client


def close_all() -> None:
    """Close every client. The next call makes new ones."""
    global _generation  # noqa: PLW0603
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
        _generation += 1
    for client in clients:
        client.close()
    portal.close()


def _forget() -> None:
    global _lock, _generation  # noqa: PLW0603
    runtime.drop(*_clients.values())
    _lock = threading.Lock()
    _generation += 1
    _clients.clear()
    _making.clear()


atexit.register(close_all)
runtime.renew_in_child(_forget)
