"""turnout: the choice of cloud as a setting.

Importing this package loads no framework, no cloud SDK and no pydantic; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout import errors
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.routing import Route, resolve
    from turnout.settings import Settings, load_settings

__version__ = "0.1.0"

__all__ = ["EmbeddingSpace", "Route", "Settings", "__version__", "errors", "load_settings", "resolve"]

_HOMES = {
    "EmbeddingSpace": "turnout.facts.spaces",
    "Route": "turnout.routing",
    "resolve": "turnout.routing",
    "Settings": "turnout.settings",
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
