"""A lock among processes on what an index is kept in, from the check of its record to the end of the write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from turnout.errors import ReindexLockedError

_PATIENCE = 60.0  # seconds that a writer waits for the one before it
_PAUSE = 0.002  # seconds between two looks of a coroutine, at first
_LONGEST_PAUSE = 0.05

_held: ContextVar[frozenset[object]] = ContextVar("turnout_held_locks", default=frozenset())


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

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._lock.release()


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


def _pauses(index: str) -> Iterator[float]:
    """How long to wait before each look, until the patience ends."""
    end, pause = time.monotonic() + _PATIENCE, _PAUSE
    while time.monotonic() < end:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)
    msg = f"another process has been writing to {index!r} for {_PATIENCE:.0f} seconds; try again later"
    raise ReindexLockedError(msg)
