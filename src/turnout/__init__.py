"""turnout: the choice of cloud as a setting.

Importing this package loads no framework, no cloud SDK and no pydantic; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from turnout.version import __version__

if TYPE_CHECKING:
    from turnout import errors
    from turnout.calls.circuit import Health, health, reset_health
    from turnout.calls.failover import Failover
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.routing import Route, resolve
    from turnout.settings import Settings, load_settings

__all__ = [
    "EmbeddingSpace",
    "Failover",
    "Health",
    "Route",
    "Settings",
    "__version__",
    "errors",
    "health",
    "load_settings",
    "reset_health",
    "resolve",
]

_HOMES = {
    "EmbeddingSpace": "turnout.facts.spaces",
    "Failover": "turnout.calls.failover",
    "Health": "turnout.calls.circuit",
    "Route": "turnout.routing",
    "resolve": "turnout.routing",
    "Settings": "turnout.settings",
    "health": "turnout.calls.circuit",
    "reset_health": "turnout.calls.circuit",
    "load_settings": "turnout.settings",
    "errors": "turnout.errors",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'turnout' has no attribute {name!r}"
        raise AttributeError(msg)
    module = import_module(home)
    return module if home == f"turnout.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
