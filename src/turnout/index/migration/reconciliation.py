"""A reindex between two collections of a named index, and changes that were made to them by other means."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from turnout.errors import ReindexError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import note_edited, remove_outdated
from turnout.index.chunks import PAGE, Chunk, pages
from turnout.index.collection import Collection
from turnout.index.manifest import Manifest
from turnout.index.migration.report import ReindexReport

_Opener = Callable[[EmbeddingSpace], Collection | None]
_InSpace = tuple[Collection, EmbeddingSpace]


class Reconciliation:
    """The manifest of an index, before and after a reindex from one of its collections, and what that is to read.

    The collection that is read says what the index should have, but for what was written to others through the index
    since. If the two collections are one, it is taken as it is. `gone` has the ids of chunks that were deleted from
    what is read, by other means than the index.

    Args:
        manifest: What the collections have.
        opener: Opens the collection of a space.
        source: The collection that is read, and its space.
        target: The collection that is filled, and its space; None if a dry run doesn't make it.
    """

    def __init__(self, manifest: Manifest, opener: _Opener, source: _InSpace, target: _InSpace | None) -> None:
        self.name = source[0].name
        self._manifest = manifest
        self._opener = opener
        self._source = source[0]
        self._target = target
        self._collections: dict[str, Collection | None] = {} if target is None else {target[0].name: target[0]}
        for collection, space in [source] if target is None or target[0] is source[0] else [source, target]:
            if collection.count() or manifest.stamp(collection.name) is not None:
                manifest.scan(collection.name, str(space), collection.chunks())
        self.gone = manifest.missed(self._source.name)
        if self.gone and not self._source.count():
            if target is None or target[0] is not self._source:
                name = self._source.name
                msg = f"{name} is empty, but {len(self.gone):,} chunks were written to it; nothing is deleted for that"
                raise ReindexError(msg)
            self.gone = []

    def unwanted(self, target: str) -> list[str]:
        """What the target should not have any more."""
        return [*self.gone, *self._manifest.outdated(target, -1)]

    def note(self, report: ReindexReport) -> None:
        """Bring the manifest to agree with what was read and written."""
        assert self._target is not None
        (target, space), manifest = self._target, self._manifest
        gone = set(self.gone).intersection(manifest.missed(self._source.name))  # not written again meanwhile
        gone.difference_update(self._source.get(sorted(gone)))
        manifest.note_unwanted(sorted(gone))
        manifest.scan(target.name, str(space), target.chunks(), filled=self._source is not target)
        report.deleted += remove_outdated(target, manifest)
        manifest.note_skipped(target.name, dict(report.skipped))
        report.forgotten = len(gone) + len(manifest.give_up_lost(target.name))

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk that the index should have, but those that were deleted from the collection that is read.

        A chunk of which another collection has a newer version, written through the index, is given in that version;
        one that was written to another collection alone is given too; one that was deleted through the index isn't.
        """
        for page in pages(self._source.chunks()):
            ids = [chunk.id for chunk in page]
            behind = self._manifest.lagging(self.name, ids)
            if not behind:
                yield from page
                continue
            wanted = self._manifest.known(ids)
            newer = self._elsewhere(sorted(behind & wanted))
            for chunk in page:
                if chunk.id not in behind:
                    yield chunk
                elif chunk.id in wanted:
                    yield newer.get(chunk.id, chunk)
        last = ""
        while ids := self._manifest.absent(self.name, PAGE, last):
            last = ids[-1]
            yield from self._elsewhere(ids).values()

    def _elsewhere(self, ids: Sequence[str]) -> dict[str, Chunk]:
        found: dict[str, Chunk] = {}
        for name, there in self._manifest.elsewhere(self.name, ids).items():
            collection = self._collection(name)
            chunks = collection.get(there) if collection is not None else {}
            note_edited(name, chunks.values(), self._manifest)
            found.update(chunks)
        return found

    def _collection(self, name: str) -> Collection | None:
        if name not in self._collections:
            self._collections[name] = self._opener(EmbeddingSpace.parse(self._manifest.collections()[name]))
        return self._collections[name]


@contextmanager
def opened_manifest(path: Path, *, dry: bool) -> Iterator[Manifest]:
    """The manifest of an index."""
    if not dry:
        with closing(Manifest(path)) as manifest:
            yield manifest
        return
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        copy = Path(folder) / path.name
        if path.is_file():
            address = f"{path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as original, closing(sqlite3.connect(copy)) as target:
                original.backup(target)
        with closing(Manifest(copy)) as manifest:
            yield manifest
