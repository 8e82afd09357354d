"""The collections of a named index: which one the settings mean now, opened once and again when it was changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from turnout.errors import ReindexLockedError
from turnout.facts.spaces import EmbeddingSpace, collection_name, space_of
from turnout.index.chunks import Item, Source, Target
from turnout.index.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.index.manifest import Manifest
    from turnout.index.migration.named import NamedIndex
    from turnout.routing import Route
    from turnout.settings import Settings

_PATIENCE = 60.0  # seconds that a writer waits for the one before it


class Home(Source, Target, Protocol):
    """A collection, as each framework's side gives it: it can be listed, searched and written with given vectors."""

    def count(self) -> int:
        """How many chunks it has."""
        ...

    def is_lost(self) -> bool:
        """Whether it isn't there any more, or has no record of its space any more."""
        ...

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """Chunks as it can hold them.

        Raises:
            ChunkRefusedError: It can't hold one.
        """
        ...


class Opener(Protocol):
    """Opens a space's collection."""

    def __call__(self, index: NamedIndex, backend: str | None, space: EmbeddingSpace, *, create: bool) -> Home | None:
        """The collection, or None if there is none.

        Args:
            index: The index.
            backend: The backend that embeds in the space; None if only its vectors are read.
            space: The space.
            create: Whether to make it if there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A space that the index keeps a collection for, and the backend that embeds in it."""

    index: NamedIndex
    backend: str
    route: Route
    space: EmbeddingSpace
    called: str

    @classmethod
    def of(cls, index: NamedIndex, backend: str) -> Place:
        """The place of a backend.

        Raises:
            SettingsError: The backend has no embedding target, or its vectors' length isn't known.
        """
        route = index.route(backend)
        space = space_of(route)
        return cls(index, route.backend, route, space, collection_name(index.name, space))


@dataclass(slots=True)
class Opened:
    """An open collection.

    Attributes:
        place: Which one.
        home: The collection.
        stamp: The manifest's stamp of what it was when it was opened, or written last.
    """

    place: Place
    home: Home
    stamp: int | None

    def fresh(self, settings: Settings, stamp: int | None) -> bool:
        """Whether nothing was changed since: neither the settings nor, by another object, the collection."""
        return self.place.index.all is settings and self.stamp == stamp


class Collections:
    """The open collections of one index.

    Args:
        opener: The framework's side.
        manifest: What is known of them.
    """

    def __init__(self, opener: Opener, manifest: Manifest) -> None:
        self._opener = opener
        self._manifest = manifest
        self._opened: dict[str, Opened] = {}

    def at_hand(self, place: Place, stamp: int | None) -> Opened | None:
        """The open collection of a place, if it is as it was; the manifest's stamp says so."""
        found = self._opened.get(place.called)
        return found if found is not None and found.fresh(place.index.all, stamp) else None

    def open(self, place: Place, *, create: bool = False) -> Opened | None:
        """The collection of a place."""
        found = self.at_hand(place, self._manifest.stamp(place.called))
        if found is None:
            stamp = self._manifest.stamp(place.called)
            home = self._opener(place.index, place.backend, place.space, create=create)
            if home is None:
                self._opened.pop(place.called, None)
                return None
            found = self._opened[place.called] = Opened(place, home, stamp)
        return found

    def reader(self, index: NamedIndex, called: str, space: EmbeddingSpace) -> Home | None:
        """A collection to read chunks and vectors from."""
        found = self._opened.get(called)
        if found is not None and found.fresh(index.all, self._manifest.stamp(called)):
            return found.home
        return self._opener(index, None, space, create=False)

    def note(self, opened: Opened) -> None:
        """The collection was changed through this object: it is still as the manifest has it."""
        opened.stamp = self._manifest.stamp(opened.place.called)

    def close(self, called: str) -> None:
        """Open it anew the next time: it may not be what it should be."""
        self._opened.pop(called, None)

    @contextmanager
    def changing(self, place: Place) -> Iterator[Opened]:
        """A place's collection, made if there is none, held and claimed for its space.

        If the change fails, the collection is opened anew the next time: it may have a part of it in memory.

        Raises:
            EmbeddingSpaceError: It has vectors of another space.
            ReindexLockedError: Another process or a reindex holds it.
        """
        with self.writing(place.index, place.called, place.space):
            opened = self.open(place, create=True)
            assert opened is not None
            self._manifest.register(place.called, str(place.space))
            try:
                opened.home.claim(place.space)
                self.settle(opened)
                yield opened
            except BaseException:
                self.close(place.called)
                raise
            self.note(opened)

    def settle(self, opened: Opened) -> None:
        """Note what became of chunks that a process was writing when it was killed; the collection must be held."""
        called = opened.place.called
        begun = self._manifest.writing(called)
        if begun:
            self._manifest.came_to(called, opened.home.get(begun).values())

    def settle_if_free(self, opened: Opened) -> None:
        """`settle`, unless somebody writes to the collection now."""
        place = opened.place
        if not self._manifest.writing(place.called):
            return
        with suppress(ReindexLockedError), self.writing(place.index, place.called, place.space, patience=0):
            self.settle(opened)
            self.note(opened)

    @contextmanager
    def writing(
        self, index: NamedIndex, called: str, space: EmbeddingSpace, *, patience: float = _PATIENCE
    ) -> Iterator[None]:
        """Hold a collection's lock, so that neither another writer nor a reindex is in it.

        Args:
            index: The index.
            called: The collection.
            space: Its space.
            patience: Seconds to wait for the writer before.

        Raises:
            ReindexLockedError: Another holds it.
        """
        lock = FileLock(self._manifest.path.with_name(f"{called}.lock"), timeout=patience)
        try:
            lock.acquire()
        except Timeout as error:
            msg = f"another process has been writing to {called!r} for {patience:.0f} seconds; try again later"
            raise ReindexLockedError(msg) from error
        try:
            checkpoint = index.checkpoint(space)
            with locked(checkpoint.with_name(f"{checkpoint.name}.lock"), called):
                yield
        finally:
            lock.release()
