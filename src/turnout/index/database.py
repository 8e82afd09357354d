"""An SQLite file that several threads and processes use: what the checkpoint and the manifest share."""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from turnout import runtime
from turnout.errors import ReindexError
from turnout.index.files import room_for

_PAGE = 500  # ids in one statement


class Database(ABC):
    """An SQLite file; its methods may be called from several threads, and after a fork from both processes."""

    tables: ClassVar[str]  # the statements that make its tables where there are none, and a connection's own
    kind: ClassVar[str]  # what it is, in an error
    remedy: ClassVar[str]  # what is lost, and what isn't, if it is deleted because it can't be read
    patience: ClassVar[float]  # seconds to wait for another process's change

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._readable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection: sqlite3.Connection | None = self._connect()
            try:
                self._open()
            except BaseException:
                self._base.close()
                raise
        runtime.renewed_in_child(self)

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            base.executescript(self.tables)
        except BaseException:
            base.close()
            raise
        return base

    @property
    def _base(self) -> sqlite3.Connection:
        if self._connection is None:
            with self._lock:
                if self._connection is None:
                    self._connection = self._connect()
        return self._connection

    def renew(self) -> None:
        """Have a connection of its own in a forked child, when one is needed.

        The parent's is closed, because SQLite counts its locks as the child's own; unless it was at work, for then that
        would undo what the parent is doing.
        """
        base, idle = self._connection, self._lock.acquire(blocking=False)
        self._lock = threading.RLock()
        with suppress(sqlite3.ProgrammingError):  # of one that was closed, and stays so
            if base is None or not idle or base.in_transaction:
                runtime.drop(base)
            else:
                base.close()
            self._connection = None

    @abstractmethod
    def _open(self) -> None:
        """See that it is the right file."""

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()

    def _rows(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._readable(), runtime.fork_waits(), self._lock:
            return self._base.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: str | int) -> int:
        return int(self._rows(statement, *values)[0][0])

    def _ids(self, statement: str, *values: str | int) -> list[str]:
        return [row[0] for row in self._rows(statement, *values)]

    def _of_ids(self, statement: str, ids: Sequence[str], *values: str | int) -> list[tuple[Any, ...]]:
        """What is asked for ids, however many; the statement has `{}` for them, before its other values."""
        rows: list[tuple[Any, ...]] = []
        with self._lock:
            for start in range(0, len(ids), _PAGE):
                some = ids[start : start + _PAGE]
                rows += self._rows(statement.format(",".join("?" * len(some))), *some, *values)
        return rows

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._readable(), runtime.fork_waits(), self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    with suppress(sqlite3.Error):
                        self._base.execute("ROLLBACK")
                raise

    @contextmanager
    def _readable(self) -> Iterator[None]:
        with room_for(str(self.path)):
            try:
                yield
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                msg = f"the {self.kind} {self.path} can't be read: {error}. Delete it: {self.remedy}"
                raise ReindexError(msg) from error
