"""A manifest in an SQLite file, in the folder of its index or beside its settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from turnout.errors import ReindexError
from turnout.index.files import Database, Value
from turnout.index.read_only import connect, is_read_only, version_of

_FORMAT = 1

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


class SqliteDatabase(Database):
    """A manifest's tables in a file."""

    tables: ClassVar[str] = "".join(
        [f"CREATE TABLE IF NOT EXISTS {name} {definition(one)} WITHOUT ROWID;" for name, one in TABLES.items()]
        + [f"CREATE TEMP TABLE {name} {definition(one)} WITHOUT ROWID;" for name, one in TEMPORARY.items()]
    )
    kind: ClassVar[str] = "manifest"
    remedy: ClassVar[str] = "the next use of the index makes it anew from the collections"
    patience: ClassVar[float] = 30
    is_remote = False

    _copied: tuple[object] | None = None  # the version of a file that can't be written, if what is open is a copy of it

    def _connect(self) -> sqlite3.Connection:
        if not is_read_only(self.path):
            return super()._connect()
        version = version_of(self.path)
        base, copied = connect(self.path)
        self._copied = (version,) if copied else None
        base.executescript(self.tables)
        return base

    def rows(self, statement: str, **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds; in a change, what that has made of the tables."""
        if self._copied is not None and self._copied != (version_of(self.path),):
            with self._lock:
                self.close()
                self._connection = None
        return super().rows(statement, **values)

    def _open(self) -> None:
        found = self.rows("PRAGMA user_version")[0][0]
        if found not in {0, _FORMAT}:
            msg = f"{self.path} has format {found}, and this turnout reads {_FORMAT}; update turnout, or delete it"
            raise ReindexError(msg)
        if not found:
            self._base.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def change(self) -> Iterator[None]:
        """One change, as a whole or not at all; processes make theirs one after another."""
        with self._change():
            yield
            for name in TEMPORARY:
                self._base.execute(f"DELETE FROM {name}")  # noqa: S608 - a name of ours

    def execute(self, statement: str, **values: Value) -> int:
        """Change the tables, within `change`; how many rows were changed."""
        return self._base.execute(statement, values).rowcount

    def insert(self, table: str, rows: Iterable[Sequence[Value]]) -> None:
        """Put rows into a table, within `change`; of rows with one key, the first stays."""
        places = ", ".join("?" * len((TABLES | TEMPORARY)[table]))
        self._base.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({places})", rows)  # noqa: S608
