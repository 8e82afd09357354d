"""What a named index should have and what each of its collections has: ids and digests, in SQLite beside the index.

A chunk that a collection lacks, has in another version, or should not have any more is one row of `lag`, so that asking
whether a collection is behind costs a look at an index and nothing that grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from turnout.index.chunks import Chunk
from turnout.index.manifest_reading import ManifestReading

_NOT_HELD = "DELETE FROM held WHERE collection = ? AND id = ?"
_NOT_MISSED = "DELETE FROM missed WHERE collection = ? AND id = ?"
_NEW = "INSERT OR IGNORE INTO document SELECT id, text, metadata, NULL FROM seen WHERE id NOT IN (SELECT id FROM held)"
_WANTED_METADATA = "UPDATE held SET metadata = d.metadata FROM document d WHERE d.id = held.id AND d.text = held.text"
_TOUCH_ALL = "INSERT INTO touched SELECT id FROM document UNION SELECT id FROM held UNION SELECT id FROM lag"
_HELD_NO_MORE = "DELETE FROM held WHERE collection = :collection AND reason IS NULL AND id NOT IN (SELECT id FROM seen)"
_MISSED = (
    "INSERT OR IGNORE INTO missed SELECT collection, id FROM held WHERE collection = :collection "
    "AND reason IS NULL AND id NOT IN (SELECT id FROM seen) AND id IN (SELECT id FROM document)"
)
_EXACTLY_SEEN = (
    """DELETE FROM document WHERE id NOT IN (SELECT id FROM seen)
    AND id NOT IN (SELECT id FROM held WHERE collection = :collection AND reason IS NOT NULL)""",
    """INSERT INTO document SELECT id, text, metadata, NULL FROM seen WHERE true
    ON CONFLICT (id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata""",
    "DELETE FROM missed",
)

_RELATE = """
INSERT INTO lag
SELECT c.name, t.id FROM touched t CROSS JOIN collection c
LEFT JOIN document d ON d.id = t.id
LEFT JOIN held h ON h.collection = c.name AND h.id = t.id
WHERE (d.id IS NULL AND h.id IS NOT NULL)
   OR (d.id IS NOT NULL AND (h.id IS NULL OR h.text <> d.text OR (h.reason IS NULL AND h.metadata <> d.metadata)))
"""

# A chunk was changed past the index if the collection had the wanted version of it, or had lost it, and has another
# one now. Where another collection has a newer version, written through the index, that one stays wanted.
_EDITED = """
UPDATE document SET
    text = s.text,
    metadata = CASE WHEN h.id IS NULL OR h.metadata = document.metadata THEN s.metadata ELSE document.metadata END
FROM seen s
LEFT JOIN held h ON h.collection = :collection AND h.id = s.id
LEFT JOIN missed m ON m.collection = :collection AND m.id = s.id
WHERE s.id = document.id AND (
    (h.text = document.text AND s.text <> h.text)
    OR (:whole AND h.reason IS NULL AND h.text = document.text AND h.metadata = document.metadata
        AND s.metadata <> h.metadata)
    OR (h.id IS NULL AND m.id IS NOT NULL)
)
"""


class Manifest(ManifestReading):
    """A named index's memory; its methods may be called from several threads and processes."""

    def add_collection(self, collection: str, space: str) -> None:
        """A collection exists."""
        with self._change():
            self._add_collection(collection, space)

    def remove_collection(self, collection: str) -> None:
        """A collection doesn't exist any more."""
        with self._change():
            for table in ("held", "lag", "missed", "writing"):
                self._base.execute(f"DELETE FROM {table} WHERE collection = ?", (collection,))  # noqa: S608
            self._base.execute("DELETE FROM collection WHERE name = ?", (collection,))

    def begin_write(self, collection: str, ids: Iterable[str]) -> None:
        """Chunks are about to be written; `note_written`, `note_copied` or `note_interrupted` says how it ended."""
        with self._change():
            self._for_each("INSERT OR IGNORE INTO writing VALUES (?, ?)", collection, ids)

    def note_interrupted(self, collection: str, chunks: Iterable[Chunk]) -> None:
        """What a collection has of chunks whose writer was killed; a version that was written is wanted everywhere."""
        left = "FROM writing w WHERE w.collection = :collection AND w.id NOT IN (SELECT id FROM seen)"
        held = "(SELECT 1 FROM held h WHERE h.collection = w.collection AND h.id = w.id)"
        with self._change():
            with self._seeing(chunks):
                self._run(collection, _NEW)
                self._note_seen(collection, filled=False)
                self._run(
                    collection,
                    f"INSERT OR IGNORE INTO missed SELECT w.collection, w.id {left} AND EXISTS {held}",
                    f"DELETE FROM held WHERE collection = :collection AND id IN (SELECT w.id {left})",  # noqa: S608
                )
            ids = [row[0] for row in self._base.execute("SELECT id FROM writing WHERE collection = ?", (collection,))]
            self._run(collection, "DELETE FROM writing WHERE collection = :collection")
            self._touch(ids, collection)

    def note_written(self, collection: str, chunks: Iterable[Chunk], *, origin: str | None = None) -> None:
        """A collection has chunks of an origin, for good, and every other one should have them like this."""
        rows = [(chunk.id, *chunk.digests) for chunk in chunks]
        with self._change():
            documents = ((*row, origin) for row in rows)
            self._base.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", documents)
            self._base.executemany("DELETE FROM missed WHERE id = ?", ((row[0],) for row in rows))
            self._hold(collection, rows)

    def note_copied(self, collection: str, chunks: Iterable[Chunk]) -> None:
        """A collection has copies of what is wanted, for good, even if it gives metadata back in another form."""
        rows = [(chunk.id, *chunk.digests) for chunk in chunks]
        with self._change():
            ids = self._hold(collection, rows)
            self._for_each(f"{_WANTED_METADATA} AND held.collection = ? AND held.id = ?", collection, ids)
            self._touch(ids, collection)

    def note_unwanted(self, ids: Sequence[str]) -> None:
        """No collection should have these chunks any more."""
        with self._change():
            self._drop(ids)
            self._touch(ids)

    def note_deleted(self, collection: str, ids: Sequence[str]) -> None:
        """A collection doesn't have these chunks any more."""
        with self._change():
            self._for_each(_NOT_HELD, collection, ids)
            self._touch(ids, collection)

    def note_lost(self, collection: str, ids: Sequence[str]) -> None:
        """A collection was found without these chunks: they were deleted from it by other means than the index."""
        with self._change():
            self._for_each("INSERT OR IGNORE INTO missed VALUES (?, ?)", collection, ids)
            self._for_each(_NOT_HELD, collection, ids)
            self._touch(ids, collection)

    def note_skipped(self, collection: str, reasons: Mapping[str, str]) -> None:
        """A collection can't have these chunks as they are, because its model refuses them: id → reason."""
        with self._change():
            self._base.executemany(
                "INSERT OR REPLACE INTO held SELECT ?, id, text, metadata, ? FROM document WHERE id = ?",
                ((collection, reason, found) for found, reason in reasons.items()),
            )
            self._for_each(_NOT_MISSED, collection, reasons)
            self._touch(reasons, collection)

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
        with self._change():
            self._add_collection(collection, space)
            with self._seeing(chunks):
                if wanted:
                    self._run(collection, *_EXACTLY_SEEN)
                elif not filled:
                    self._run(collection, _MISSED)
                self._run(collection, _NEW, _HELD_NO_MORE)
                self._note_seen(collection, filled=filled)
            self._touch(None, collection)

    def note_edited(self, collection: str, chunks: Sequence[Chunk]) -> None:
        """Note some chunks as a collection has them now; those that were edited by other means are wanted like this."""
        with self._change():
            with self._seeing(chunks):
                self._note_seen(collection, filled=False)
            self._touch((chunk.id for chunk in chunks), collection)

    def give_up_lost(self, collection: str) -> list[str]:
        """Give up the versions that a collection lacks and no collection has; the ids of these chunks.

        The chunk is wanted as the collection has it, or else another one; if none has it, it isn't wanted any more.
        """
        nowhere = (
            "SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = ? AND NOT EXISTS "
            "(SELECT 1 FROM held h WHERE h.id = l.id AND h.text = d.text AND h.metadata = d.metadata "
            "AND h.reason IS NULL) ORDER BY l.id"
        )
        another = (
            "UPDATE document SET text = h.text, metadata = h.metadata FROM (SELECT text, metadata FROM held "
            "WHERE id = :id AND reason IS NULL ORDER BY text <> (SELECT text FROM document WHERE id = :id), "
            "collection <> :collection, collection LIMIT 1) h WHERE id = :id"
        )
        with self._change():
            ids: list[str] = [row[0] for row in self._base.execute(nowhere, (collection,))]
            values = [{"id": found, "collection": collection} for found in ids]
            self._drop([value["id"] for value in values if not self._base.execute(another, value).rowcount])
            self._touch(ids)
        return ids

    def _add_collection(self, collection: str, space: str) -> None:
        added = self._base.execute("INSERT OR IGNORE INTO collection VALUES (?, ?, 0)", (collection, space))
        if added.rowcount:
            self._touch(None, collection)

    def _drop(self, ids: Sequence[str]) -> None:
        for table in ("document", "missed"):
            self._base.executemany(f"DELETE FROM {table} WHERE id = ?", ((found,) for found in ids))  # noqa: S608

    @contextmanager
    def _seeing(self, chunks: Iterable[Chunk]) -> Iterator[None]:
        self._base.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, text BLOB, metadata BLOB) WITHOUT ROWID")
        try:
            rows = ((chunk.id, *chunk.digests) for chunk in chunks)
            self._base.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)
            yield
        finally:
            self._base.execute("DROP TABLE seen")

    def _note_seen(self, collection: str, *, filled: bool) -> None:
        """Hold what was seen, and want what was edited as it is."""
        self._base.execute(_EDITED, {"collection": collection, "whole": not filled})
        self._run(
            collection,
            "INSERT OR REPLACE INTO held SELECT :collection, id, text, metadata, NULL FROM seen",
            "DELETE FROM missed WHERE collection = :collection AND id IN (SELECT id FROM seen)",
        )
        if filled:
            self._run(collection, f"{_WANTED_METADATA} AND held.collection = :collection AND held.reason IS NULL")

    def _hold(self, collection: str, rows: Sequence[tuple[str, bytes, bytes]]) -> list[str]:
        held = ((collection, *row) for row in rows)
        self._base.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, NULL)", held)
        ids = [row[0] for row in rows]
        self._for_each(_NOT_MISSED, collection, ids)
        self._for_each("DELETE FROM writing WHERE collection = ? AND id = ?", collection, ids)
        self._touch(ids, collection)
        return ids

    def _run(self, collection: str, *statements: str) -> None:
        for statement in statements:
            self._base.execute(statement, {"collection": collection})

    def _for_each(self, statement: str, collection: str, ids: Iterable[str]) -> None:
        self._base.executemany(statement, ((collection, found) for found in ids))

    def _touch(self, ids: Iterable[str] | None, collection: str | None = None) -> None:
        """Relate what collections have of chunks (all if None) to what they should have; one of them was changed."""
        self._base.execute("DELETE FROM touched")
        if ids is None:
            self._base.execute(_TOUCH_ALL)
        else:
            self._base.executemany("INSERT OR IGNORE INTO touched VALUES (?)", ((found,) for found in ids))
        self._base.execute("DELETE FROM lag WHERE id IN (SELECT id FROM touched)")
        self._base.execute(_RELATE)
        self._base.execute("UPDATE collection SET stamp = stamp + 1 WHERE name = ?", (collection,))
