"""Route → what carries its calls, with turnout's client injected. One is kept for each route."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import MissingExtraError, UnsupportedError
from turnout.providers.pool import generation
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

_KEPT = 256
_made: dict[tuple[Route, Backend], Wire] = {}
_made_in: dict[tuple[Route, Backend], int] = {}  # the generation of clients that each was last made or found in
_lock = threading.Lock()


def _renew() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


runtime.renew_in_child(_renew)


async def awire_for(route: Route, backend: Backend) -> Wire:
    """Likewise; the first call of a route imports its SDK and makes its client, which would block the event loop."""
    key, now = (route, backend), generation()
    if _made_in.get(key) == now:
        return wire_for(route, backend)
    wire = await off_loop(wire_for, route, backend)
    _made_in[key] = now
    return wire


def wire_in_time(route: Route, backend: Backend) -> Wire:
    """Likewise; making the client, which may ask for credentials, takes no longer than the call's deadline allows."""
    key, now = (route, backend), generation()
    if _made_in.get(key) == now:
        return wire_for(route, backend)
    wire = within_deadline(f"the client of backend {route.backend!r}", wire_for, route, backend)
    _made_in[key] = now
    return wire


def wire_for(route: Route, backend: Backend) -> Wire:
    """What carries the calls of a route.

    Raises:
        UnsupportedError: LlamaIndex calls don't go over the route's wire.
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """
    kind = _load(route)
    client = kind.connect(route, backend)
    key = (route, backend)
    found = _made.get(key)
    # Another client means that the pool was closed or the process forked: connections of the old one are of no use.
    if found is not None and found.client is client:
        return found
    with _lock:
        found = _made.get(key)
        if found is None or found.client is not client:
            found = kind.on(route, client)
            while len(_made) >= _KEPT:
                _made_in.pop(gone := next(iter(_made)), None)
                _made.pop(gone)
            _made[key] = found
    return found


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
