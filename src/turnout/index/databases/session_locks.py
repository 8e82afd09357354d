"""The locks of a collection in its index's database: advisory locks, which end with the connection that has them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from turnout.errors import ReindexLockedError
from turnout.index.databases.postgres import PostgresDatabase
from turnout.index.databases.schema import PostgresSchema

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"
_PID = "SELECT pg_backend_pid()"
_NO_TIMEOUT = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_HOLD = """
INSERT INTO holder VALUES (:lock, :about, pg_backend_pid())
ON CONFLICT (lock) DO UPDATE SET about = excluded.about, backend = excluded.backend RETURNING lock
"""
_HOLDER = """
SELECT about FROM holder WHERE lock = :lock
AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = holder.backend)
"""


class SessionLocks:
    """Those of a collection, over a connection of their own; one that is made in its place doesn't have them."""

    def __init__(self, place: PostgresSchema, target: str) -> None:
        self._key, self._target = f"turnout {place.name} {{}} {target}", target
        self._database = PostgresDatabase(place)
        self._database.rows(_NO_TIMEOUT)
        self._pid = self._database.rows(_PID)

    def acquire(self, which: str) -> bool:
        """Take the lock of a `write` or of a `reindex` if it is free."""
        return bool(self._one(_TAKE, key=self._key.format(which)))

    def note_holder(self, about: str) -> None:
        """Say who has the lock of a reindex."""
        self._one(_HOLD, lock=self._target, about=about)

    def holder(self) -> str:
        """What `note_holder` was told by who has it, if that is known."""
        return str(self._one(_HOLDER, lock=self._target))

    def check(self) -> None:
        """Raise `ReindexLockedError` if the connection was lost, and its locks with it."""
        failed: Exception | None = None
        try:
            if self._database.rows(_PID) == self._pid:
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known of the locks
            failed = error
        msg = (
            f"the lock of {self._target!r} in the database isn't held any more: the connection was lost, or what is "
            "between here and the database gives it another one for each transaction. Another process may be writing "
            "now, so nothing more is written here; try again, and it goes on from there"
        )
        raise ReindexLockedError(msg) from failed

    def release(self) -> None:
        """Free the locks, at once, and close the connection."""
        with suppress(Exception):  # a connection that was lost has freed them
            self._one("SELECT pg_advisory_unlock_all()")
        self._database.close()

    def _one(self, query: str, **values: str) -> Any:
        rows = self._database.rows(query, **values)
        return rows[0][0] if rows else None
