"""Files of an index: SQLite that many use, folders that are replaced as a whole, a full disk."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from filelock import FileLock

from turnout import runtime
from turnout.errors import DiskFullError, ReindexError, TurnoutError
from turnout.index.read_only import read_only_error
from turnout.permissions import make_file, make_folder

T = TypeVar("T")
Value = str | bytes | int | None

_SECOND = 1_000_000_000  # nanoseconds
_PAGE = 500  # ids in one statement
_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_POSTGRES = {"53100"}  # disk_full: www.postgresql.org/docs/current/errcodes-appendix.html
_WORDS = ("disk is full", "no space left on device", "disk quota exceeded", "file too large")


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one behind it, says that there is no room."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if (
            (isinstance(one, OSError) and one.errno in _ERRNOS)
            or (isinstance(one, sqlite3.Error) and getattr(one, "sqlite_errorcode", None) in _SQLITE)
            or getattr(one, "sqlstate", None) in _POSTGRES
            or any(words in str(one).lower() for words in _WORDS)
        ):
            return True
        left += [one.__cause__, one.__context__, getattr(one, "orig", None)]
    return False


def _is_denied(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY  # above it is which kind of it
    return isinstance(error, OSError) and error.errno in _DENIED


@contextmanager
def writing_to(where: str) -> Iterator[None]:
    """Raise `DiskFullError` or `IndexReadOnlyError` in the place of what says that there is no room or permission."""
    try:
        yield
    except TurnoutError:
        raise
    except Exception as error:
        if _is_denied(error):
            raise read_only_error(where) from error
        if not is_disk_full(error):
            raise
        msg = f"no room to write {where}: {error}. Make room and give the same command again: it goes on from there"
        raise DiskFullError(msg) from error


def staging_folder(folder: Path) -> Path:
    """An empty folder to save to, before `replace_folder`."""
    staging, _ = _beside(folder)
    shutil.rmtree(staging, ignore_errors=True)
    make_folder(staging)
    if folder.is_dir():
        staging.chmod(stat.S_IMODE(folder.stat().st_mode))
    return staging


def replace_folder(folder: Path) -> None:
    """Put what was saved beside a folder in its place."""
    staging, previous = _beside(folder)
    with _not_replaced(folder):
        shutil.rmtree(previous, ignore_errors=True)
        if folder.exists():
            folder.rename(previous)
        try:
            staging.rename(folder)
        except OSError:  # a reader that came in between took this step
            if staging.exists() or not folder.exists():
                raise
    shutil.rmtree(previous, ignore_errors=True)


def recover_folder(folder: Path, *, clean: bool = True) -> None:
    """Take the second step of `replace_folder` after a run that was killed before it, or that is between the two now.

    What else is beside the folder is removed, unless not `clean`: one who only reads leaves what another may be saving.
    """
    staging, previous = _beside(folder)
    if not folder.exists() and previous.exists():
        with suppress(OSError):  # it was taken by another one
            (staging if staging.exists() else previous).rename(folder)
    if clean:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)


def read_folder(folder: Path, read: Callable[[], T]) -> T:
    """Read the files of a folder as they belong together: it isn't replaced meanwhile."""
    lock = _not_replaced(folder)
    try:
        lock.acquire()
    except OSError:  # its file can't be made, so nobody here replaces the folder either
        return read()
    try:
        return read()
    finally:
        lock.release()


def _not_replaced(folder: Path) -> FileLock:
    """A lock that is held for the moment in which a folder is replaced, and while it is read."""
    return FileLock(folder.with_name(f"{folder.name}.reading"))


def remove_folder(folder: Path) -> None:
    """Remove a folder, and what is beside it."""
    for one in _beside(folder):
        shutil.rmtree(one, ignore_errors=True)
    shutil.rmtree(folder)


def version_of(files: Sequence[Path]) -> list[list[int]] | None:
    """Sizes and times of files, which change when one is written; None if there is one that can't tell."""
    try:
        status = [file.stat() for file in files]
    except OSError:
        return None
    if any(one.st_mtime_ns % _SECOND == 0 for one in status):  # a file system that counts in seconds
        return None
    return [[one.st_size, one.st_mtime_ns] for one in status]


def _beside(folder: Path) -> tuple[Path, Path]:
    """What is saved in a folder's place, and what was there before."""
    return folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")


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
            make_folder(path.parent)
            self._connection: sqlite3.Connection | None = self._connect()
            try:
                self._open()
            except BaseException:
                self._base.close()
                raise
        runtime.renewed_in_child(self)

    def _connect(self) -> sqlite3.Connection:
        if str(self.path) != ":memory:":
            make_file(self.path)
        base = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            # A reindex saves vectors here only to remove them again. Together these halve what that costs.
            base.execute("PRAGMA wal_autocheckpoint = 8000")  # pages, 32 MB
            base.execute("PRAGMA secure_delete = OFF")  # SQLite's own default, which Debian changes
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

    def rows(self, statement: str, **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds; in a change, what that has made of the tables."""
        with self._readable(), runtime.fork_waits(), self._lock:
            return self._base.execute(statement, values).fetchall()

    def rows_of(self, statement: str, ids: Sequence[str], **values: Value) -> list[tuple[Any, ...]]:
        """What a query finds for ids, a page of them at a time; the statement has `{ids}` for a condition."""
        rows: list[tuple[Any, ...]] = []
        with self._lock:
            for start in range(0, len(ids), _PAGE):
                some = {f"id{number}": one for number, one in enumerate(ids[start : start + _PAGE])}
                query = statement.replace("{ids}", f"IN ({', '.join(f':{name}' for name in some)})")
                rows += self.rows(query, **some, **values)
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
        with writing_to(str(self.path)):
            try:
                yield
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                msg = f"the {self.kind} {self.path} can't be read: {error}. Delete it: {self.remedy}"
                raise ReindexError(msg) from error
