"""Chroma, whichever framework's class is over it: client, record of the space, and how it is read and written."""

from __future__ import annotations

import atexit
import os
import random
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from turnout import runtime
from turnout.errors import IndexBrokenError
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import Collection, chunk_refused
from turnout.index.files import version_of
from turnout.index.guard.keepers import RecordKeeper, StoreState, collection_gone, record_entries
from turnout.index.guard.records import SpaceRecord, with_record
from turnout.index.locks import FileSystemLock, Lock
from turnout.index.read_only import copied_folder, is_read_only, read_only_error
from turnout.permissions import make_folder
from turnout.settings import IndexSettings

Row = tuple[str | None, dict[str, Any] | None, Sequence[float]]

COSINE = {"hnsw:space": "cosine"}
"""Metadata of a collection that compares by cosine, as models whose vectors aren't of length 1 are compared by."""

_DISTANCE = "hnsw:space"  # Chroma refuses a change that has it, and goes by the collection's configuration
_NO_RECORD = {"turnout": "no embedding space recorded"}  # Chroma refuses metadata without any key

_FILE = "chroma.sqlite3"
_NO_DATABASE = ("(code: 11)", "(code: 26)")  # www.sqlite.org/rescode.html: SQLITE_CORRUPT, SQLITE_NOTADB
_LOCK = "turnout.lock"  # in the folder
_VOID_AFTER = "turnout_void_after"  # seconds since the epoch
_LOCK_SECONDS = 60.0  # many times what a change of a record takes

_HEADER = 28  # bytes, up to the end of the file change counter
_ROLLBACK = b"\x01\x01"  # at 18: the file changes with each commit, and not a write-ahead log beside it

_servers: runtime.Cache[Any, Any] = runtime.Cache(size=None)  # Chroma keeps each client that it is asked for
_opened: dict[str, object] = {}  # folder → the version of its file when it was opened last
_files_lock = threading.RLock()
_files: dict[tuple[int, int], int] = {}  # never closed: closing one takes every lock of the process on the file


def open_client(index: IndexSettings, name: str, *, create: bool) -> Any | None:
    """A client of the Chroma, in a folder or on a server, that has a collection; None if it isn't there nor made."""
    if index.connection is None:
        folder = Path(index.path or ".")
        if not create and not folder.is_dir():
            return None
        if is_read_only(folder / _FILE):  # Chroma opens no folder that it can't write to
            if create:
                raise read_only_error(folder)
            folder = copied_folder(folder, partial(_version, folder / _FILE))
        make_folder(folder)
        return _open_folder(str(folder), name, create=create)
    client = _servers.get_or_make(index.connection, partial(_server, index.database()))
    return client if create or name in {one.name for one in client.list_collections()} else None


def _server(connection: str) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    url = urlsplit(connection)  # its password stays out
    quiet, ssl = ChromaSettings(anonymized_telemetry=False), url.scheme == "https"
    return chromadb.HttpClient(host=url.hostname or "", port=url.port or 8000, ssl=ssl, settings=quiet)


@atexit.register
def _close_servers() -> None:
    for client in _servers.clear():
        client.close()


def _open_folder(folder: str, name: str, *, create: bool) -> Any | None:
    """As `open_client`; raises `IndexBrokenError` if Chroma can't read its files.

    Of a collection without its vectors' files, Chroma finds what was written since, and says nothing: one of its oldest
    vectors is read.
    """
    from chromadb.errors import InternalError

    client = None
    try:
        client = _folder_client(folder)
        is_there = name in {one.name for one in client.list_collections()}
        if is_there:
            client.get_collection(name, embedding_function=None).get(limit=1, include=["embeddings"])
    except InternalError as error:
        whole = any(code in str(error) for code in _NO_DATABASE)
        if not whole and (client is None or "(code: " in str(error)):
            raise  # the file is locked, say
        what = f"{folder}/{_FILE}" if whole else f"the vectors' files of {name!r} in {folder}"
        raise IndexBrokenError(f"{what} can't be read: {error}", collection=name, whole=whole) from error
    return client if create or is_there else None


def _folder_client(folder: str) -> Any:
    """A client of a folder as it is now.

    Chroma gives a process one object for a folder, which keeps the vectors as they were when it read them first, or as
    it wrote them: it doesn't find what another process adds, and writes its own over that. It also keeps one that
    couldn't be made.
    """
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings as ChromaSettings

    kept: dict[str, Any] = SharedSystemClient._identifier_to_system  # noqa: SLF001 - there is no other way to it
    file = Path(folder) / _FILE
    with _files_lock:
        if _opened.pop(folder, None) != (version := _version(file)) or version is None:
            kept.pop(folder, None)
        client = chromadb.PersistentClient(folder, settings=ChromaSettings(anonymized_telemetry=False))
        _opened[folder] = _version(file)
    return client


def set_aside(index: IndexSettings, name: str, *, whole: bool) -> None:
    """Make room for a collection whose files can't be read: remove it, or rename all that can't be read."""
    folder = Path(index.path or ".")
    if not whole:
        _folder_client(str(folder)).delete_collection(name)
        return
    aside = folder / f"broken-{int(time.time())}"
    make_folder(aside)
    for one in [*folder.glob(f"{_FILE}*"), *(one.parent for one in folder.glob("*/header.bin"))]:
        one.rename(aside / one.name)


class ChromaRecordKeeper(RecordKeeper):
    """Keeps the record in the collection's metadata; put before the framework's keeper among the bases.

    A collection that was deleted and made again under its name is another one for Chroma: the store is given that.
    """

    def __init__(self) -> None:
        self._file = _file(self.collection)
        self._seen: tuple[object, object] = (None, None)  # the file's version, and the record's with it

    @property
    @abstractmethod
    def collection(self) -> Any:
        """Chroma's collection, as the store has it open."""

    @abstractmethod
    def reopen(self, collection: Any) -> None:
        """Give the store another one."""

    @property
    def index(self) -> str:
        """The collection's name."""
        return str(self.collection.name)

    def version(self) -> object:
        """Which collection it is, and the record in its metadata; read anew once anything was written to its folder."""
        file_version = None if self._file is None else _version(self._file)
        seen, version = self._seen
        if file_version is None or file_version != seen:
            model = self._model()
            version = model.id, record_entries(model.metadata)
            self._seen = file_version, version
        return version

    def file_version(self) -> object:
        """What changes with every commit to the folder, as plain data; None if there is none, or it can't be had."""
        if self._file is None or (commits := _version(self._file)) is None:
            return None
        written = version_of([self._file])
        return None if written is None else [str(commits), written]

    def is_another(self, version: object) -> bool:
        """Whether the collection of its name has another id."""
        return isinstance(version, tuple) and version[0] != self._model().id

    def state(self) -> StoreState:
        """What the collection has, with the record in its metadata."""
        collection = self._fresh()
        record = SpaceRecord.from_dict(collection.metadata or {}, index=self.index)
        # Not the vectors: Chroma can't read those that another process has written over.
        empty = not collection.get(limit=1, include=[])["ids"]
        model = collection._model  # noqa: SLF001  # a collection doesn't give out the length that it takes
        return StoreState(record, empty=empty, dimensions=None if empty else model.dimension)

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's metadata, and leave other keys."""
        collection = self._fresh()
        metadata = with_record(collection.metadata, record)
        metadata.pop(_DISTANCE, None)
        collection.modify(metadata=metadata or _NO_RECORD)

    def lock(self, *, inserting: bool) -> Lock | None:
        """A file's lock in the folder; on a server, for a change of the record alone, a collection's name."""
        if self._file is not None:
            return FileSystemLock(self._file.with_name(_LOCK))
        return None if inserting or not self._is_on_server else _NameLock(self.collection)

    @property
    def _is_on_server(self) -> bool:
        return _setting(self.collection, "chroma_server_host") is not None

    def rows(self, number: int) -> list[Row]:
        """Texts with their metadata and vectors, chosen at random from all of the collection."""
        collection = self._fresh()
        ids = collection.get(include=[])["ids"]
        if not ids:
            return []
        sampled = random.sample(ids, min(number, len(ids)))
        found = collection.get(ids=sampled, include=["embeddings", "documents", "metadatas"])
        return list(zip(found["documents"], found["metadatas"], found["embeddings"], strict=True))

    def _fresh(self) -> Any:
        """The collection with its metadata as they are now: an open one has them as they were."""
        import chromadb

        known, model = self.collection, self._model()
        fresh = chromadb.Collection(client=known._client, model=model, embedding_function=None)  # noqa: SLF001
        if fresh.id != known.id:
            self.reopen(fresh)
        return fresh

    def _model(self) -> Any:
        from chromadb.errors import NotFoundError

        known = self.collection
        server = known._client  # noqa: SLF001  # a collection doesn't give out what it is on
        try:
            return server.get_collection(known.name, tenant=known.tenant, database=known.database)
        except NotFoundError as error:
            raise collection_gone(known.name) from error


class ChromaChunks(Collection):
    """Reads and writes through Chroma's own collection; a base of each framework's collection."""

    keeper: ChromaRecordKeeper
    write_page: ClassVar[int] = 1024  # a write costs as much time as some hundred chunks, whatever is in it

    @abstractmethod
    def _chunk(self, id_: str, text: str, metadata: Mapping[str, Any] | None) -> Chunk:
        """A chunk."""

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk that is there now, a page at a time; by ids, because a place changes when others are deleted.

        The next page is read meanwhile: Chroma reads without Python.
        """
        ids = list(self.keeper.collection.get(include=[])["ids"])
        pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
        with ThreadPoolExecutor(1, "turnout-chroma") as pool:
            ahead: Future[dict[str, Chunk]] | None = None
            for page in [*pages, None]:
                found, ahead = ahead, None if page is None else pool.submit(self._read, ids=page)
                if found is not None:
                    yield from found.result().values()

    def version(self) -> object:
        """Of the file that Chroma keeps the folder's collections in; None of one on a server."""
        return self.keeper.file_version()

    def count(self) -> int:
        """How many chunks there are."""
        return int(self.keeper.collection.count())

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the chunks that are there."""
        return self._read(ids=list(ids)) if ids else {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        if not ids:
            return {}
        found = self.keeper.collection.get(ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], found["embeddings"], strict=True))

    def replace(
        self, chunks: Sequence[EmbeddedChunk], documents: list[str], metadatas: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write chunks in one step, in place of those with the same ids.

        Chroma keeps metadata of an older version whose keys the new one hasn't got, unless they are named with None.
        """
        ids = [chunk.id for chunk in chunks]
        if not ids:
            return
        from numpy import asarray

        found = self.keeper.collection.get(ids=ids, include=["metadatas"])
        before = dict(zip(found["ids"], found["metadatas"], strict=True))
        merged = [
            {**dict.fromkeys(before.get(one) or {}), **metadata} or None
            for one, metadata in zip(ids, metadatas, strict=True)
        ]
        vectors: list[Any] = [asarray(chunk.vector, "f") for chunk in chunks]  # as Chroma would make of lists
        write = self.keeper.collection.upsert if before else self.keeper.collection.add  # which takes a tenth less
        write(ids=ids, embeddings=vectors, documents=documents, metadatas=merged)

    def _read(self, **which: Any) -> dict[str, Chunk]:
        found = self.keeper.collection.get(**which, include=["documents", "metadatas"])
        rows = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
        return {id_: self._chunk(id_, text or "", metadata) for id_, text, metadata in rows}


def check_metadata(chunk: Chunk, metadata: Mapping[str, Any], index: str) -> None:
    """Refuse metadata that Chroma refuses; None is left to the caller."""
    from chromadb.api.types import validate_metadata

    for key, value in metadata.items():
        try:
            validate_metadata({key: value})
        except (ValueError, TypeError) as error:
            raise chunk_refused(chunk, index, str(key), f"Chroma refuses it: {error}") from error
        if not key:
            raise chunk_refused(chunk, index, key, "Chroma refuses an empty key")


class _NameLock:
    """A lock on a collection of a server: another collection, whose name only one process can give.

    A process that was killed leaves it behind; it is void after a while.
    """

    is_remote = True

    def __init__(self, collection: Any) -> None:
        self._server = collection._client  # noqa: SLF001  # a collection doesn't give out what it is on
        self._place = {"tenant": collection.tenant, "database": collection.database}
        self._name = f"turnout-lock-{collection.id}"
        self.key: object = self._name

    def acquire(self) -> bool:
        from chromadb.errors import ChromaError

        made = {_VOID_AFTER: time.time() + _LOCK_SECONDS}
        try:
            self._server.create_collection(self._name, metadata=made, **self._place)
        except ChromaError:
            with suppress(ChromaError):
                there = self._server.get_collection(self._name, **self._place)
                if (there.metadata or {}).get(_VOID_AFTER, 0) < time.time():
                    self.release()
            return False
        return True

    def release(self) -> None:
        from chromadb.errors import NotFoundError

        with suppress(NotFoundError):
            self._server.delete_collection(self._name, **self._place)


def _setting(collection: Any, name: str) -> Any:
    """One of the settings of the client that a collection is from."""
    system = getattr(collection._client, "_system", None)  # noqa: SLF001
    return getattr(getattr(system, "settings", None), name, None)


def _file(collection: Any) -> Path | None:
    """The file that a Chroma in a folder keeps its collections in; None of one on a server or in memory."""
    if not _setting(collection, "is_persistent"):
        return None
    return Path(_setting(collection, "persist_directory")) / _FILE


def _version(path: Path) -> object:
    """A file's version: another one after every commit, by whatever process; None if it can't be had.

    It is read past SQLite, whose locks are the process's, so that a second connection could take those of the first
    (www.sqlite.org/howtocorrupt.html, "Multiple copies of SQLite linked into the same application"). The counter is
    described at www.sqlite.org/fileformat2.html, "File change counter".
    """
    try:
        status = path.stat()
        identity = status.st_dev, status.st_ino
        found = _files.get(identity)
        if found is None:
            with _files_lock:
                found = _files.get(identity)
                if found is None:
                    found = _files[identity] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        header = os.pread(found, _HEADER, 0)
    except (OSError, AttributeError):  # Windows has neither
        return None
    return (identity, header[24:]) if len(header) == _HEADER and header[18:20] == _ROLLBACK else None
