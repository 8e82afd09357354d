"""The tables of a manifest, which are the same in every kind of database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "bytes", "integer"]

_ITEM: dict[str, Kind] = {"collection": "text", "id": "text"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns in order, and those of its key."""

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]

    def definition(self, types: Mapping[Kind, str]) -> str:
        """What stands in the brackets of its `CREATE TABLE`."""
        columns = ", ".join(f"{column} {types[kind]}" for column, kind in self.columns.items())
        return f"{columns}, PRIMARY KEY ({', '.join(self.key)})"


COLLECTION = Table("collection", {"name": "text", "space": "text", "stamp": "integer"}, ("name",))
TABLES = (
    Table("document", {"id": "text", "text": "bytes", "metadata": "bytes", "origin": "text"}, ("id",)),
    COLLECTION,
    Table("held", {**_ITEM, "text": "bytes", "metadata": "bytes", "reason": "text"}, ("collection", "id")),
    Table("lag", _ITEM, ("collection", "id")),
    Table("missed", _ITEM, ("collection", "id")),
    Table("writing", _ITEM, ("collection", "id")),
)

SEEN = Table("seen", {"id": "text", "text": "bytes", "metadata": "bytes", "reason": "text"}, ("id",))
TOUCHED = Table("touched", {"id": "text"}, ("id",))
TEMPORARY = (SEEN, TOUCHED)
"""What a change is made of: a connection's own, and empty when a change begins."""
