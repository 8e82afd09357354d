"""A manifest in the PostgreSQL that its index is in: one for all machines."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import ReindexLockedError
from turnout.index.databases.base import ManifestDatabase, Value, copy_tables
from turnout.index.databases.schema import TYPES, PostgresSchema, sqlstate, statement
from turnout.index.databases.sqlite import SqliteDatabase
from turnout.index.databases.tables import TABLES, TEMPORARY, Kind, Table
from turnout.index.files import room_for

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

_PAGE = 4096  # rows, or ids, in one statement
_NOT_FREE = "55P03"  # www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available
_ARRAYS: dict[Kind, str] = {"text": "text[]", "bytes": "bytea[]", "integer": "bigint[]"}
_OWN = [
    f"CREATE TEMP TABLE IF NOT EXISTS {one.name} ({one.definition(TYPES)}) ON COMMIT DELETE ROWS" for one in TEMPORARY
]


class PostgresDatabase(ManifestDatabase):
    """A manifest's tables in a schema, over one connection that is kept; another one when it is lost."""

    is_remote = True

    def __init__(self, place: PostgresSchema) -> None:
        self.place = place
        self._lock = threading.RLock()
        self._open: list[Connection] = []  # the one, if there is one
        self._is_changing = False
        self._has_temporary = False
        self._changed, self._counted_at = 0, _PAGE  # rows that this process changed, and with how many it counts them
        weakref.finalize(self, _close_all, self._open)
        runtime.renewed_in_child(self)
        with self._lock, room_for(str(place)):
            if not place.is_made(self._connection()):
                self._make()

    def renew(self) -> None:
        """Have a connection of its own in a forked child; the parent's stays as it is."""
        self._lock = threading.RLock()
        runtime.drop(*self._open)
        self._open.clear()
        self._is_changing = False

    def close(self) -> None:
        """Close the connection."""
        _close_all(self._open)

    def _connection(self) -> Connection:
        if not self._open:
            self._open.append(self.place.connect())
            self._has_temporary = False
        return self._open[0]

    def _make(self) -> None:
        """Make the tables, with what this machine's file had before there were any."""
        with self.change():
            made = self.place.make(self._connection())
            if made and self.place.former.is_file():
                with closing(SqliteDatabase(self.place.former)) as former:
                    copy_tables(former, self)
                # Others may have written since: each collection is gone through when it is next used.
                self.execute("UPDATE collection SET stamp = NULL")
        if made:
            with suppress(OSError):
                self.place.former.rename(self.place.former.with_name(f"{self.place.former.name}.moved"))

    def rows(self, statement: str, **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._rows(statement, values)

    def rows_of(self, statement: str, ids: Sequence[str], **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds for ids, a page of them at a time."""
        rows: list[tuple[Any, ...]] = []
        query = statement.replace("{ids}", "= ANY (CAST(:ids AS text[]))")
        for start in range(0, len(ids), _PAGE):
            rows += self._rows(query, {**values, "ids": list(ids[start : start + _PAGE])})
        return rows

    @contextmanager
    def change(self) -> Iterator[None]:
        """One change, in a transaction that waits for that of another process."""
        with self._lock, room_for(str(self.place)):
            self._begin()
            self._is_changing = True
            try:
                yield
                self._count()
                self._run("COMMIT")
            except BaseException:
                with suppress(Exception):  # a connection that was lost has nothing to undo
                    self._run("ROLLBACK")
                self._has_temporary = False  # they may have been made in it
                raise
            finally:
                self._is_changing = False

    def execute(self, statement: str, **values: Value) -> int:
        """Change the tables."""
        self._make_temporary()
        changed = int(self._run(statement, values).rowcount)
        self._changed += max(changed, 0)
        return changed

    def fill(self, table: Table, statement: str, **values: Value) -> int:
        """Put rows into a table by a statement, and have it known how many there are."""
        filled = self.execute(statement, **values)
        if filled:
            self._run(f"ANALYZE {table.name}")
        return filled

    def insert(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Put rows into a table, a page of them in one statement."""
        self._make_temporary()
        columns, key = list(table.columns), [list(table.columns).index(one) for one in table.key]
        arrays = ", ".join(f"CAST(:{one} AS {_ARRAYS[kind]})" for one, kind in table.columns.items())
        others = ", ".join(f"{one} = excluded.{one}" for one in columns if one not in table.key)
        then = f"DO UPDATE SET {others}" if others else "DO NOTHING"
        conflict = f"ON CONFLICT ({', '.join(table.key)}) {then}"
        query = f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608 - names of ours
        left = iter(rows)
        while page := list(islice(left, _PAGE)):
            last = {tuple(row[one] for one in key): row for row in page}
            self._run(query, dict(zip(columns, map(list, zip(*last.values(), strict=True)), strict=True)))
        self._run(f"ANALYZE {table.name}")  # or it is taken for a large one, and all chunks gone through for a few

    def _begin(self) -> None:
        from sqlalchemy.exc import DBAPIError

        try:
            self._first("BEGIN", {})
            self.place.lock_changes(self._connection())
        except DBAPIError as error:
            with suppress(Exception):
                self._run("ROLLBACK")
            if sqlstate(error) == _NOT_FREE:
                msg = f"another process has been changing {self.place} for a minute; try again later"
                raise ReindexLockedError(msg) from error
            raise

    def _count(self) -> None:
        """Have PostgreSQL count the rows: its own time for that comes after minutes of plans for empty tables."""
        if self._changed < self._counted_at:
            return
        for table in TABLES:
            self._run(f"ANALYZE {table.name}")
        self._counted_at = 2 * self._changed

    def _make_temporary(self) -> None:
        """Make the connection's own tables, which one that only reads doesn't need, nor may every role make."""
        if not self._has_temporary:
            for table in _OWN:
                self._run(table)
            self._has_temporary = True

    def _rows(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            found = self._first(query, values).fetchall()
        return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found]

    def _first(self, query: str, values: Mapping[str, Any]) -> CursorResult[Any]:
        """`_run`, on another connection if this one was lost while nothing was done on it."""
        from sqlalchemy.exc import DBAPIError

        is_fresh = not self._open
        try:
            return self._run(query, values)
        except DBAPIError as error:
            if not error.connection_invalidated or self._is_changing or is_fresh:
                raise
        return self._run(query, values)

    def _run(self, query: str, values: Mapping[str, Any] = MappingProxyType({})) -> CursorResult[Any]:
        try:
            return self._connection().execute(statement(query), dict(values))
        except BaseException as error:
            if getattr(error, "connection_invalidated", False):
                self.close()
            raise


def _close_all(connections: list[Connection]) -> None:
    """Close connections, lost ones too."""
    while connections:
        with suppress(Exception):
            connections.pop().close()
