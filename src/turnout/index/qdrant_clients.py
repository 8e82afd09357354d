"""Clients of Qdrant: of a server, and of a folder, which one process at a time may have open."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from turnout import runtime
from turnout.errors import ReindexLockedError, SettingsError
from turnout.index.read_only import copied_folder, is_read_only, read_only_error
from turnout.permissions import make_folder
from turnout.settings import IndexSettings

_META = "meta.json"  # says which collections a folder has
_TAKEN = "already accessed by another instance"  # what qdrant-client says of a folder that is open elsewhere


class FolderClient:
    """A `QdrantClient` of a folder, whose methods take turns: those of qdrant-client are for one thread at a time.

    The folder is open until nothing has this object any more.
    """

    def __init__(self, path: str) -> None:
        from qdrant_client import QdrantClient

        self._turn = threading.RLock()
        try:
            self._folder = QdrantClient(path=path, force_disable_check_same_thread=True)
        except RuntimeError as error:
            if _TAKEN not in str(error):
                raise
            fix = "end it there, or keep the index on a Qdrant server (connection)"
            msg = f"the Qdrant folder {path} is open in another process, and one at a time may have it: {fix}"
            raise ReindexLockedError(msg) from error

    def __getattr__(self, name: str) -> Any:
        """The client's; a method waits for its turn."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._folder, name)
        return partial(self._in_turn, found) if callable(found) else found

    def _in_turn(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._turn:
            return method(*args, **kwargs)


_servers: runtime.Cache[Any, Any] = runtime.Cache(size=None)
_folders: WeakValueDictionary[str, FolderClient] = WeakValueDictionary()
_lock = threading.Lock()


def is_server(client: Any) -> bool:
    """Whether a client is of a server, not of a folder or of what is in memory."""
    options: dict[str, Any] = client.init_options
    return options.get("path") is None and options.get("location") != ":memory:"


def open_client(index: IndexSettings, *, create: bool) -> Any | None:
    """A client of the Qdrant that the settings name; None of a folder that isn't there nor made.

    Raises:
        ReindexLockedError: Another process has the folder open.
        SettingsError: The connection is no URL, or nobody vouches for the pickles in the folder.
    """
    if index.connection is not None:
        return _servers.get_or_make(index.connection, lambda: _server(index))
    folder = Path(index.path or ".")
    if not create and not folder.is_dir():
        return None
    if not index.allow_pickle:
        raise SettingsError(
            f"Qdrant keeps the points of a folder, {folder}, as pickles, and whoever can write to it may have put code "
            "into them. If nobody but you can, say allow_pickle = true beside path in the [index.…] table of "
            "turnout.toml. A Qdrant server, named by connection, has no pickle"
        )
    folder = folder.resolve()
    if is_read_only(folder / _META):  # qdrant-client makes a lock in it, and SQLite's files
        if create:
            raise read_only_error(folder)
        folder = copied_folder(folder, partial(_version, folder))
    make_folder(folder)
    path = str(folder)
    with _lock:
        client = _folders.get(path)
        if client is None:
            client = _folders[path] = FolderClient(path)
    return client


def _version(folder: Path) -> object:
    """What changes when one of a folder's files does."""
    return tuple((str(one), one.stat().st_mtime_ns) for one in sorted(folder.rglob("*")) if one.is_file())


def _server(index: IndexSettings) -> Any:
    from qdrant_client import QdrantClient

    url = urlsplit(index.database())
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise SettingsError("connection is no URL of a Qdrant server, like 'https://:api-key@host:6333'")
    return QdrantClient(
        host=url.hostname,
        port=url.port or 6333,
        https=url.scheme == "https",
        prefix=url.path.strip("/") or None,
        api_key=unquote(url.password) if url.password else None,
        check_compatibility=False,  # it would ask for the server's version, and warn if there is none
    )


def _close() -> None:
    """Close the clients at the process's end: folders, when qdrant-client can no more."""
    for client in [*_folders.values(), *_servers.clear()]:
        client.close()


def _renew() -> None:
    """Leave the parent's folders alone in a forked child: closing one there would unlock the parent's."""
    global _lock  # noqa: PLW0603 - the parent's may be held by a thread that isn't here
    _lock = threading.Lock()
    runtime.drop(*_folders.values())
    _folders.clear()


atexit.register(_close)
runtime.renew_in_child(_renew)
