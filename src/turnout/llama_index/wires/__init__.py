"""A file for each wire: what carries a prepared conversation to its service, and reads the answer."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import MissingExtraError, UnsupportedError
from turnout.providers.pool import generation

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
_KEPT = 256
_made: dict[tuple[Any, ...], Wire] = {}
_lock = threading.Lock()


def _renew() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


runtime.renew_in_child(_renew)


def made_wire(route: Route, backend: Backend) -> Wire | None:
    """What carries a route's calls, if `wire_for` has made it already."""
    return _made.get((route, backend, generation()))


def wire_for(route: Route, backend: Backend) -> Wire:
    """What carries a route's calls. One is kept for each route.

    Raises:
        UnsupportedError: LlamaIndex calls don't go over the route's wire.
        MissingExtraError: The integration isn't installed.
        SettingsError: The backend's settings are incomplete.
        CredentialError: No credential was found.
    """
    # Another generation means that the clients were closed: connections of the old ones are of no use.
    key = (route, backend, generation())
    found = _made.get(key)
    if found is None:
        made = _build(route, backend)
        with _lock:
            found = _made.setdefault(key, made)
            if len(_made) > _KEPT:
                _made.pop(next(iter(_made)))
    return found


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
