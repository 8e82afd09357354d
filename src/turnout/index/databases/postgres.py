"""A manifest in the PostgreSQL that its index is in: one for all machines."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import IndexUnreachableError, ReindexLockedError
from turnout.index.databases.schema import TYPES, PostgresSchema, sqlstate, statement
from turnout.index.databases.sqlite import TABLES, TEMPORARY, SqliteDatabase, definition
from turnout.index.files import Value, writing_to

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

_PAGE = 4096  # rows, or ids, in one statement
_NOT_FREE = "55P03"  # www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available
_COUNTED = {"collection", "touched"}  # when they are filled, as in `insert`


class PostgresDatabase:
    """A manifest's tables in a schema, over one connection that is kept; another one when it is lost.

    Its methods are those of `SqliteDatabase`, for the same statements.
    """

    is_remote = True

    def __init__(self, place: PostgresSchema) -> None:
        self.place = place
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._is_changing = self._has_temporary = False
        self._changed, self._counted_at = 0, _PAGE  # rows that this process changed, and with how many it counts them
        runtime.renewed_in_child(self)
        with self._lock, writing_to(str(place)):
            if not place.is_made(self._connected()):
                self._make()

    def renew(self) -> None:
        """Have a connection of its own in a forked child; the parent's stays as it is."""
        self._lock = threading.RLock()
        runtime.drop(self._connection)
        self._connection, self._is_changing = None, False

    def close(self) -> None:
        """Close the connection, a lost one too; a later use makes another one."""
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    def _make(self) -> None:
        """Make the tables, with what this machine's file had before there were any."""
        former = self.place.former
        with self.change():
            if not self.place.make(self._connected()):
                return  # another process was first
            if former.is_file():
                with closing(SqliteDatabase(former)) as source:
                    copy_tables(source, self)
                # Others may have written since: each collection is gone through when it is next used.
                self.execute("UPDATE collection SET stamp = NULL")
        with suppress(OSError):
            former.rename(former.with_name(f"{former.name}.moved"))

    def rows(self, statement: str, **values: Value | list[str]) -> list[tuple[Any, ...]]:
        """What a query finds; in a change, what that has made of the tables."""
        with self._lock:
            found = self._run(statement, values).fetchall()
        return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found]

    def rows_of(self, statement: str, ids: Sequence[str], **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds for ids, a page of them at a time; the statement has `{ids}` for a condition."""
        query = statement.replace("{ids}", "= ANY (CAST(:ids AS text[]))")
        pages = (list(ids[start : start + _PAGE]) for start in range(0, len(ids), _PAGE))
        return [row for page in pages for row in self.rows(query, **values, ids=page)]

    @contextmanager
    def change(self) -> Iterator[None]:
        """One change, as a whole or not at all, in a transaction that waits for that of another process."""
        with self._lock, writing_to(str(self.place)):
            self._run("BEGIN")
            self._is_changing = True
            try:
                self._wait()
                yield
                self._count()
                self._run("COMMIT")
            except BaseException:
                with suppress(Exception):
                    if self._connection is not None and not self._connection.invalidated:
                        self._run("ROLLBACK")
                self._has_temporary = False  # they may have been made in it
                raise
            finally:
                self._is_changing = False

    def execute(self, statement: str, **values: Value) -> int:
        """Change the tables, within `change`; how many rows were changed."""
        self._make_temporary()
        changed = int(self._run(statement, values).rowcount)
        self._changed += max(changed, 0)
        words = statement.split(maxsplit=3)
        if changed > 0 and words[0] == "INSERT" and words[2] in _COUNTED:
            self._run(f"ANALYZE {words[2]}")
        return changed

    def insert(self, table: str, rows: Iterable[Sequence[Value]]) -> None:
        """Put rows into a table, within `change`, a page in one statement; of rows with one key, the first stays."""
        columns, left = (TABLES | TEMPORARY)[table], iter(rows)
        arrays = ", ".join(f"CAST(:{one} AS {TYPES[kind].split()[0]}[])" for one, kind in columns.items())
        query = f"INSERT INTO {table} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608
        filled = False
        while page := list(islice(left, _PAGE)):
            self._make_temporary()
            self._run(query, dict(zip(columns, map(list, zip(*page, strict=True)), strict=True)))
            filled = True
        if filled:
            self._run(f"ANALYZE {table}")  # or it is taken for a large one, and all chunks gone through for a few

    def _wait(self) -> None:
        """Wait until no other transaction changes the tables; this one is the next, until it ends."""
        from sqlalchemy.exc import DBAPIError

        try:
            key = f"turnout change {self.place.name}"
            self._run("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", {"key": key})
        except DBAPIError as error:
            if sqlstate(error) != _NOT_FREE:
                raise
            msg = f"another process has been changing {self.place} for a minute; try again later"
            raise ReindexLockedError(msg) from error

    def _make_temporary(self) -> None:
        """Make the connection's own tables, which one that only reads doesn't need, nor may every role make."""
        if not self._has_temporary:
            for name, columns in TEMPORARY.items():
                self._run(f"CREATE TEMP TABLE IF NOT EXISTS {name} {definition(columns, TYPES)} ON COMMIT DELETE ROWS")
            self._has_temporary = True

    def _count(self) -> None:
        """Have PostgreSQL count the rows: its own time for that comes after minutes of plans for empty tables."""
        if self._changed >= self._counted_at:
            self._run(f"ANALYZE {', '.join(TABLES)}")
            self._counted_at = 2 * self._changed

    def _run(self, query: str, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Run a statement; on another connection if this one was lost while nothing was done on it."""
        is_fresh = self._connection is None
        try:
            return self._connected().execute(statement(query), dict(values or {}))
        except IndexUnreachableError:
            if self._is_changing or is_fresh:
                raise
        return self._run(query, values)

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.invalidated:
            self.close()
        if self._connection is None:
            self._connection = self.place.connect()
            self._has_temporary = False
        return self._connection


def copy_tables(source: SqliteDatabase | PostgresDatabase, target: SqliteDatabase | PostgresDatabase) -> None:
    """Put all that a manifest has at one moment into an empty one, within a change of that."""
    with source.change():
        for name, columns in TABLES.items():
            target.insert(name, source.rows(f"SELECT {', '.join(columns)} FROM {name}"))  # noqa: S608
