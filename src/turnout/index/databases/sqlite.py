"""A manifest in an SQLite file, in the folder of its index or beside its settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from turnout import runtime
from turnout.errors import ReindexError
from turnout.index.databases.base import ManifestDatabase, Value
from turnout.index.databases.tables import TABLES, TEMPORARY, Kind, Table
from turnout.index.files import Database

_FORMAT = 1
_PAGE = 500  # ids in one statement

_TYPES: dict[Kind, str] = {"text": "TEXT", "bytes": "BLOB", "integer": "INTEGER"}
_OURS = [f"CREATE TABLE IF NOT EXISTS {one.name} ({one.definition(_TYPES)}) WITHOUT ROWID;" for one in TABLES]
_OWN = [f"CREATE TEMP TABLE {one.name} ({one.definition(_TYPES)}) WITHOUT ROWID;" for one in TEMPORARY]


class SqliteDatabase(Database, ManifestDatabase):
    """A manifest's tables in a file."""

    tables: ClassVar[str] = "\n".join(_OURS + _OWN)
    kind: ClassVar[str] = "manifest"
    remedy: ClassVar[str] = "the next use of the index makes it anew from the collections"
    patience: ClassVar[float] = 30
    is_remote = False

    def _open(self) -> None:
        found = self._one("PRAGMA user_version")
        if found not in {0, _FORMAT}:
            msg = f"{self.path} has format {found}, and this turnout reads {_FORMAT}; update turnout, or delete it"
            raise ReindexError(msg)
        self._base.execute(f"PRAGMA user_version = {_FORMAT}")

    def rows(self, statement: str, **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._readable(), runtime.fork_waits(), self._lock:
            return self._base.execute(statement, values).fetchall()

    def rows_of(self, statement: str, ids: Sequence[str], **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds for ids, a page of them at a time."""
        rows: list[tuple[Any, ...]] = []
        with self._lock:
            for start in range(0, len(ids), _PAGE):
                named = {f"id{number}": one for number, one in enumerate(ids[start : start + _PAGE])}
                condition = f"IN ({', '.join(f':{name}' for name in named)})"
                rows += self.rows(statement.replace("{ids}", condition), **named, **values)
        return rows

    @contextmanager
    def change(self) -> Iterator[None]:
        """One change."""
        with self._change():
            yield
            for table in TEMPORARY:
                self._base.execute(f"DELETE FROM {table.name}")  # noqa: S608 - a name of ours

    def execute(self, statement: str, **values: Value) -> int:
        """Change the tables."""
        return self._base.execute(statement, values).rowcount

    def fill(self, table: Table, statement: str, **values: Value) -> int:
        """Put rows into a table by a statement."""
        del table  # SQLite needn't know how many there are
        return self.execute(statement, **values)

    def insert(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Put rows into a table."""
        places = ", ".join("?" * len(table.columns))
        self._base.executemany(f"INSERT OR REPLACE INTO {table.name} VALUES ({places})", rows)  # noqa: S608
