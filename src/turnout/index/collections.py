"""The collections of a named index: which one the settings mean now, opened once and again when it was changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.index.collection import Collection
from turnout.index.config import IndexConfig
from turnout.index.databases.places import Place
from turnout.index.locks import reindex_lock
from turnout.index.manifest import Manifest
from turnout.routing import Route
from turnout.settings import Settings

PATIENCE = 60.0  # seconds that a writer waits for the one before it


# (index, the backend that embeds or None to read alone, space, create=…) → the collection, None if there is none
Opener = Callable[..., Collection | None]


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """Which collection of an index: its name, its space, and the backend that embeds in it."""

    config: IndexConfig
    backend: str
    route: Route
    space: EmbeddingSpace
    name: str

    @classmethod
    def of(cls, config: IndexConfig, backend: str) -> CollectionSpec:
        """The collection of a backend's space."""
        route = config.route(backend)
        space = space_of(route)
        return cls(config, route.backend, route, space, config.collection_name(space))


class Collections:
    """The collections of one index, and the manifest of what is known of them."""

    def __init__(self, opener: Opener, manifest: Place) -> None:
        self.manifest = Manifest(manifest)
        self._opener = opener
        # Each with the settings and the manifest's stamp with which it was opened or written last.
        self._open: dict[str, tuple[Collection, Settings, int | None]] = {}
        self._held: dict[str, int] = {}  # collection → the thread that has its lock

    def opened(self, name: str, settings: Settings, stamp: int | None) -> Collection | None:
        """A collection that is open, if neither the settings nor, by its stamp, the collection changed since."""
        collection, settings_then, stamp_then = self._open.get(name, (None, None, None))
        return collection if settings_then is settings and stamp_then == stamp else None

    def open(self, spec: CollectionSpec, *, create: bool = False) -> Collection | None:
        """A collection; None if there is none and it isn't to be made."""
        stamp = self.manifest.stamp(spec.name)
        found = self.opened(spec.name, spec.config.all_settings, stamp)
        if found is None:
            with spec.config.opening(spec.space):
                found = self._opener(spec.config, spec.backend, spec.space, create=create)
            if found is None:
                self._open.pop(spec.name, None)
            else:
                self._open[spec.name] = found, spec.config.all_settings, stamp
        return found

    def create(self, spec: CollectionSpec) -> Collection:
        """A collection, made if there is none."""
        found = self.open(spec, create=True)
        assert found is not None
        return found

    def reader(self, config: IndexConfig, name: str, space: EmbeddingSpace) -> Collection | None:
        """A collection to read chunks and vectors from."""
        found = self.opened(name, config.all_settings, self.manifest.stamp(name))
        with config.opening(space):
            return found or self._opener(config, None, space, create=False)

    def note_change(self, name: str) -> None:
        """A collection was changed through this object: it is still as the manifest has it."""
        if name in self._open:
            self._open[name] = (*self._open[name][:2], self.manifest.stamp(name))

    def close(self, name: str) -> None:
        """Open a collection anew the next time: it may not be what it should be."""
        self._open.pop(name, None)

    @contextmanager
    def changing(self, spec: CollectionSpec, *, patience: float = PATIENCE) -> Iterator[Collection]:
        """A collection, made if there is none, locked after `patience` seconds at most, and claimed for its space.

        If the change fails, the collection is opened anew the next time: it may have a part of it in memory.
        """
        with self.writing(spec, patience=patience):
            collection = self.create(spec)
            self.manifest.add_collection(spec.name, str(spec.space))
            try:
                collection.claim(spec.space)
                self.settle(spec.name, collection)
                yield collection
            except BaseException:
                self.close(spec.name)
                raise
            self.note_change(spec.name)

    def settle(self, name: str, collection: Collection) -> None:
        """Note what became of chunks that a process was writing when it was killed; needs the lock."""
        if begun := self.manifest.writing(name):
            self.manifest.note_interrupted(name, collection.get(begun).values())

    @contextmanager
    def writing(self, spec: CollectionSpec, *, patience: float = PATIENCE) -> Iterator[None]:
        """Hold a collection's lock, after `patience` seconds at most: no other writer or reindex is in it.

        A thread that holds it already goes on.
        """
        if self._held.get(spec.name) == threading.get_ident():
            yield
            return
        with reindex_lock(spec.config.lock(spec.space), spec.name, patience=patience):
            self._held[spec.name] = threading.get_ident()
            try:
                yield
            finally:
                del self._held[spec.name]
