"""A file for each wire: what carries a prepared conversation to its service, and reads the answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.runtime import Cache

if TYPE_CHECKING:
    from turnout.llama_index.wires.base import Wire
    from turnout.routing import Route
    from turnout.settings import Backend

_FILES = {
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "anthropic-messages": "anthropic_messages",
    "bedrock-converse": "bedrock_converse",
}
_wires: Cache[tuple[Route, Backend], Wire] = Cache()


def made_wire(route: Route, backend: Backend) -> Wire | None:
    """What carries a route's calls, if `wire_for` has made it already."""
    return _wires.get((route, backend))


def wire_for(route: Route, backend: Backend) -> Wire:
    """What carries a route's calls. One is kept for each route.

    Raises:
        UnsupportedError: LlamaIndex calls don't go over the route's wire.
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """
    return _wires.get_or_make((route, backend), lambda: _build(route, backend))


def _build(route: Route, backend: Backend) -> Wire:
    if route.wire not in _FILES:
        msg = (
            f"{route.deployment!r} on backend {route.backend!r} speaks {route.wire}, which turnout has not for "
            f"LlamaIndex; it has {', '.join(_FILES)}"
        )
        raise UnsupportedError(msg)
    try:
        made: Wire = import_module(f"turnout.llama_index.wires.{_FILES[route.wire]}").build(route, backend)
    except ModuleNotFoundError as error:
        msg = f"backend {route.backend!r} needs {error.name}: pip install 'turnout[llama-index]'"
        raise MissingExtraError(msg) from error
    return made
