"""What each framework does for named indexes; a framework registers itself when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from turnout.errors import SettingsError

if TYPE_CHECKING:  # a framework registers itself when it is imported, which loads none of these
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.collection import Collection
    from turnout.settings import IndexSettings


class Framework(Protocol):
    """Opens and drops the collections of named indexes."""

    def open_collection(
        self, index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
    ) -> Collection | None:
        """The collection that a named index has for a space; None if there is none and it isn't to be made."""
        ...

    def drop_collection(self, index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
        """Remove it, for good; whether there was one."""
        ...


_FRAMEWORKS: dict[str, Callable[[], Framework]] = {}


def register(name: str, load: Callable[[], Framework]) -> None:
    """Say what opens a framework's collections.

    Args:
        name: The framework, as `framework` in an index's settings names it.
        load: Gives what opens them; called when one is first needed.
    """
    _FRAMEWORKS[name] = load


def framework(name: str) -> Framework:
    """What opens a framework's collections.

    Raises:
        SettingsError: The framework's part of turnout isn't imported.
    """
    if name not in _FRAMEWORKS:
        raise SettingsError(f"an index of {name} is opened by turnout.{name}; import that first")
    return _FRAMEWORKS[name]()
