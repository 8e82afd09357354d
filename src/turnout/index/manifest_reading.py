"""What a named index's manifest says: which chunks the index should have, and which each collection has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from turnout.errors import ReindexError
from turnout.index.chunks import Digests
from turnout.index.files import Database

_FORMAT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS document (id TEXT PRIMARY KEY, text BLOB, metadata BLOB, origin TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collection (name TEXT PRIMARY KEY, space TEXT, stamp INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    collection TEXT, id TEXT, text BLOB, metadata BLOB, reason TEXT, PRIMARY KEY (collection, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lag (collection TEXT, id TEXT, PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missed (collection TEXT, id TEXT, PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS writing (collection TEXT, id TEXT, PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TEMP TABLE touched (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class ManifestReading(Database):
    """The tables of a manifest, and what is query of them."""

    tables: ClassVar[str] = _TABLES
    kind: ClassVar[str] = "manifest"
    remedy: ClassVar[str] = "the next use of the index makes it anew from the collections"
    patience: ClassVar[float] = 30

    def _open(self) -> None:
        found = self._one("PRAGMA user_version")
        if found not in {0, _FORMAT}:
            msg = f"{self.path} has format {found}, and this turnout reads {_FORMAT}; update turnout, or delete it"
            raise ReindexError(msg)
        self._base.execute(f"PRAGMA user_version = {_FORMAT}")

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

    def status(self, collection: str) -> tuple[int | None, bool]:
        """`stamp` and `is_behind`, in one look."""
        query = "SELECT stamp, EXISTS (SELECT 1 FROM lag WHERE collection = name) FROM collection WHERE name = ?"
        rows = self._rows(query, collection)
        return (int(rows[0][0]), bool(rows[0][1])) if rows else (None, self.is_behind(collection))

    def count(self, collection: str) -> int:
        """How many chunks a collection has."""
        return self._one("SELECT count(*) FROM held WHERE collection = ? AND reason IS NULL", collection)

    def behind(self, collection: str) -> int:
        """How many chunks a collection lacks, has in another version, or should not have any more."""
        return self._one("SELECT count(*) FROM lag WHERE collection = ?", collection)

    def is_behind(self, collection: str) -> bool:
        """Whether it is behind; costs the same however large the index is."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM lag WHERE collection = ?)", collection))

    def writing(self, collection: str) -> list[str]:
        """Ids of chunks whose write was begun: if nobody holds the collection, by a process that was killed."""
        return self._ids("SELECT id FROM writing WHERE collection = ? ORDER BY id", collection)

    def nowhere(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index should have, and that no collection has as they were written."""
        query = (
            "SELECT d.id FROM document d WHERE d.id IN ({}) AND NOT EXISTS "
            "(SELECT 1 FROM held h WHERE h.id = d.id AND h.text = d.text AND h.reason IS NULL)"
        )
        return {row[0] for row in self._of_ids(query, ids)}

    def lacking(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection lacks or has in another version."""
        query = "SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = ? ORDER BY l.id LIMIT ?"
        return self._ids(query, collection, number)

    def lacks_unwritten(self, collection: str) -> bool:
        """Whether a collection lacks a chunk, or has it in another version, that nobody is writing."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM writing w WHERE w.collection = ?1 AND w.id = l.id))"
        )
        return bool(self._one(query, collection))

    def outdated(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection should not have any more."""
        query = (
            "SELECT l.id FROM lag l LEFT JOIN document d ON d.id = l.id "
            "WHERE l.collection = ? AND d.id IS NULL ORDER BY l.id LIMIT ?"
        )
        return self._ids(query, collection, number)

    def lagging(self, collection: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that a collection lacks, has in another version, or should not have any more."""
        query = "SELECT id FROM lag WHERE id IN ({}) AND collection = ?"
        return {row[0] for row in self._of_ids(query, ids, collection)}

    def absent(self, collection: str, number: int, after: str = "") -> list[str]:
        """Ids of chunks that a collection never had, in order, from one on: they were written to others since."""
        query = (
            "SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = ?1 AND l.id > ?2 "
            "AND NOT EXISTS (SELECT 1 FROM held h WHERE h.collection = ?1 AND h.id = l.id AND h.reason IS NULL) "
            "AND NOT EXISTS (SELECT 1 FROM missed m WHERE m.collection = ?1 AND m.id = l.id) ORDER BY l.id LIMIT ?3"
        )
        return self._ids(query, collection, after, number)

    def missed(self, collection: str) -> list[str]:
        """Ids of chunks that a collection had, and that were deleted from it by other means than the index."""
        query = "SELECT m.id FROM missed m JOIN document d ON d.id = m.id WHERE m.collection = ? ORDER BY m.id"
        return self._ids(query, collection)

    def offers(self, collection: str) -> dict[str, int]:
        """What other collections have of what one lacks: collection → chunks; only those that have something."""
        query = (
            "SELECT h.collection, count(*) FROM lag l JOIN document d ON d.id = l.id "
            "JOIN held h ON h.id = l.id AND h.text = d.text AND h.reason IS NULL AND h.collection <> l.collection "
            "WHERE l.collection = ? GROUP BY h.collection"
        )
        return {row[0]: row[1] for row in self._rows(query, collection)}

    def elsewhere(self, collection: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Which other collections have the wanted version of chunks, as it is: collection → ids, each id once."""
        query = (
            "SELECT h.id, min(h.collection) FROM held h JOIN document d "
            "ON d.id = h.id AND d.text = h.text AND d.metadata = h.metadata "
            "WHERE h.reason IS NULL AND h.id IN ({}) AND h.collection <> ? GROUP BY h.id"
        )
        return self._by_collection(query, ids, collection)

    def of_origin(self, origin: str) -> set[str]:
        """Ids of the chunks that came from somewhere."""
        return set(self._ids("SELECT id FROM document WHERE origin = ?", origin))

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index should have."""
        return {row[0] for row in self._of_ids("SELECT id FROM document WHERE id IN ({})", ids)}

    def wanted_ids(self) -> set[str]:
        """The ids that the index should have."""
        return set(self._ids("SELECT id FROM document"))

    def all_ids(self) -> list[str]:
        """The ids that the index should have, and those that a collection has."""
        return self._ids("SELECT id FROM document UNION SELECT id FROM held ORDER BY id")

    def ids(self, collection: str) -> list[str]:
        """The ids that a collection has."""
        return self._ids("SELECT id FROM held WHERE collection = ? AND reason IS NULL ORDER BY id", collection)

    def versions(self, collection: str, ids: Sequence[str]) -> dict[str, Digests]:
        """The versions that a collection has of chunks."""
        query = "SELECT id, text, metadata FROM held WHERE id IN ({}) AND reason IS NULL AND collection = ?"
        return {row[0]: Digests(row[1], row[2]) for row in self._of_ids(query, ids, collection)}

    def holders(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Which collections have the wanted version of chunks: collection → ids, each id once."""
        query = (
            "SELECT h.id, min(h.collection) FROM held h JOIN document d ON d.id = h.id AND d.text = h.text "
            "WHERE h.reason IS NULL AND h.id IN ({}) GROUP BY h.id"
        )
        return self._by_collection(query, ids)

    def _by_collection(self, query: str, ids: Sequence[str], *values: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for id_, collection in self._of_ids(query, ids, *values):
            found.setdefault(collection, []).append(id_)
        return found
