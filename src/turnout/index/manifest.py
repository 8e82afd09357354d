"""What a named index should have and what each of its collections has: ids and digests, where the index is.

A chunk that a collection lacks, has in another version, or should not have any more is one row of `lag`, so that asking
whether a collection is behind costs a look at an index and nothing that grows.

A change puts chunks into `seen`, or ids into `touched`, and says the rest of them all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from turnout.index import manifest_statements as sql
from turnout.index.chunks import Chunk
from turnout.index.files import Value
from turnout.index.manifest_reading import ManifestReading


class Manifest(ManifestReading):
    """A named index's memory; its methods may be called from several threads and processes."""

    def add_collection(self, collection: str, space: str) -> None:
        """A collection exists."""
        with self._database.change():
            self._add_collection(collection, space)

    def remove_collection(self, collection: str) -> None:
        """A collection doesn't exist any more."""
        with self._database.change():
            self._run(*sql.FORGET, collection=collection)

    def begin_write(self, collection: str, ids: Iterable[str]) -> None:
        """Chunks are about to be written; `note_written`, `note_copied` or `note_interrupted` says how it ended."""
        with self._about(ids=ids):
            self._run(sql.BEGIN_WRITE, collection=collection)

    def note_interrupted(self, collection: str, chunks: Iterable[Chunk]) -> None:
        """What a collection has of chunks whose writer was killed; a version that was written is wanted everywhere."""
        with self._about(chunks=chunks):
            self._run(sql.NEW)
            self._note_seen(collection, filled=False)
            self._run(*sql.LEFT_UNWRITTEN, collection=collection)
            self._relate(sql.TOUCH_WRITING, collection)
            self._run(sql.WRITE_NO_MORE, collection=collection)

    def note_written(self, collection: str, chunks: Iterable[Chunk], *, origin: str | None = None) -> None:
        """A collection has chunks of an origin, for good, and every other one should have them like this."""
        with self._about(chunks=chunks):
            self._run(sql.WANT_SEEN, origin=origin)
            self._run(sql.MISS_NO_SEEN)
            self._run(sql.HOLD_SEEN, sql.NOT_WRITING, collection=collection)
            self._relate(sql.TOUCH_SEEN, collection)

    def note_copied(self, collection: str, chunks: Iterable[Chunk]) -> None:
        """A collection has copies of what is wanted, for good, even if it gives metadata back in another form."""
        with self._about(chunks=chunks):
            self._run(sql.HOLD_SEEN, sql.NOT_MISSED, sql.NOT_WRITING, sql.WANTED_METADATA, collection=collection)
            self._relate(sql.TOUCH_SEEN, collection)

    def note_unwanted(self, ids: Sequence[str]) -> None:
        """No collection should have these chunks any more."""
        with self._about(ids=ids):
            self._run(*sql.WANT_NO_TOUCHED)
            self._relate(None)

    def note_deleted(self, collection: str, ids: Sequence[str]) -> None:
        """A collection doesn't have these chunks any more."""
        with self._about(ids=ids):
            self._run(sql.HOLD_NO_TOUCHED, collection=collection)
            self._relate(None, collection)

    def note_lost(self, collection: str, ids: Sequence[str]) -> None:
        """A collection was found without these chunks: they were deleted from it by other means than the index."""
        with self._about(ids=ids):
            self._run(sql.MISS_TOUCHED, sql.HOLD_NO_TOUCHED, collection=collection)
            self._relate(None, collection)

    def note_skipped(self, collection: str, reasons: Mapping[str, str]) -> None:
        """A collection can't have these chunks as they are, because its model refuses them: id → reason."""
        with self._database.change():
            self._database.insert("seen", ((found, None, None, reason) for found, reason in reasons.items()))
            self._run(sql.AS_WANTED, sql.HOLD_SEEN, sql.NOT_MISSED, collection=collection)
            self._relate(sql.TOUCH_SEEN, collection)

    def scan(
        self, collection: str, space: str, chunks: Iterable[Chunk], *, wanted: bool = False, filled: bool = False
    ) -> None:
        """Go through all chunks of a collection, and note what it has.

        A chunk that isn't known at all was added without turnout or on another machine: every collection should have
        it. One that has another text or other metadata than was written was edited by other means: every collection
        should have it like this. One that isn't there any more is `missed`, and still wanted.

        Args:
            collection: The collection.
            space: Its space.
            chunks: All that it has.
            wanted: Whether every collection should have exactly this.
            filled: Whether it was just filled with what is wanted, so that what it lacks was deleted for that, and its
                metadata are what is wanted even if it gives them back in another form.
        """
        with self._about(chunks=chunks):
            self._add_collection(collection, space)
            if wanted:
                self._run(*sql.EXACTLY_SEEN, collection=collection)
            elif not filled:
                self._run(sql.MISSED, collection=collection)
            self._run(sql.NEW)
            self._run(sql.HELD_NO_MORE, collection=collection)
            self._note_seen(collection, filled=filled)
            self._relate(sql.TOUCH_ALL, collection)

    def note_edited(self, collection: str, chunks: Sequence[Chunk]) -> None:
        """Note some chunks as a collection has them now; those that were edited by other means are wanted like this."""
        with self._about(chunks=chunks):
            self._note_seen(collection, filled=False)
            self._relate(sql.TOUCH_SEEN, collection)

    def look_at(self, collection: str, ids: Sequence[str], get: Callable[[Sequence[str]], Mapping[str, Chunk]]) -> int:
        """Look at chunks of a collection while no other process changes the manifest, and note them as `scan` does.

        Args:
            collection: The collection, which was gone through before.
            ids: The chunks.
            get: Gives those of them that the collection has.

        Returns:
            The collection's stamp with that.
        """
        with self._database.change():
            self._database.insert("seen", ((one.id, *one.digests, None) for one in get(ids).values()))
            self._database.insert("touched", ((found,) for found in ids))
            self._run(sql.MISSED_TOUCHED, sql.NEW, sql.HELD_TOUCHED_NO_MORE, collection=collection)
            self._note_seen(collection, filled=False)
            self._relate(None, collection)
            return self.stamp(collection) or 0

    def give_up_lost(self, collection: str) -> list[str]:
        """Give up the versions that a collection lacks and no collection has; the ids of these chunks.

        The chunk is wanted as the collection has it, or else another one; if none has it, it isn't wanted any more.
        """
        with self._about():
            self._run(sql.NOWHERE, sql.WANT_ANOTHER, collection=collection)
            self._run(*sql.GIVE_UP)
            ids = self._ids("SELECT id FROM touched ORDER BY id")
            self._relate(None)
        return ids

    @contextmanager
    def _about(self, *, chunks: Iterable[Chunk] = (), ids: Iterable[str] = ()) -> Iterator[None]:
        """A change that is about chunks as a collection has them, or about ids."""
        with self._database.change():
            self._database.insert("seen", ((chunk.id, *chunk.digests, None) for chunk in chunks))
            self._database.insert("touched", ((found,) for found in ids))
            yield

    def _add_collection(self, collection: str, space: str) -> None:
        statement = "INSERT INTO collection VALUES (:collection, :space, 0) ON CONFLICT DO NOTHING"
        if self._database.execute(statement, collection=collection, space=space):
            self._relate(sql.TOUCH_ALL)

    def _note_seen(self, collection: str, *, filled: bool) -> None:
        """Hold what was seen, and want what was edited as it is."""
        self._database.execute(sql.EDITED, collection=collection, whole=not filled)
        self._run(sql.HOLD_SEEN, sql.NOT_MISSED, collection=collection)
        if filled:
            self._run(sql.WANTED_METADATA, collection=collection)

    def _run(self, *statements: str, **values: Value) -> None:
        for statement in statements:
            self._database.execute(statement, **values)

    def _relate(self, touch: str | None, collection: str | None = None) -> None:
        """Relate what collections have of chunks to what they should have.

        Args:
            touch: Says which chunks; None if `touched` has them.
            collection: The one that was changed.
        """
        if touch is not None:
            self._run("DELETE FROM touched", touch, collection=collection)
        self._run(*sql.RELATE)
        if collection is not None:
            self._run(sql.STAMP, collection=collection)
