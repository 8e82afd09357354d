"""What a named index's manifest says: which chunks the index should have, and which each collection has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from turnout.index.chunks import Digests
from turnout.index.databases.places import Place, open_database
from turnout.index.files import Value


class ManifestReading:
    """What is asked of a manifest.

    Attributes:
        place: Where it is.
        is_remote: Whether a look at it takes a request to a server.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._database = open_database(place)
        self.is_remote = self._database.is_remote

    def close(self) -> None:
        """Close its file, or its connection."""
        self._database.close()

    @property
    def documents(self) -> int:
        """How many chunks the index should have."""
        return self._one("SELECT count(*) FROM document")

    def collections(self) -> dict[str, str]:
        """The collections that are known: name → text of the space."""
        return {row[0]: row[1] for row in self._rows("SELECT name, space FROM collection ORDER BY name")}

    def has_unread(self) -> bool:
        """Whether a collection hasn't been gone through since its manifest was taken over from a file."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM collection WHERE stamp IS NULL)"))

    def stamp(self, collection: str) -> int | None:
        """A number that changes with every change of a collection; None if it isn't known."""
        return self.status(collection)[0]

    def status(self, collection: str) -> tuple[int | None, bool]:
        """`stamp` and `is_behind`, in one look."""
        query = (
            "SELECT (SELECT stamp FROM collection WHERE name = :collection), "
            "EXISTS (SELECT 1 FROM lag WHERE collection = :collection)"
        )
        stamp, is_behind = self._rows(query, collection)[0]
        return None if stamp is None else int(stamp), bool(is_behind)

    def count(self, collection: str) -> int:
        """How many chunks a collection has."""
        return self._one("SELECT count(*) FROM held WHERE collection = :collection AND reason IS NULL", collection)

    def behind(self, collection: str) -> int:
        """How many chunks a collection lacks, has in another version, or should not have any more."""
        return self._one("SELECT count(*) FROM lag WHERE collection = :collection", collection)

    def is_behind(self, collection: str) -> bool:
        """Whether it is behind; costs the same however large the index is."""
        return self.status(collection)[1]

    def writing(self, collection: str) -> list[str]:
        """Ids of chunks whose write was begun: if nobody holds the collection, by a process that was killed."""
        return self._ids("SELECT id FROM writing WHERE collection = :collection ORDER BY id", collection)

    def nowhere(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index should have, and that no collection has as they were written."""
        query = (
            "SELECT d.id FROM document d WHERE d.id {ids} AND NOT EXISTS "
            "(SELECT 1 FROM collection c CROSS JOIN held h "
            "WHERE h.collection = c.name AND h.id = d.id AND h.text = d.text AND h.reason IS NULL)"
        )
        return {row[0] for row in self._database.rows_of(query, ids)}

    def lacking(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection lacks or has in another version."""
        query = """SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = :collection
            ORDER BY l.id LIMIT :number"""
        return self._ids(query, collection, number=number)

    def lacks_unwritten(self, collection: str) -> bool:
        """Whether a collection lacks a chunk, or has it in another version, that nobody is writing."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = :collection "
            "AND NOT EXISTS (SELECT 1 FROM writing w WHERE w.collection = l.collection AND w.id = l.id))"
        )
        return bool(self._one(query, collection))

    def outdated(self, collection: str, number: int) -> list[str]:
        """Ids of chunks that a collection should not have any more; of all with a negative number."""
        query = (
            "SELECT l.id FROM lag l LEFT JOIN document d ON d.id = l.id "
            "WHERE l.collection = :collection AND d.id IS NULL ORDER BY l.id LIMIT :number"
        )
        return self._ids(query, collection, number=sys.maxsize if number < 0 else number)

    def lagging(self, collection: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that a collection lacks, has in another version, or should not have any more."""
        query = "SELECT id FROM lag WHERE collection = :collection AND id {ids}"
        return {row[0] for row in self._database.rows_of(query, ids, collection=collection)}

    def absent(self, collection: str, number: int, after: str = "") -> list[str]:
        """Ids of chunks that a collection never had, in order, from one on: they were written to others since."""
        query = (
            "SELECT l.id FROM lag l JOIN document d ON d.id = l.id WHERE l.collection = :collection AND l.id > :after "
            "AND NOT EXISTS (SELECT 1 FROM held h WHERE h.collection = l.collection AND h.id = l.id "
            "AND h.reason IS NULL) AND NOT EXISTS "
            "(SELECT 1 FROM missed m WHERE m.collection = l.collection AND m.id = l.id) ORDER BY l.id LIMIT :number"
        )
        return self._ids(query, collection, after=after, number=number)

    def missed(self, collection: str) -> list[str]:
        """Ids of chunks that a collection had, and that were deleted from it by other means than the index."""
        query = "SELECT m.id FROM missed m JOIN document d ON d.id = m.id WHERE collection = :collection ORDER BY m.id"
        return self._ids(query, collection)

    def offers(self, collection: str) -> dict[str, int]:
        """What other collections have of what one lacks: collection → chunks; only those that have something."""
        query = (
            "SELECT h.collection, count(*) FROM lag l JOIN document d ON d.id = l.id "
            "JOIN held h ON h.id = l.id AND h.text = d.text AND h.reason IS NULL AND h.collection <> l.collection "
            "WHERE l.collection = :collection GROUP BY h.collection"
        )
        return {row[0]: int(row[1]) for row in self._rows(query, collection)}

    def elsewhere(self, collection: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Which other collections have the wanted version of chunks, as it is: collection → ids, each id once."""
        return self._holders(ids, "AND d.metadata = h.metadata AND h.collection <> :collection", collection)

    def of_origin(self, origin: str) -> set[str]:
        """Ids of the chunks that came from somewhere."""
        return set(self._ids("SELECT id FROM document WHERE origin = :origin", origin=origin))

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index should have."""
        return {row[0] for row in self._database.rows_of("SELECT id FROM document WHERE id {ids}", ids)}

    def wanted_ids(self) -> set[str]:
        """The ids that the index should have."""
        return set(self._ids("SELECT id FROM document"))

    def all_ids(self) -> list[str]:
        """The ids that the index should have, and those that a collection has."""
        return self._ids("SELECT id FROM document UNION SELECT id FROM held ORDER BY id")

    def ids(self, collection: str) -> list[str]:
        """The ids that a collection has."""
        return self._ids(
            "SELECT id FROM held WHERE collection = :collection AND reason IS NULL ORDER BY id", collection
        )

    def versions(self, collection: str, ids: Sequence[str]) -> dict[str, Digests]:
        """The versions that a collection has of chunks."""
        query = "SELECT id, text, metadata FROM held WHERE collection = :collection AND id {ids} AND reason IS NULL"
        rows = self._database.rows_of(query, ids, collection=collection)
        return {row[0]: Digests(row[1], row[2]) for row in rows}

    def holders(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Which collections have the wanted version of chunks: collection → ids, each id once."""
        return self._holders(ids)

    def _holders(self, ids: Sequence[str], also: str = "", collection: str | None = None) -> dict[str, list[str]]:
        query = (
            "SELECT h.id, min(h.collection) FROM held h JOIN document d ON d.id = h.id AND d.text = h.text "
            "WHERE h.reason IS NULL AND h.id {ids} {also} GROUP BY h.id"
        )
        found: dict[str, list[str]] = {}
        for id_, name in self._database.rows_of(query.replace("{also}", also), ids, collection=collection):
            found.setdefault(name, []).append(id_)
        return found

    def _rows(self, query: str, collection: str | None = None, **values: Value) -> list[tuple[Any, ...]]:
        return self._database.rows(query, collection=collection, **values)

    def _one(self, query: str, collection: str | None = None) -> int:
        return int(self._rows(query, collection)[0][0])

    def _ids(self, query: str, collection: str | None = None, **values: Value) -> list[str]:
        return [row[0] for row in self._rows(query, collection, **values)]
