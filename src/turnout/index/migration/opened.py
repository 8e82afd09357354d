"""The collections that a reindex reads, opened anew when they were changed through the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.collection import Collection
from turnout.index.manifest import Manifest

Opener = Callable[[EmbeddingSpace], Collection | None]


@dataclass(slots=True)
class _Opened:
    collection: Collection | None
    stamp: int | None  # in the manifest, before it was opened, or with what was noted here since
    lasting: bool = False


class OpenedCollections:
    """Collections by name, none older than what the manifest knows of it: some are in memory as they were once.

    Args:
        manifest: The index's.
        opener: Opens a collection by its space.
    """

    def __init__(self, manifest: Manifest, opener: Opener) -> None:
        self._manifest = manifest
        self._opener = opener
        self._opened: dict[str, _Opened] = {}

    def add(self, collection: Collection, stamp: int | None, *, lasting: bool = False) -> None:
        """Add a collection that is open, with its stamp from before; `lasting` if this process alone changes it."""
        self._opened[collection.name] = _Opened(collection, stamp, lasting)

    def _is_changed(self, name: str) -> bool:
        """Whether a collection was changed through the index since it was opened."""
        opened = self._opened.get(name)
        return opened is None or not (opened.lasting or opened.stamp == self._manifest.stamp(name))

    def get(self, name: str, space: EmbeddingSpace | None = None) -> Collection | None:
        """A collection, opened anew if it was changed; None if it isn't there. The manifest knows its space too."""
        if self._is_changed(name):
            stamp = self._manifest.stamp(name)
            self._opened[name] = _Opened(self._opener(space or self._space_of(name)), stamp)
        return self._opened[name].collection

    def _space_of(self, name: str) -> EmbeddingSpace:
        return EmbeddingSpace.parse(self._manifest.collections()[name])

    def note_change(self, name: str, stamp: int) -> None:
        """What the manifest knows of a collection was changed here; its stamp with that."""
        self._opened[name].stamp = stamp
