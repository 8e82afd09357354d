"""Chroma in a reindex, whichever framework's class is over it: its client by the settings, and how it is read."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnout.index.collection import PAGE, RecordedCollection
from turnout.index.fitting import refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import SecretStr

    from turnout.index.chunks import Embedded, Item
    from turnout.settings import IndexSettings

COSINE = {"hnsw:space": "cosine"}
"""Metadata of a collection that compares by cosine, as models whose vectors aren't of length 1 are compared by."""


def open_client(index: IndexSettings, called: str, *, create: bool) -> Any | None:
    """A client of the Chroma, in a folder or on a server, that has a named index's collections.

    Args:
        index: The index's settings.
        called: The collection that is wanted.
        create: Whether it will be made if there is none.

    Returns:
        The client; None if there is no such collection and it won't be made.

    Raises:
        ModuleNotFoundError: Chroma isn't installed.
    """
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    quiet = ChromaSettings(anonymized_telemetry=False)
    if index.connection is not None:
        client = chromadb.HttpClient(**_address(index.connection), settings=quiet)
    else:
        folder = Path(index.path or ".")
        if not create and not folder.is_dir():
            return None
        client = chromadb.PersistentClient(str(folder), settings=quiet)
    if not create and called not in {one.name for one in client.list_collections()}:
        return None
    return client


def _address(connection: SecretStr) -> dict[str, Any]:
    """A server's address, without the password that its URL may have."""
    address = urlsplit(connection.get_secret_value())
    return {"host": address.hostname or "", "port": address.port or 8000, "ssl": address.scheme == "https"}


def check_metadata(item: Item, metadata: Mapping[str, Any], index: str) -> None:
    """Refuse metadata that Chroma refuses; None is left to the caller.

    Args:
        item: The chunk.
        metadata: What Chroma is given of it.
        index: The collection.

    Raises:
        ChunkRefusedError: Chroma refuses them.
    """
    from chromadb.api.types import validate_metadata

    for key, value in metadata.items():
        try:
            validate_metadata({key: value})
        except (ValueError, TypeError) as error:
            raise refused(item, index, str(key), f"Chroma refuses it: {error}") from error
        if not key:
            raise refused(item, index, key, "Chroma refuses an empty key")


class ChromaReading(RecordedCollection):
    """Reads through Chroma's own collection, which pages; put before the framework's collection among the bases."""

    @property
    @abstractmethod
    def _opened(self) -> Any:
        """Chroma's collection."""

    @abstractmethod
    def _row(self, found: str, text: str, metadata: Mapping[str, Any] | None) -> Item:
        """A chunk."""

    def items(self) -> Iterator[Item]:
        """Every chunk, a page at a time."""
        offset = 0
        while found := self._got(limit=PAGE, offset=offset):
            yield from found.values()
            offset += len(found)

    def count(self) -> int:
        """How many chunks there are."""
        return int(self._opened.count())

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the chunks that are there."""
        return self._got(ids=list(ids)) if ids else {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        if not ids:
            return {}
        found = self._opened.get(ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], found["embeddings"], strict=True))

    def replace(self, chunks: Sequence[Embedded], documents: list[str], metadatas: Sequence[Mapping[str, Any]]) -> None:
        """Write chunks in one step, in place of those with the same ids.

        Chroma keeps metadata of an older version whose keys the new one hasn't got, unless they are named with None.
        """
        ids = [chunk.item.id for chunk in chunks]
        if not ids:
            return
        found = self._opened.get(ids=ids, include=["metadatas"])
        before = dict(zip(found["ids"], found["metadatas"], strict=True))
        merged = [
            {**dict.fromkeys(before.get(one) or {}), **metadata} or None
            for one, metadata in zip(ids, metadatas, strict=True)
        ]
        vectors = [list(chunk.vector) for chunk in chunks]
        self._opened.upsert(ids=ids, embeddings=vectors, documents=documents, metadatas=merged)

    def _got(self, **which: Any) -> dict[str, Item]:
        found = self._opened.get(**which, include=["documents", "metadatas"])
        rows = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
        return {row: self._row(row, text or "", metadata) for row, text, metadata in rows}
