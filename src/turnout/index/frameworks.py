"""What opens the collections of named indexes; a framework registers itself when it is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from turnout.errors import SettingsError

if TYPE_CHECKING:  # a framework registers itself when it is imported, which loads none of these
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.collection import Collection
    from turnout.settings import IndexSettings

_MODULES: dict[str, str] = {}


def register(name: str, module: str) -> None:
    """Say which module has a framework's `open_collection`; it is imported when a collection is first opened."""
    _MODULES[name] = module


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> Collection | None:
    """The collection that a named index has for a space; None if there is none and it isn't to be made."""
    framework = index.opened_with
    if framework not in _MODULES:
        raise SettingsError(f"an index of {framework} is opened by turnout.{framework}; import that first")
    module = import_module(_MODULES[framework])
    collection: Collection | None = module.open_collection(index, name, space, create=create)
    return collection
