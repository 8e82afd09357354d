"""Locks among processes: on what an index is kept in, from the check of its record to the end of the write; on changes.

A change of a named index's collection has two: the writer's, which the next writer waits for, and the reindex's, whose
holder is named to who comes meanwhile. They are files beside the index, or in its database.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from turnout.errors import ReindexLockedError
from turnout.permissions import make_folder

if TYPE_CHECKING:
    from turnout.index.databases.places import Place
    from turnout.index.databases.session_locks import SessionLocks

_PATIENCE = 60.0  # seconds that a writer waits for the one before it
_PAUSE = 0.002  # seconds between two looks, at first
_LONGEST_PAUSE = 0.05

_held: ContextVar[frozenset[object]] = ContextVar("turnout_held_locks", default=frozenset())
_changing: ContextVar[tuple[_CollectionFiles | SessionLocks, ...]] = ContextVar("turnout_changing", default=())


class Lock(Protocol):
    """What one process has at a time."""

    key: object
    is_remote: bool  # whether it takes a request to a server

    def acquire(self) -> bool:
        """Take it if it is free."""

    def release(self) -> None:
        """Give it back."""


class FileSystemLock:
    """A file's lock, which ends with the process that has it."""

    is_remote = False

    def __init__(self, path: Path) -> None:
        from filelock import FileLock

        self.key: object = path
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> bool:
        """Take it if it is free."""
        from filelock import Timeout

        from turnout.index.files import writing_to

        try:
            with writing_to(str(self.key)):
                self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._lock.release()


class _CollectionFiles:
    """The locks of a collection as files; another one says who has that of a reindex."""

    def __init__(self, path: Path, target: str) -> None:
        self._path, self._holder, self._has_told = path, path.with_name(f"{path.name}.holder"), False
        self._locks = {"reindex": FileSystemLock(path), "write": FileSystemLock(path.with_name(f"{target}.lock"))}

    def acquire(self, which: str) -> bool:
        make_folder(self._path.parent)
        return self._locks[which].acquire()

    def note_holder(self, about: str) -> None:
        self._has_told = True
        self._holder.write_text(about)

    def holder(self) -> str:
        return self._holder.read_text(encoding="utf-8")

    def check(self) -> None:
        """A file's lock can't be lost."""

    def release(self) -> None:
        if self._has_told:
            self._holder.unlink(missing_ok=True)
        for lock in self._locks.values():
            lock.release()


@contextmanager
def reindex_lock(place: Place, target: str, *, patience: float | None = None) -> Iterator[None]:
    """Hold the locks of whoever changes a collection; `check_locks` looks whether they are still held.

    Args:
        place: The file of a reindex's lock, beside which the writer's is, or the schema of a database.
        target: The collection.
        patience: Seconds that a writer waits for the one before it; left out, for a reindex.

    Raises:
        ReindexLockedError: A reindex fills it, or another writer has been in it all the time.
    """
    from turnout.index.databases.session_locks import SessionLocks  # with SQLite, which a guard doesn't need
    from turnout.index.files import writing_to

    locks = _CollectionFiles(place, target) if isinstance(place, Path) else SessionLocks(place, target)
    try:
        with writing_to(str(place)):
            _take_both(locks, target, patience)
        token = _changing.set((*_changing.get(), locks))
        try:
            yield
        finally:
            _changing.reset(token)
    finally:
        locks.release()


def _take_both(locks: _CollectionFiles | SessionLocks, target: str, patience: float | None) -> None:
    for pause in _pauses(target, patience) if patience is not None else ():
        if locks.acquire("write"):
            break
        time.sleep(pause)
    if not locks.acquire("reindex"):
        who = ""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(locks.holder())
            who = f": process {found['process']} on {found['machine']}, since {found['since']}"
        msg = f"another reindex fills {target!r}{who}. Let it end; it can be stopped and goes on later"
        raise ReindexLockedError(msg)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    locks.note_holder(json.dumps({"process": os.getpid(), "machine": socket.gethostname(), "since": now}))


def check_locks() -> None:
    """Look, before a collection is changed, whether the locks that were taken for it are still held.

    Raises:
        ReindexLockedError: One isn't: another process may have it now.
    """
    for locks in _changing.get():
        locks.check()


@contextmanager
def holding(lock: Lock | None, index: str) -> Iterator[None]:
    """Hold a lock, if there is one; a caller that has it already goes on.

    Raises:
        ReindexLockedError: Another process has had it all the time.
    """
    if lock is None or lock.key in _held.get():
        yield
        return
    take(lock, index)
    try:
        with having(lock):
            yield
    finally:
        lock.release()


@asynccontextmanager
async def aholding(lock: Lock | None, index: str) -> AsyncIterator[None]:
    """`holding` without blocking the event loop."""
    if lock is None or lock.key in _held.get():
        yield
        return
    await atake(lock, index)
    try:
        with having(lock):
            yield
    finally:
        if lock.is_remote:
            await asyncio.to_thread(lock.release)
        else:
            lock.release()


def take(lock: Lock, index: str) -> None:
    """Take a lock, after waiting for it; errors as for `holding`."""
    for pause in _pauses(index):
        if lock.acquire():
            return
        time.sleep(pause)


async def atake(lock: Lock, index: str) -> None:
    """`take` without blocking the event loop."""
    for pause in _pauses(index):
        if await asyncio.to_thread(lock.acquire) if lock.is_remote else lock.acquire():
            return
        await asyncio.sleep(pause)


@contextmanager
def having(lock: Lock | None) -> Iterator[None]:
    """What is done here has the lock, and doesn't wait for it."""
    token = _held.set(_held.get() | ({lock.key} if lock is not None else set()))
    try:
        yield
    finally:
        _held.reset(token)


def _pauses(index: str, patience: float = _PATIENCE) -> Iterator[float]:
    """How long to wait after each look, of which there is one at least, until the patience ends."""
    end, pause = time.monotonic() + patience, _PAUSE
    while True:
        yield pause
        if time.monotonic() >= end:
            msg = f"another process has been writing to {index!r} for {patience:.0f} seconds; try again later"
            raise ReindexLockedError(msg)
        pause = min(2 * pause, _LONGEST_PAUSE)
