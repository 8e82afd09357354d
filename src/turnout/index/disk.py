"""A full disk, in one error, whoever found it first: Python, SQLite, a vector store or PostgreSQL."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from turnout.errors import DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
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
        if isinstance(one, OSError) and one.errno in _ERRNOS:
            return True
        if isinstance(one, sqlite3.Error) and getattr(one, "sqlite_errorcode", None) in _SQLITE:
            return True
        if getattr(one, "sqlstate", None) in _POSTGRES:
            return True
        if any(words in str(one).lower() for words in _WORDS):
            return True
        left += [one.__cause__, one.__context__, getattr(one, "orig", None)]
    return False


@contextmanager
def room_for(where: str) -> Iterator[None]:
    """Raise a `DiskFullError` in the place of whatever else says that there is no room.

    Args:
        where: What was being written.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not is_disk_full(error):
            raise
        msg = f"no room to write {where}: {error}. Make room and give the same command again: it goes on from there"
        raise DiskFullError(msg) from error
