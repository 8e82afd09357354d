"""What goes with the classes of other packages, by their names: none of them is imported to look it up."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Made = TypeVar("Made")


class ClassRegistry(Generic[Made]):
    """Class → what makes something of its objects.

    Args:
        known: Full name of a class → `module:name` of what takes its objects, imported when it is first needed.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._makers: dict[str, str | Callable[..., Made]] = dict(known)

    def register(self, kind: type, maker: Callable[..., Made]) -> None:
        """Say what goes with a class, and with its subclasses."""
        self._makers[_name(kind)] = maker

    def find(self, one: Any) -> Callable[..., Made] | None:
        """What goes with the nearest class of an object; None if nothing does."""
        for kind in type(one).__mro__:
            found = self._makers.get(_name(kind))
            if isinstance(found, str):
                module, name = found.split(":")
                maker: Callable[..., Made] = getattr(import_module(module), name)
                return maker
            if found is not None:
                return found
        return None


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
