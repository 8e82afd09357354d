"""An index in a folder that can't be written: its manifest is read as it is; what has to be written to is copied.

Nothing is made in the folder, no lock either. Who may write to it may do so meanwhile.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from turnout import runtime
from turnout.errors import IndexReadOnlyError, IndexUnreachableError, ReindexError

_ATTEMPTS = 5  # copies of a folder that another process keeps changing

_made: dict[Path, list[tuple[Path, int]]] = {}  # folder → its latest copies, each with the process that made it
_copies: runtime.Cache[tuple[Path, object], Path] = runtime.Cache(size=None, close=shutil.rmtree)


def is_read_only(path: Path) -> bool:
    """Whether a file of an index can't be written, or its folder can't, in which SQLite and locks have files beside it.

    A folder that isn't there is to be made.

    Raises:
        IndexUnreachableError: The folder is closed to this user.
    """
    try:
        there = [one for one in (path, path.parent) if one.exists()]
    except PermissionError as error:
        raise closed_error(path.parent) from error
    effective = os.access in os.supports_effective_ids
    return not all(os.access(one, os.W_OK, effective_ids=effective) for one in there)


def closed_error(where: Path | str, index: str = "") -> IndexUnreachableError:
    """The error of a folder that this user may not look into."""
    msg = f"{where} is closed to this user. Its owner can open it for others: chmod -R go+rX '{where}'"
    return IndexUnreachableError(msg, index=index)


def read_only_error(where: Path | str) -> IndexReadOnlyError:
    """The error of a folder, or of a file in it, that is to be written and can't be."""
    msg = f"{where} can't be written by this user, or is mounted read-only, so nothing was changed. It can be searched"
    return IndexReadOnlyError(msg, folder=str(where))


def version_of(path: Path) -> object:
    """What changes when an SQLite file does."""
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size, path.with_name(f"{path.name}-wal").is_file()


def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection to an SQLite file that can't be written; and whether it is to a copy in memory, as the file is now.

    SQLite reads a file with a write-ahead log beside what the log's writer made, and without that only as a file that
    nobody changes (www.sqlite.org/wal.html, "Read-Only Databases").
    """
    address = path.resolve().as_uri()
    if path.is_file():
        base = _connect(f"{address}?mode=ro")
        try:
            base.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError:
            base.close()
        else:
            return base, False
    copy = _connect(":memory:")
    if path.is_file():
        with closing(_connect(f"{address}?immutable=1")) as original:
            original.backup(copy)
    return copy, True


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def copied_folder(folder: Path, version: Callable[[], object]) -> Path:
    """A copy of a folder as it is now, until the process ends; the one that was made of this version before.

    Raises:
        ReindexError: Another process keeps changing it.
    """
    for _ in range(_ATTEMPTS):
        before = version()
        copy = _copies.get_or_make((folder, before), lambda: _copied(folder))
        if version() == before:
            return copy
    raise ReindexError(f"{folder} can't be copied: another process keeps changing it. Try again later")


def _copied(folder: Path) -> Path:
    made = _made.setdefault(folder, [])
    for earlier in made[:-1]:  # the latest may be in use still
        _remove(*earlier)
    copy = Path(tempfile.mkdtemp(prefix="turnout-"))
    made[:] = [*made[-1:], (copy, os.getpid())]
    atexit.register(_remove, copy, os.getpid())
    shutil.copytree(folder, copy, dirs_exist_ok=True, copy_function=shutil.copyfile)
    for one in [copy, *copy.rglob("*")]:
        one.chmod(0o700 if one.is_dir() else 0o600)
    return copy


def _remove(copy: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(copy, ignore_errors=True)
