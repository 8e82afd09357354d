"""The tables of a manifest, the same in every kind of database: their columns, with the types that SQLite has."""

from __future__ import annotations

from collections.abc import Mapping

Columns = Mapping[str, str]

_ITEM = {"collection": "TEXT", "id": "TEXT"}
_DIGESTS = {"text": "BLOB", "metadata": "BLOB"}

TABLES: dict[str, Columns] = {
    "document": {"id": "TEXT", **_DIGESTS, "origin": "TEXT"},
    "collection": {"name": "TEXT", "space": "TEXT", "stamp": "INTEGER"},
    "held": {**_ITEM, **_DIGESTS, "reason": "TEXT"},
    "lag": _ITEM,
    "missed": _ITEM,
    "writing": _ITEM,
}
TEMPORARY: dict[str, Columns] = {"seen": {"id": "TEXT", **_DIGESTS, "reason": "TEXT"}, "touched": {"id": "TEXT"}}
"""What a change is made of: a connection's own, and empty when a change begins."""


def definition(columns: Columns, types: Mapping[str, str] | None = None) -> str:
    """What follows a table's name in `CREATE TABLE`; `types` has another database's names for SQLite's types."""
    lines = [f"{column} {(types or {}).get(kind, kind)}" for column, kind in columns.items()]
    key = "collection, id" if "collection" in columns else next(iter(columns))
    return f"({', '.join(lines)}, PRIMARY KEY ({key}))"
