"""A framework's vector stores, by their class and by their name in the settings; loaded when one is first met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.index.guard.keepers import RecordKeeper
from turnout.settings import IndexSettings

KeeperT = TypeVar("KeeperT", bound=RecordKeeper)


@dataclass(frozen=True, slots=True)
class StoreKind(Generic[KeeperT]):
    """What turnout has for a kind of store; a store's module has it as `KIND`."""

    keeper: Callable[[Any], KeeperT]  # store → the keeper of its record
    open: Callable[..., Any] | None = None
    """(settings, collection, space, whether to make it, …) → the collection of a named index, or None if there is none;
    left out, a named index can't be kept in such a store."""
    collection: Callable[..., Any] | None = None
    """(store, keeper, name) → the store as a collection; left out or None, it can't be moved by itself."""


class StoreKinds(Generic[KeeperT]):
    """The kinds of stores of a framework."""

    def __init__(self, framework: str, package: str, modules: Mapping[str, str], installs: Mapping[str, str]) -> None:
        self._framework = framework
        self._package = package
        self._modules = modules  # a store's class, or its name in the settings → its module in the package
        self._installs = installs  # a store's name in the settings → how to install what it needs
        self._keepers: dict[type, Callable[[Any], KeeperT]] = {}

    def register(self, store: type, keeper: Callable[[Any], KeeperT]) -> None:
        """Say how stores of a class, and of its subclasses, keep their record: store → its keeper."""
        self._keepers[store] = keeper

    def keeper(self, store: object) -> KeeperT | None:
        """The keeper of a store: that of its nearest class; None if no class of it has one."""
        for cls in type(store).__mro__:
            if cls in self._keepers:
                return self._keepers[cls](store)
            if (kind := self._kind(_full_name(cls))) is not None:
                return kind.keeper(store)
        return None

    def kind(self, store: object) -> StoreKind[KeeperT] | None:
        """The kind of a store, by its nearest class."""
        kinds = (self._kind(_full_name(cls)) for cls in type(store).__mro__)
        return next((kind for kind in kinds if kind is not None), None)

    def open(self, index: IndexSettings, name: str, space: EmbeddingSpace, *arguments: Any) -> Any:
        """The collection that a named index has for a space; `arguments` are what the store's kind takes besides."""
        try:
            kind = self._kind(index.store)
            if kind is not None and kind.open is not None:
                return kind.open(index, collection_name(name, space), space, *arguments)
        except ModuleNotFoundError as error:
            install = self._installs.get(index.store, f"pip install {error.name}")
            raise MissingExtraError(f"a {index.store} index needs {error.name}: {install}") from error
        msg = f"a {index.store} index isn't opened with {self._framework}; see framework in [index.{name}]"
        raise UnsupportedError(msg)

    def _kind(self, name: str) -> StoreKind[KeeperT] | None:
        if name not in self._modules:
            return None
        kind: StoreKind[KeeperT] = import_module(f"{self._package}.{self._modules[name]}").KIND
        return kind


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
