"""A file for each wire: LangChain's class with turnout's client in it, and what it wants under another name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from turnout.errors import MissingExtraError
from turnout.runtime import Cache

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import Backend


class Wire(Protocol):
    """What a wire's file has."""

    def build(self, route: Route, backend: Any) -> BaseChatModel:
        """LangChain's chat model for a route, with the shared client injected."""
        ...

    def arguments(self, fitted: Fitted) -> dict[str, Any]:
        """A request as keyword arguments of that chat model's `_generate`."""
        ...


_FILES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "bedrock-converse": "bedrock_converse",
    "anthropic-messages": "anthropic_messages",
}
_models: Cache[tuple[Any, ...], BaseChatModel] = Cache()


def wire(route: Route) -> Wire:
    """The file of a route's wire."""
    return cast("Wire", import_module(f"turnout.langchain.wires.{_FILES[route.wire]}"))


def made_model(route: Route, backend: Backend) -> BaseChatModel | None:
    """A route's chat model, if `model_for` has it already."""
    return _models.get(_key(route, backend))


def _key(route: Route, backend: Backend) -> tuple[Any, ...]:
    return (route.wire, backend, route.deployment, route.model)


def model_for(route: Route, backend: Backend) -> BaseChatModel:
    """LangChain's chat model for a route. One is kept for each backend and model.

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

    return _models.get_or_make(_key(route, backend), build)
