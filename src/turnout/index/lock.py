"""One reindex of a collection at a time."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from turnout.errors import ReindexLockedError
from turnout.index.disk import room_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path, target: str) -> Iterator[None]:
    """Hold the lock of a target; it ends with the process, however that ends.

    Args:
        path: The lock's file. Beside it, in the same name with `.holder`, is who holds it.
        target: What is being filled.

    Raises:
        ReindexLockedError: Another reindex holds it.
    """
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, timeout=0)
    with room_for(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            msg = f"another reindex fills {target!r}{_who(holder)}. Let it end; it can be stopped and goes on later"
            raise ReindexLockedError(msg) from error
    try:
        with room_for(str(holder)):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            holder.write_text(json.dumps({"process": os.getpid(), "machine": socket.gethostname(), "since": now}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(holder.read_text(encoding="utf-8"))
        return f": process {said['process']} on {said['machine']}, since {said['since']}"
    return ""
