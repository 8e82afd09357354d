"""What a reindex from one of an index's collections reads, by the manifest, which learns what both of them have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from turnout.errors import ReindexError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import note_edited, remove_outdated
from turnout.index.chunks import PAGE, Chunk, pages
from turnout.index.collection import Collection
from turnout.index.manifest import Manifest
from turnout.index.migration.opened import OpenedCollections, Opener
from turnout.index.migration.report import ReindexReport

InSpace = tuple[Collection, EmbeddingSpace]


class Reconciliation:
    """The source of a reindex from a collection: the manifest is brought to agree with it a page at a time.

    The collection that is read says what the index should have, but for what was written to others through the index
    since.

    Args:
        manifest: The index's.
        opener: Opens a collection by its space.
        source: The collection that is read.
        target: The one that is filled; None if a dry run would make it.
        stamp: The source's stamp in the manifest before it was opened.

    Attributes:
        name: The collection that is read.
        gone: Ids of chunks that were deleted from it by other means than the index; known once it was read.
    """

    def __init__(
        self, manifest: Manifest, opener: Opener, source: InSpace, target: InSpace | None, stamp: int | None
    ) -> None:
        self.name = source[0].name
        self.gone: list[str] = []
        self._manifest = manifest
        self._space = source[1]
        self._target = target
        self._opened = OpenedCollections(manifest, opener)
        self._opened.add(source[0], stamp)
        if target is not None:
            self._opened.add(target[0], None, lasting=True)
        self._there: dict[str, Chunk] = {}  # what the target has of the chunks that were read last
        self._version: str | None = None  # the source's, when reading began

    @property
    def _source(self) -> Collection:
        """The collection that is read, with all that was written through the index until now."""
        found = self._opened.get(self.name, self._space)
        if found is None:
            raise ReindexError(f"{self.name} was removed while it was read. Give the same command again")
        return found

    def count(self) -> int:
        """How many chunks the collection has that is read."""
        return self._source.count()

    def state(self) -> str | None:
        """The versions of both collections, if the manifest agrees with them and the source was read as it is now."""
        if self._target is None:
            return None
        both = [self._source, self._target[0]]
        versions = [one.version() for one in both]
        if (
            None in versions
            or self._version not in {None, json.dumps(versions[0])}
            or not all(map(self._is_known, both))
        ):
            return None
        return json.dumps([[one.name for one in both], versions])

    def _is_known(self, collection: Collection) -> bool:
        manifest, name = self._manifest, collection.name
        stamp, is_behind = manifest.status(name)
        is_settled = stamp is not None and not is_behind and not manifest.writing(name)
        return is_settled and manifest.count(name) == collection.count()

    def found(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """What the target has of chunks; of those that were read last, as it was looked at then."""
        if self._target is None:
            return {}
        there = {one: self._there.pop(one) for one in ids if one in self._there}
        return there | self._target[0].get([one for one in ids if one not in there])

    def unwanted(self) -> list[str]:
        """What the target should not have any more; known once the source was read."""
        assert self._target is not None
        return [*self.gone, *self._manifest.outdated(self._target[0].name, -1)]

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk that the index should have, but those that were deleted from the collection that is read.

        A chunk of which another collection has a newer version, written through the index, is given in that version;
        one that was written to another collection alone is given too; one that was deleted through the index isn't.
        """
        target = self._target[0] if self._target is not None and self._target[0].count() else None
        in_target = target.count() if target is not None else 0
        self._begin(self._source, self._space)
        if self._target is not None and target is not None:
            self._begin(*self._target)
        self._refuse_empty()
        source = self._source
        self._version = json.dumps(source.version())
        self._there = {}
        read = matched = 0
        for page in pages(source.chunks()):
            ids = [chunk.id for chunk in page]
            chunks = self._noted(source, ids, {chunk.id: chunk for chunk in page})
            read += len(chunks)
            if target is not None:
                there = self._noted(target, ids, target.get(ids))
                matched += len(there)
                self._there.update(there)
            yield from self._wanted(chunks)
        self._find_gone(source, read)
        if target is not None and matched != in_target:
            self._note_others(target)
        yield from self._absent()

    def _begin(self, collection: Collection, space: EmbeddingSpace) -> None:
        """Have the manifest know a collection; one that it took over from a file is gone through as a whole."""
        manifest = self._manifest
        if collection.name not in manifest.collections():
            if collection.count():
                manifest.add_collection(collection.name, str(space))
        elif manifest.stamp(collection.name) is None:
            manifest.scan(collection.name, str(space), collection.chunks())

    def _refuse_empty(self) -> None:
        if self._source.count() or self._manifest.stamp(self.name) is None:
            return
        self._manifest.scan(self.name, str(self._space), ())
        if gone := self._manifest.missed(self.name):
            msg = f"{self.name} is empty, but {len(gone):,} chunks were written to it; nothing is deleted for that"
            raise ReindexError(msg)

    def _noted(self, collection: Collection, ids: Sequence[str], chunks: dict[str, Chunk]) -> dict[str, Chunk]:
        """Chunks of a collection, of which the manifest knows now.

        What isn't as the manifest has it is read again while no other process changes that: it may be what one of them
        has just written, and is noting.
        """
        name = collection.name
        held = self._manifest.versions(name, ids)
        found = {one: chunk.digests for one, chunk in chunks.items()}
        other = [one for one in ids if held.get(one) != found.get(one)]
        if not other:
            return chunks
        again: dict[str, Chunk] = {}

        def read(ids: Sequence[str]) -> Mapping[str, Chunk]:
            collection = self._source if name == self.name else self._opened.get(name)
            again.update(collection.get(ids) if collection is not None else {})
            return again

        self._opened.note_change(name, self._manifest.look_at(name, other, read))
        differing = set(other)
        return {one: chunk for one, chunk in chunks.items() if one not in differing} | again

    def _wanted(self, chunks: dict[str, Chunk]) -> Iterator[Chunk]:
        behind = self._manifest.lagging(self.name, list(chunks))
        wanted = self._manifest.known(sorted(behind)) if behind else set()
        newer = self._elsewhere(sorted(wanted)) if wanted else {}
        for chunk in chunks.values():
            if chunk.id not in behind:
                yield chunk
            elif chunk.id in wanted:
                yield newer.get(chunk.id, chunk)

    def _find_gone(self, source: Collection, read: int) -> None:
        """Find what is gone: only if the source has fewer chunks than the manifest knows, or was changed meanwhile."""
        if self._source is not source or self._manifest.count(self.name) != read:

            def chunks() -> Iterator[Chunk]:
                yield from self._source.chunks()  # once no other process changes the manifest

            self._manifest.scan(self.name, str(self._space), chunks())
        self.gone = self._manifest.missed(self.name)

    def _note_others(self, target: Collection) -> None:
        """Note what the target has and the source hasn't."""
        for page in pages(target.chunks()):
            there = {chunk.id: chunk for chunk in page}
            in_source = self._manifest.versions(self.name, list(there))
            others = [one for one in there if one not in in_source]
            self._noted(target, others, {one: there[one] for one in others})

    def _absent(self) -> Iterator[Chunk]:
        last = ""
        while ids := self._manifest.absent(self.name, PAGE, last):
            last = ids[-1]
            yield from self._elsewhere(ids).values()

    def _elsewhere(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks as another collection has them; one that turns out not to have them is asked no more."""
        found: dict[str, Chunk] = {}
        while holders := self._manifest.elsewhere(self.name, [one for one in ids if one not in found]):
            for name, there in holders.items():
                collection = self._opened.get(name)
                chunks = collection.get(there) if collection is not None else {}
                note_edited(name, chunks, self._manifest)
                found.update(chunks)
                if lost := [one for one in there if one not in chunks]:
                    self._manifest.note_lost(name, lost)
        return found

    def note(self, report: ReindexReport) -> None:
        """Bring the manifest to agree with what was written; if nothing was read, it does."""
        if self._version is None:
            return
        assert self._target is not None
        (target, space), manifest = self._target, self._manifest
        forgotten = forget(manifest, self._source, self.gone)
        is_known = not (report.skipped or report.deleted or manifest.is_behind(target.name))
        if not is_known or manifest.count(target.name) != target.count():
            manifest.scan(target.name, str(space), target.chunks(), filled=True)
        note_end(manifest, target, report, forgotten)


def forget(manifest: Manifest, collection: Collection, gone: Sequence[str]) -> int:
    """Want chunks no more that are gone from a collection, but those that were written again meanwhile; how many."""
    still = set(gone).intersection(manifest.missed(collection.name))
    still.difference_update(collection.get(sorted(still)))
    manifest.note_unwanted(sorted(still))
    return len(still)


def note_end(manifest: Manifest, target: Collection, report: ReindexReport, forgotten: int) -> None:
    """Remove what a collection should not have any more, and note what it can't have."""
    report.deleted += remove_outdated(target, manifest)
    manifest.note_skipped(target.name, dict(report.skipped))
    report.forgotten = forgotten + len(manifest.give_up_lost(target.name))
