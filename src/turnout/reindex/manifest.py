"""What a named index should have and what each of its collections has: ids and digests, in SQLite beside the index.

A chunk that a collection lacks, has in another version, or should not have any more is one row of `lag`, so that asking
whether a collection is behind costs a look at an index and nothing that grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from turnout.errors import ReindexError
from turnout.reindex.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from turnout.reindex.items import Item

_FORMAT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS document (id TEXT PRIMARY KEY, text BLOB, metadata BLOB, origin TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collection (name TEXT PRIMARY KEY, space TEXT, stamp INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    collection TEXT, id TEXT, text BLOB, metadata BLOB, reason TEXT, PRIMARY KEY (collection, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lag (collection TEXT, id TEXT, PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TEMP TABLE touched (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_RELATE = """
INSERT INTO lag
SELECT c.name, t.id FROM touched t CROSS JOIN collection c
LEFT JOIN document d ON d.id = t.id
LEFT JOIN held h ON h.collection = c.name AND h.id = t.id
WHERE (d.id IS NULL AND h.id IS NOT NULL)
   OR (d.id IS NOT NULL AND (h.id IS NULL OR h.text <> d.text OR (h.reason IS NULL AND h.metadata <> d.metadata)))
"""


class Digests(NamedTuple):
    """By what a version of a chunk is told from another."""

    text: bytes
    metadata: bytes

    @classmethod
    def of(cls, item: Item) -> Digests:
        """A chunk's."""
        return cls(item.text_digest, item.metadata_digest)


class Manifest(Database):
    """A named index's memory; its methods may be called from several threads and processes.

    Args:
        path: The file; made if there is none.

    Raises:
        ReindexError: It can't be read.
    """

    tables: ClassVar[str] = _TABLES
    called: ClassVar[str] = "manifest"
    remedy: ClassVar[str] = "the next use of the index makes it anew from the collections"
    patience: ClassVar[float] = 30

    def _open(self) -> None:
        found = self._one("PRAGMA user_version")
        if found not in {0, _FORMAT}:
            msg = f"{self.path} has format {found}, and this turnout reads {_FORMAT}; update turnout, or delete it"
            raise ReindexError(msg)
        self._base.execute(f"PRAGMA user_version = {_FORMAT}")

    # --- what there is

    @property
    def documents(self) -> int:
        """How many chunks the index should have."""
        return self._one("SELECT count(*) FROM document")

    def collections(self) -> dict[str, str]:
        """The collections that are known: name → text of the space."""
        return dict(self._rows("SELECT name, space FROM collection ORDER BY name"))

    def stamp(self, collection: str) -> int | None:
        """A number that changes with every change of a collection; None if it isn't known."""
        rows = self._rows("SELECT stamp FROM collection WHERE name = ?", collection)
        return int(rows[0][0]) if rows else None

    def holding(self, collection: str) -> int:
        """How many chunks a collection has."""
        return self._one("SELECT count(*) FROM held WHERE collection = ? AND reason IS NULL", collection)

    def behind(self, collection: str) -> int:
        """How many chunks a collection lacks, has in another version, or should not have any more."""
        return self._one("SELECT count(*) FROM lag WHERE collection = ?", collection)

    def is_behind(self, collection: str) -> bool:
        """Whether it is behind; costs the same however large the index is."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM lag WHERE collection = ?)", collection))

    def lacking(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection lacks or has in another version."""
        chosen = "SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = ? ORDER BY l.id LIMIT ?"
        return self._ids(chosen, collection, number)

    def outdated(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection should not have any more."""
        chosen = (
            "SELECT l.id FROM lag l LEFT JOIN document d ON d.id = l.id "
            "WHERE l.collection = ? AND d.id IS NULL ORDER BY l.id LIMIT ?"
        )
        return self._ids(chosen, collection, number)

    def of_origin(self, origin: str) -> set[str]:
        """Ids of the chunks that came from somewhere."""
        return set(self._ids("SELECT id FROM document WHERE origin = ?", origin))

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index should have."""
        return {row[0] for row in self._of_ids("SELECT id FROM document WHERE id IN ({})", ids)}

    def every_id(self) -> list[str]:
        """The ids that the index should have, and those that a collection has."""
        return self._ids("SELECT id FROM document UNION SELECT id FROM held ORDER BY id")

    def ids(self, collection: str) -> list[str]:
        """The ids that a collection has."""
        return self._ids("SELECT id FROM held WHERE collection = ? AND reason IS NULL ORDER BY id", collection)

    def held(self, collection: str, ids: Sequence[str]) -> dict[str, Digests]:
        """The versions that a collection has of chunks."""
        asked = "SELECT id, text, metadata FROM held WHERE id IN ({}) AND reason IS NULL AND collection = ?"
        return {row[0]: Digests(row[1], row[2]) for row in self._of_ids(asked, ids, collection)}

    def holders(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Which collections have the wanted version of chunks: collection → ids, each id once."""
        asked = (
            "SELECT h.id, min(h.collection) FROM held h JOIN document d ON d.id = h.id AND d.text = h.text "
            "WHERE h.reason IS NULL AND h.id IN ({}) GROUP BY h.id"
        )
        found: dict[str, list[str]] = {}
        for made, collection in self._of_ids(asked, ids):
            found.setdefault(collection, []).append(made)
        return found

    # --- what changes

    def register(self, collection: str, space: str) -> None:
        """A collection exists."""
        with self._change():
            self._add_collection(collection, space)

    def forget(self, collection: str) -> None:
        """A collection doesn't exist any more."""
        with self._change():
            for table, column in (("held", "collection"), ("lag", "collection"), ("collection", "name")):
                self._base.execute(f"DELETE FROM {table} WHERE {column} = ?", (collection,))  # noqa: S608

    def wrote(self, collection: str, items: Iterable[Item], *, origin: str | None = None) -> None:
        """A collection has chunks, for good, and every other one should have them like this.

        Args:
            collection: The collection.
            items: The chunks, as the collection gives them back.
            origin: What they belong to.
        """
        rows = [(item.id, *Digests.of(item)) for item in items]
        with self._change():
            self._base.executemany(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)", ((*row, origin) for row in rows)
            )
            self._hold(collection, rows)

    def copied(self, collection: str, items: Iterable[Item]) -> None:
        """A collection has chunks, for good, that were copied from what is wanted.

        Their metadata are what is wanted, even if this collection gives them back in another form.
        """
        rows = [(item.id, *Digests.of(item)) for item in items]
        with self._change():
            self._hold(collection, rows)
            self._base.executemany(
                "UPDATE held SET metadata = d.metadata FROM document d "
                "WHERE d.id = held.id AND d.text = held.text AND held.collection = ? AND held.id = ?",
                ((collection, row[0]) for row in rows),
            )
            self._touch((row[0] for row in rows), collection)

    def unwanted(self, ids: Iterable[str]) -> None:
        """No collection should have these chunks any more."""
        listed = list(ids)
        with self._change():
            self._base.executemany("DELETE FROM document WHERE id = ?", ((found,) for found in listed))
            self._touch(listed)

    def deleted(self, collection: str, ids: Iterable[str]) -> None:
        """A collection doesn't have these chunks any more."""
        listed = list(ids)
        with self._change():
            self._base.executemany(
                "DELETE FROM held WHERE collection = ? AND id = ?", ((collection, found) for found in listed)
            )
            self._touch(listed, collection)

    def skipped(self, collection: str, reasons: Mapping[str, str]) -> None:
        """A collection can't have these chunks as they are, because its model refuses them: id → reason."""
        with self._change():
            self._base.executemany(
                "INSERT OR REPLACE INTO held SELECT ?, id, text, metadata, ? FROM document WHERE id = ?",
                ((collection, reason, found) for found, reason in reasons.items()),
            )
            self._touch(reasons, collection)

    def look(self, collection: str, space: str, items: Iterable[Item], *, wanted: bool = False) -> None:
        """Go through a collection, and note what it has.

        A chunk that isn't known at all was added without turnout or on another machine: every collection should have
        it.

        Args:
            collection: The collection.
            space: Its space.
            items: All that it has.
            wanted: Whether every collection should have exactly this.
        """
        with self._change():
            self._add_collection(collection, space)
            self._base.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY, text BLOB, metadata BLOB) WITHOUT ROWID")
            try:
                self._base.executemany(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", ((item.id, *Digests.of(item)) for item in items)
                )
                if wanted:
                    self._base.execute(
                        "DELETE FROM document WHERE id NOT IN (SELECT id FROM seen) AND id NOT IN "
                        "(SELECT id FROM held WHERE collection = ? AND reason IS NOT NULL)",
                        (collection,),
                    )
                    self._base.execute(
                        "INSERT INTO document SELECT id, text, metadata, NULL FROM seen WHERE true "
                        "ON CONFLICT (id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata"
                    )
                self._base.execute(
                    "INSERT OR IGNORE INTO document SELECT id, text, metadata, NULL FROM seen "
                    "WHERE id NOT IN (SELECT id FROM held)"
                )
                self._base.execute(
                    "DELETE FROM held WHERE collection = ? AND reason IS NULL AND id NOT IN (SELECT id FROM seen)",
                    (collection,),
                )
                self._base.execute(
                    "INSERT OR REPLACE INTO held SELECT ?, id, text, metadata, NULL FROM seen", (collection,)
                )
            finally:
                self._base.execute("DROP TABLE seen")
            self._touch_all(collection)

    def drop_orphans(self) -> int:
        """Forget chunks that no collection has: their text is nowhere. Returns how many."""
        with self._change():
            gone = self._base.execute("DELETE FROM document WHERE id NOT IN (SELECT id FROM held)").rowcount
            self._touch_all()
            return gone

    # --- within a change

    def _add_collection(self, collection: str, space: str) -> None:
        made = self._base.execute("INSERT OR IGNORE INTO collection VALUES (?, ?, 0)", (collection, space))
        if made.rowcount:
            self._touch_all(collection)

    def _hold(self, collection: str, rows: Sequence[tuple[str, bytes, bytes]]) -> None:
        self._base.executemany(
            "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, NULL)", ((collection, *row) for row in rows)
        )
        self._touch((row[0] for row in rows), collection)

    def _touch(self, ids: Iterable[str], collection: str | None = None) -> None:
        """Relate what collections have of chunks to what they should have; one of them was changed."""
        self._base.execute("DELETE FROM touched")
        self._base.executemany("INSERT OR IGNORE INTO touched VALUES (?)", ((found,) for found in ids))
        self._relate(collection)

    def _touch_all(self, collection: str | None = None) -> None:
        self._base.execute("DELETE FROM touched")
        every = "SELECT id FROM document UNION SELECT id FROM held UNION SELECT id FROM lag"
        self._base.execute(f"INSERT INTO touched {every}")
        self._relate(collection)

    def _relate(self, collection: str | None) -> None:
        self._base.execute("DELETE FROM lag WHERE id IN (SELECT id FROM touched)")
        self._base.execute(_RELATE)
        self._base.execute("UPDATE collection SET stamp = stamp + 1 WHERE name = ?", (collection,))
