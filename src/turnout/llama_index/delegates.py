"""Route → what carries its calls, with turnout's client injected. One is kept for each route."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.runtime import Cache
from turnout.transport.blocking import off_loop, within_deadline

if TYPE_CHECKING:
    from turnout.llama_index.wires import Wire
    from turnout.routing import Route
    from turnout.settings import Backend

_WIRES = {
    "openai-chat": ("turnout.llama_index.wires.openai_chat", "OpenAIChat"),
    "openai-responses": ("turnout.llama_index.wires.openai_responses", "OpenAIResponsesChat"),
    "anthropic-messages": ("turnout.llama_index.wires.anthropic_messages", "AnthropicMessagesChat"),
    "bedrock-converse": ("turnout.llama_index.wires.bedrock_converse", "BedrockConverseChat"),
}

_wires: Cache[tuple[Route, Backend], Wire] = Cache()


async def awire_for(route: Route, backend: Backend) -> Wire:
    """Likewise; the first call of a route imports its SDK and makes its client, which would block the event loop."""
    found = _wires.get((route, backend))
    return await off_loop(wire_for, route, backend) if found is None else found


def wire_in_time(route: Route, backend: Backend) -> Wire:
    """Likewise; making the client, which may ask for credentials, takes no longer than the call's deadline allows."""
    found = _wires.get((route, backend))
    if found is None:
        found = within_deadline(f"the client of backend {route.backend!r}", wire_for, route, backend)
    return found


def wire_for(route: Route, backend: Backend) -> Wire:
    """What carries the calls of a route.

    Raises:
        UnsupportedError: LlamaIndex calls don't go over the route's wire.
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """

    def make() -> Wire:
        kind = _load(route)
        return kind.on(route, kind.connect(route, backend))

    return _wires.get_or_make((route, backend), make)


def _load(route: Route) -> type[Wire]:
    if route.wire not in _WIRES:
        msg = (
            f"{route.deployment!r} on backend {route.backend!r} speaks {route.wire}, which turnout has not for "
            f"LlamaIndex; it has {', '.join(_WIRES)}"
        )
        raise UnsupportedError(msg)
    module, name = _WIRES[route.wire]
    try:
        kind: Any = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        msg = f"backend {route.backend!r} needs {error.name}: pip install 'turnout[llama-index]'"
        raise MissingExtraError(msg) from error
    else:
        loaded: type[Wire] = kind
        return loaded
