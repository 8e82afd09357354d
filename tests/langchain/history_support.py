"""What the tests of histories share: a backend for each wire, and what reaches it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from langchain_core.tools import tool

from turnout.conversation import fetching
from turnout.conversation.history import aprepare, prepare
from turnout.conversation.request import Asked, Fitted
from turnout.langchain import ChatTurnout
from turnout.langchain.messages.reading import read
from turnout.langchain.messages.writing import write
from turnout.routing import Route
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from langchain_core.messages import BaseMessage

    from turnout.conversation.media import Media
    from turnout_emulator import Emulator

BACKENDS = {
    "azure": "openai-chat",
    "responses": "openai-responses",
    "mantle": "openai-responses",
    "bedrock": "bedrock-converse",
    "claude": "anthropic-messages",
}
"""Each wire's backend; Responses has two services, which don't read each other's reasoning."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"
_MODELS = {
    "openai-chat": "gpt-5",
    "openai-responses": "gpt-5",
    "bedrock-converse": "anthropic.claude-sonnet-4-6",
    "anthropic-messages": "claude-sonnet-4-6",
}
WIRES = tuple(_MODELS)


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


def route(wire: str, model: str | None = None, *, backend: str = "here", deployment: str = "prod") -> Route:
    """A route on a wire, for what is looked at without sending it."""
    provider = "bedrock" if wire == "bedrock-converse" else "azure"
    return Route(
        kind="chat",
        name="default",
        backend=backend,
        provider=provider,
        wire=wire,
        deployment=deployment,
        model=_MODELS[wire] if model is None else model,
    )


def portable_history(
    messages: Sequence[Any], route: Route, *, has_tools: bool, fetch: Callable[[str], Media] | None = None
) -> list[BaseMessage]:
    """A conversation as the class of a route's wire gets it; `fetch` stands for the web."""

    def fetch_all(urls: Mapping[str, str], **_: Any) -> dict[str, Media]:
        assert fetch is not None
        return {url: fetch(url) for url in urls}

    with patch.object(fetching, "fetch_all", fetching.fetch_all if fetch is None else fetch_all):
        return write(prepare(partial(read, messages), route, _asking(has_tools=has_tools)), route.wire)


async def aportable_history(
    messages: Sequence[Any], route: Route, *, has_tools: bool, fetch: Callable[[str], Awaitable[Media]] | None = None
) -> list[BaseMessage]:
    """The same, without blocking the event loop."""

    async def fetch_all(urls: Mapping[str, str], **_: Any) -> dict[str, Media]:
        assert fetch is not None
        return {url: await fetch(url) for url in urls}

    with patch.object(fetching, "afetch_all", fetching.afetch_all if fetch is None else fetch_all):
        return write(await aprepare(partial(read, messages), route, _asking(has_tools=has_tools)), route.wire)


def _asking(*, has_tools: bool) -> Fitted:
    return Fitted({}, Asked([{"type": "function", "function": {"name": "weather"}}] if has_tools else []))


def settings(emulator: Emulator, folder: Path) -> Path:
    """A settings file with a backend for each wire."""
    path = folder / "turnout.toml"
    path.write_text(
        f"""
[backends.azure]
provider = "azure"
endpoint = "{emulator.azure.url}"
api_key = "{AZURE_KEY}"

[backends.responses]
provider = "azure"
endpoint = "{emulator.azure.url}"
api_key = "{AZURE_KEY}"

[backends.claude]
provider = "azure"
endpoint = "{emulator.azure.url}"
api_key = "{AZURE_KEY}"

[backends.bedrock]
provider = "bedrock"
endpoint = "{emulator.bedrock.url}"
region = "us-east-1"
access_key_id = "{AWS_ACCESS_KEY}"
secret_access_key = "{AWS_SECRET_KEY}"

[backends.mantle]
provider = "bedrock"
endpoint = "{emulator.bedrock.url}"
mantle_endpoint = "{emulator.mantle.url}"
region = "us-east-1"
access_key_id = "{AWS_ACCESS_KEY}"
secret_access_key = "{AWS_SECRET_KEY}"

[chat.default]
azure = {{ deployment = "gpt-5-prod", model = "gpt-5" }}
responses = {{ deployment = "gpt-5-prod", model = "gpt-5", wire = "openai-responses" }}
claude = {{ deployment = "claude-prod", model = "claude-sonnet-4-6" }}
bedrock = "us.anthropic.claude-sonnet-4-6"
mantle = "openai.gpt-5.5"

[chat.nova]
bedrock = "amazon.nova-lite-v1:0"
""",
        encoding="utf-8",
    )
    return path


class Bench:
    """Sends conversations to the emulator, and says what reached it."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.settings = settings(emulator, folder)

    def chat(self, backend: str, *, model: str = "default") -> ChatTurnout:
        """The model on a backend."""
        return ChatTurnout(model=model, backend=backend, settings=str(self.settings))

    def sent(self, backend: str, messages: Sequence[Any], *, tools: bool = False, model: str = "default") -> Any:
        """The body that a service gets, and accepts, for a conversation."""
        chat = self.chat(backend, model=model)
        runnable = chat.bind_tools([weather]) if tools else chat
        runnable.invoke(list(messages))
        last = self.emulator.requests[-1]
        assert last.status == 200
        return last.body
