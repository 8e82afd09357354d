"""The locks of a collection in its index's database: advisory locks, which end with the connection that has them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from turnout import runtime
from turnout.errors import ReindexLockedError
from turnout.index.databases.postgres import PostgresDatabase
from turnout.index.databases.schema import PostgresSchema, statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"
_PID = "SELECT pg_backend_pid()"
_NO_TIMEOUT = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_HOLD = """
INSERT INTO holder VALUES (:lock, :about, pg_backend_pid())
ON CONFLICT (lock) DO UPDATE SET about = excluded.about, backend = excluded.backend
"""
_HOLDER = """
SELECT about FROM holder WHERE lock = :lock
AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = holder.backend)
"""


class SessionLocks:
    """Those of a collection, over a connection of their own."""

    def __init__(self, place: PostgresSchema, target: str) -> None:
        self._place, self._target = place, target
        self._connection: Connection | None = place.connect()
        try:
            if not place.is_made(self._connection):
                PostgresDatabase(place).close()
            self._run(_NO_TIMEOUT)
            self._pid = self._run(_PID)
        except BaseException:
            self._connection.close()
            raise
        runtime.renewed_in_child(self)

    def renew(self) -> None:
        """Leave the parent's locks alone, in a forked child."""
        runtime.drop(self._connection)
        self._connection = None

    def acquire(self, which: str) -> bool:
        """Take the lock of a `write` or of a `reindex` if it is free."""
        return bool(self._run(_TAKE, key=f"turnout {self._place.name} {which} {self._target}"))

    def note_holder(self, about: str) -> None:
        """Say who has the lock of a reindex."""
        self._run(_HOLD, lock=self._target, about=about)

    def holder(self) -> str:
        """What `note_holder` was told by who has it, if that is known."""
        return str(self._run(_HOLDER, lock=self._target))

    def check(self) -> None:
        """Raise `ReindexLockedError` if the connection was lost, and its locks with it."""
        try:
            same = self._run(_PID) == self._pid
        except Exception as error:
            raise self._lost("the connection was lost") from error
        if not same:
            raise self._lost("what is between here and the database gives it another one for each transaction")

    def release(self) -> None:
        """Free the locks, at once, and close the connection."""
        with suppress(Exception):  # a connection that was lost has freed them
            self._run("SELECT pg_advisory_unlock_all()")
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()

    def _run(self, query: str, **values: Any) -> Any:
        if self._connection is None:
            raise ConnectionError("it is the parent process's")
        result = self._connection.execute(statement(query), values)
        return result.scalar() if result.returns_rows else None

    def _lost(self, why: str) -> ReindexLockedError:
        msg = f"the lock of {self._target!r} in the database isn't held any more: {why}. Another process may be writing"
        return ReindexLockedError(f"{msg} now, so nothing more is written here; try again, and it goes on from there")
