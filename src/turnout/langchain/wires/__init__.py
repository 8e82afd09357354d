"""A file for each wire: the framework's class with turnout's client in it, and the arguments that it takes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from turnout.errors import MissingExtraError
from turnout.runtime import Cache
from turnout.transport import greenlets as bridge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from turnout.langchain.requests import Request
    from turnout.routing import Route
    from turnout.settings import Backend


class Wire(Protocol):
    """What a wire's file has."""

    def build(self, route: Route, backend: Any) -> BaseChatModel:
        """The framework's chat model for a route, with the shared client injected."""
        ...

    def arguments(self, route: Route, request: Request) -> dict[str, Any]:
        """A request as keyword arguments of that chat model's `_generate`."""
        ...


_FILES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "bedrock-converse": "bedrock_converse",
    "anthropic-messages": "anthropic_messages",
}
_delegates: Cache[tuple[Any, ...], BaseChatModel] = Cache()


def wire(route: Route) -> Wire:
    """The file of a route's wire."""
    return cast("Wire", import_module(f"turnout.langchain.wires.{_FILES[route.wire]}"))


def built(route: Route, backend: Backend) -> BaseChatModel | None:
    """A route's chat model, if `delegate` has it already."""
    return _delegates.get(_key(route, backend))


def _key(route: Route, backend: Backend) -> tuple[Any, ...]:
    return (route.wire, backend, route.deployment, route.model)


def delegate(route: Route, backend: Backend) -> BaseChatModel:
    """The framework's chat model for a route. One is kept for each backend and model.

    Raises:
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """

    def build() -> BaseChatModel:
        try:
            return wire(route).build(route, backend)
        except ModuleNotFoundError as error:
            msg = f"backend {route.backend!r} needs {error.name}: pip install 'turnout[langchain]'"
            raise MissingExtraError(msg) from error

    return _delegates.get_or_make(_key(route, backend), build)


async def agenerate(
    route: Route, model: BaseChatModel, history: list[BaseMessage], arguments: dict[str, Any]
) -> ChatResult:
    """The answer, without blocking the event loop: Converse has no async form, so its sync one runs on the bridge."""
    if route.wire == "bedrock-converse":
        return await bridge.run(model._generate, history, **arguments)  # noqa: SLF001
    return await model._agenerate(history, **arguments)  # noqa: SLF001


def begin_stream(
    model: BaseChatModel, history: list[BaseMessage], arguments: dict[str, Any]
) -> Generator[ChatGenerationChunk]:
    """The answer in pieces."""
    return cast("Generator[ChatGenerationChunk]", model._stream(history, **arguments))  # noqa: SLF001


def begin_astream(
    route: Route, model: BaseChatModel, history: list[BaseMessage], arguments: dict[str, Any]
) -> AsyncGenerator[ChatGenerationChunk]:
    """The answer in pieces, without blocking the event loop."""
    if route.wire == "bedrock-converse":
        return bridge.iterate(lambda: model._stream(history, **arguments))  # noqa: SLF001
    return cast("AsyncGenerator[ChatGenerationChunk]", model._astream(history, **arguments))  # noqa: SLF001
