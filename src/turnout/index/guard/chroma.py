"""The record of an embedding space in the metadata of a Chroma collection, for both frameworks' classes."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.index.guard.keepers import Held, gone, kept_in
from turnout.index.guard.records import SpaceRecord, with_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chromadb import Collection

    Row = tuple[str | None, dict[str, Any] | None, Sequence[float]]

_DISTANCE = "hnsw:space"  # Chroma refuses a change that has it, and goes by the collection's configuration

_ROW: Any = ["embeddings", "documents", "metadatas"]

_NOTHING = {"turnout": "no embedding space recorded"}

_HEADER = 28  # bytes, up to the end of the file change counter
_ROLLBACK = b"\x01\x01"  # at 18: the file changes with each commit, and not a write-ahead log beside it

_files_lock = threading.Lock()
_files: dict[tuple[int, int], int] = {}  # never closed: closing one takes every lock of the process on the file


class CollectionRecord:
    """Reads and writes the record of a collection.

    A collection that was deleted and made again under its name is another one for Chroma: the store is given that.

    Args:
        opened: The collection that the store has open.
        reopen: Gives the store another one.
    """

    def __init__(self, opened: Callable[[], Collection], reopen: Callable[[Collection], None]) -> None:
        self._opened = opened
        self._reopen = reopen
        self._file = _file(opened())
        self._glanced: tuple[object, object] = (None, None)

    def glance(self) -> object:
        """Which collection it is, and the record in its metadata.

        In a folder to which nothing was written since the last look, by whomever, that is what it was then.

        Raises:
            CollectionGoneError: There is none any more.
        """
        now = None if self._file is None else _version(self._file)
        seen, mark = self._glanced
        if now is not None and now == seen:
            return mark
        found = self._model()
        mark = found.id, kept_in(found.metadata)
        self._glanced = now, mark
        return mark

    def fresh(self) -> Collection:
        """The collection with its metadata as they are now: an open one has them as they were.

        Raises:
            CollectionGoneError: There is none any more.
        """
        from chromadb import Collection

        opened, model = self._opened(), self._model()
        fresh = Collection(client=opened._client, model=model, embedding_function=None)  # noqa: SLF001
        if fresh.id != opened.id:
            self._reopen(fresh)
        return fresh

    def _model(self) -> Any:
        from chromadb.errors import NotFoundError

        opened = self._opened()
        server = opened._client  # noqa: SLF001  # a collection doesn't give out what it is on
        try:
            return server.get_collection(opened.name, tenant=opened.tenant, database=opened.database)
        except NotFoundError as error:
            raise gone(opened.name) from error

    def held(self, *, index: str) -> Held:
        """What the collection holds.

        Args:
            index: What to call the index in an error.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """
        collection = self.fresh()
        record = SpaceRecord.from_dict(collection.metadata or {}, index=index)
        # Not the vectors: Chroma can't read those that another process has written over.
        empty = not collection.get(limit=1, include=[])["ids"]
        model = collection._model  # noqa: SLF001  # a collection doesn't give out the length that it takes
        return Held(record, empty=empty, dimensions=None if empty else model.dimension)

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's metadata, and leave other keys."""
        collection = self.fresh()
        metadata = with_record(collection.metadata, record)
        metadata.pop(_DISTANCE, None)
        # Chroma refuses metadata without any key.
        collection.modify(metadata=metadata or _NOTHING)

    def rows(self, number: int) -> list[Row]:
        """Documents with their metadata and vectors, from the beginning and the end of the collection.

        Args:
            number: How many at most.
        """
        collection = self.fresh()
        count = collection.count()
        half = (number + 1) // 2
        windows = [(0, number)] if count <= number else [(0, half), (count - (number - half), number - half)]
        rows: list[Row] = []
        for offset, limit in windows:
            if limit:
                found: Any = collection.get(
                    limit=limit, offset=offset, include=["embeddings", "documents", "metadatas"]
                )
                rows += zip(found["documents"] or [], found["metadatas"] or [], _vectors(found), strict=True)
        return rows


def _file(collection: Collection) -> Path | None:
    """The file that a Chroma in a folder keeps its collections in; None of one on a server or in memory."""
    system = getattr(collection._client, "_system", None)  # noqa: SLF001
    said = getattr(system, "settings", None)
    return Path(said.persist_directory) / "chroma.sqlite3" if said is not None and said.is_persistent else None


def _vectors(found: Any) -> list[Any]:
    vectors = found["embeddings"]
    return [] if vectors is None else list(vectors)


def _version(path: Path) -> object:
    """A file's version: another one after every commit, by whatever process; None if it can't be had.

    It is read past SQLite, whose locks are the process's, so that a second connection could take those of the first
    (www.sqlite.org/howtocorrupt.html, "Multiple copies of SQLite linked into the same application"). The counter is
    described at www.sqlite.org/fileformat2.html, "File change counter".

    Args:
        path: The file.
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
