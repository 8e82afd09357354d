"""Locks of whoever changes a collection: files on one machine, or sessions of the index's database for all machines."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock, Timeout

from turnout.errors import ReindexLockedError
from turnout.index.databases.session_locks import PostgresLock, Session
from turnout.index.files import room_for

Check = Callable[[], object]
"""Raises `ReindexLockedError` if a lock isn't held any more."""


@contextmanager
def reindex_lock(lock: Path | PostgresLock, target: str) -> Iterator[Check]:
    """Hold the lock of a target, which ends with the process; it is known who holds it.

    Raises:
        ReindexLockedError: Another process does.
    """
    if isinstance(lock, Path):
        with _file_held(lock, target):
            yield _nothing
        return
    with lock.session() as session:
        _take_reindex(session, target)
        yield session.check


@contextmanager
def writer_lock(lock: Path | PostgresLock, target: str, *, patience: float) -> Iterator[Check]:
    """Hold the lock of a target after the writer before it, in which no reindex is.

    Args:
        lock: The lock of a reindex.
        target: The collection.
        patience: Seconds to wait for another writer.

    Raises:
        ReindexLockedError: Another writer has been in it all the time, or a reindex is.
    """
    if isinstance(lock, Path):
        with _after_other_writers(lock, target, patience), _file_held(lock, target):
            yield _nothing
        return
    with lock.session() as session:
        if not session.take(f"write {target}", patience=patience):
            raise _occupied(target, patience)
        _take_reindex(session, target)
        yield session.check


@contextmanager
def fenced(target: object, check: Check | None) -> Iterator[None]:
    """Have a collection look, before each of its changes, whether the lock is still held."""
    if check is None or not hasattr(target, "check_lock"):
        yield
        return
    before, target.check_lock = target.check_lock, check
    try:
        yield
    finally:
        target.check_lock = before


def _nothing() -> None:
    """A file's lock is held as long as its process lives."""


def _take_reindex(session: Session, target: str) -> None:
    key = f"reindex {target}"
    if not session.take(key):
        _refuse(target, session.holder(key))
    session.note_holder(key, _ourselves())


@contextmanager
def _after_other_writers(lock: Path, target: str, patience: float) -> Iterator[None]:
    file = FileLock(lock.with_name(f"{target}.lock"), timeout=patience)
    try:
        file.acquire()
    except Timeout as error:
        raise _occupied(target, patience) from error
    try:
        yield
    finally:
        file.release()


@contextmanager
def _file_held(path: Path, target: str) -> Iterator[None]:
    """Hold a file's lock; a file beside it, `.holder`, says who does."""
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, timeout=0)
    with room_for(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            about: Any = None
            with suppress(OSError, ValueError):
                about = json.loads(holder.read_text(encoding="utf-8"))
            _refuse(target, about)
    try:
        with room_for(str(holder)):
            holder.write_text(json.dumps(_ourselves()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _ourselves() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": socket.gethostname(), "since": now}


def _refuse(target: str, holder: Any) -> NoReturn:
    who = ""
    with suppress(KeyError, TypeError):
        who = f": process {holder['process']} on {holder['machine']}, since {holder['since']}"
    msg = f"another reindex fills {target!r}{who}. Let it end; it can be stopped and goes on later"
    raise ReindexLockedError(msg)


def _occupied(target: str, patience: float) -> ReindexLockedError:
    msg = f"another process has been writing to {target!r} for {patience:.0f} seconds; try again later"
    return ReindexLockedError(msg)
