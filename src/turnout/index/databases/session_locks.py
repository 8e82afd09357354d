"""Advisory locks of PostgreSQL, which end with the connection that holds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import ReindexLockedError
from turnout.index.databases.postgres import PostgresDatabase
from turnout.index.databases.schema import PostgresSchema, statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAUSE = 0.002  # seconds between two looks at a lock that isn't free, at first
_LONGEST_PAUSE = 0.05

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"
_PID = "SELECT pg_backend_pid()"
_NO_TIMEOUT = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_HOLD = """
INSERT INTO holder VALUES (:key, :process, :machine, :since, pg_backend_pid()) ON CONFLICT (lock) DO UPDATE
SET process = excluded.process, machine = excluded.machine, since = excluded.since, backend = excluded.backend
"""
_HOLDER = """
SELECT process, machine, since FROM holder WHERE lock = :key
AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = holder.backend)
"""


@dataclass(frozen=True)
class PostgresLock:
    """The lock of a collection, in its index's database."""

    place: PostgresSchema

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A connection of its own that may hold locks; what it holds is free when it ends."""
        session = Session(self.place)
        try:
            yield session
        finally:
            session.end()


class Session:
    """A connection that holds locks."""

    def __init__(self, place: PostgresSchema) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._connection: Connection | None = place.connect()
        try:
            if not place.is_made(self._connection):
                PostgresDatabase(place).close()
            self._run(_NO_TIMEOUT)
            self._pid = self._run(_PID)
        except BaseException:
            self._connection.close()
            raise
        self._held: list[str] = []
        runtime.renewed_in_child(self)

    def renew(self) -> None:
        """Leave the parent's locks alone, in a forked child."""
        self._lock = threading.Lock()
        runtime.drop(self._connection)
        self._connection = None

    def take(self, key: str, *, patience: float = 0) -> bool:
        """Take a lock, after some seconds at most; whether it was free."""
        end, pause = time.monotonic() + patience, _PAUSE
        while not self._run(_TAKE, key=self._name(key)):
            if time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._held.append(key)
        return True

    def check(self) -> None:
        """Raise `ReindexLockedError` if the connection was lost, and its locks with it."""
        try:
            same = self._run(_PID) == self._pid
        except Exception as error:
            raise self._lost("the connection was lost") from error
        if not same:
            raise self._lost("what is between here and the database gives it another one for each transaction")

    def note_holder(self, key: str, holder: Mapping[str, Any]) -> None:
        """Say who holds a lock."""
        self._run(_HOLD, key=key, **holder)

    def holder(self, key: str) -> Mapping[str, Any] | None:
        """Who holds a lock that isn't free, if that is known."""
        with self._lock:
            assert self._connection is not None
            found = self._connection.execute(statement(_HOLDER), {"key": key}).mappings().first()
        return None if found is None else dict(found)

    def end(self) -> None:
        """Free the locks, at once, and close the connection."""
        with self._lock, suppress(Exception):  # a connection that was lost has freed them
            if self._connection is not None:
                self._connection.execute(statement("SELECT pg_advisory_unlock_all()"))
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()

    def _run(self, query: str, **values: Any) -> Any:
        with self._lock:
            if self._connection is None:
                raise ConnectionError("it is the parent process's")
            result = self._connection.execute(statement(query), values)
            return result.scalar() if result.returns_rows else None

    def _name(self, key: str) -> str:
        return f"turnout {self._place.name} {key}"

    def _lost(self, why: str) -> ReindexLockedError:
        locks = ", ".join(map(repr, self._held))
        msg = (
            f"the lock {locks} in the index's database isn't held any more: {why}. Another process may be writing now, "
        )
        return ReindexLockedError(f"{msg}so nothing more is written here; try again, and it goes on from there")
