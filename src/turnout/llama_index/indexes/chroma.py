"""LlamaIndex's `ChromaVectorStore` as a collection of a named index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings as ChromaSettings
from llama_index.core.vector_stores.utils import metadata_dict_to_node
from llama_index.vector_stores.chroma import ChromaVectorStore

from turnout.llama_index.indexes.collection import PAGE, NodeCollection
from turnout.llama_index.reindexing import item_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.reindex import Item
    from turnout.settings import IndexSettings


class ChromaCollection(NodeCollection[ChromaVectorStore]):
    """Read through Chroma's own collection, which pages."""

    @property
    def _opened(self) -> Any:
        return self.vector_store.client

    def ids(self) -> list[str]:
        """The ids of all nodes."""
        return list(self._opened.get(include=[])["ids"])

    def count(self) -> int:
        """How many nodes there are."""
        return int(self._opened.count())

    def items(self) -> Iterator[Item]:
        """Every node, a page at a time."""
        offset = 0
        while found := self._got(limit=PAGE, offset=offset):
            yield from found.values()
            offset += len(found)

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the nodes that are there."""
        return self._got(ids=list(ids)) if ids else {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        if not ids:
            return {}
        found = self._opened.get(ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], found["embeddings"], strict=True))

    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""
        return list(self._opened.get(where={"document_id": ref_doc_id}, include=[])["ids"])

    def _got(self, **which: Any) -> dict[str, Item]:
        found = self._opened.get(**which, include=["documents", "metadatas"])
        rows = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
        return {row: item_of(metadata_dict_to_node(metadata, text=text or "")) for row, text, metadata in rows}


def _client(index: IndexSettings) -> Any:
    quiet = ChromaSettings(anonymized_telemetry=False)
    if index.connection is not None:
        address = urlsplit(index.connection.get_secret_value())
        return chromadb.HttpClient(
            address.hostname or "", address.port or 8000, ssl=address.scheme == "https", settings=quiet
        )
    return chromadb.PersistentClient(str(Path(index.path or ".")), settings=quiet)


def open_chroma(index: IndexSettings, called: str, *, create: bool) -> ChromaCollection | None:
    """The collection of that name, or None."""
    if not create and index.connection is None and not Path(index.path or ".").is_dir():
        return None
    client = _client(index)
    if not create and called not in {one.name for one in client.list_collections()}:
        return None
    # Cosine, as models whose vectors aren't of length 1 are compared by.
    opened = client.get_or_create_collection(called, metadata={"hnsw:space": "cosine"}, embedding_function=None)
    return ChromaCollection(ChromaVectorStore(chroma_collection=opened), called)


def drop_chroma(index: IndexSettings, called: str) -> None:
    """Remove a collection, for good."""
    _client(index).delete_collection(called)
