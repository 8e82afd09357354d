"""Chroma: the record is in the collection's metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_chroma import Chroma

from turnout.index.chroma import COSINE, ChromaChunks, ChromaRecordKeeper, check_metadata, open_client
from turnout.index.collection import check_strings
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import SpaceKeeper, VectorStoreCollection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.index.guard.keepers import Sample
    from turnout.settings import IndexSettings


def _collection(store: Chroma) -> Any:
    """Chroma's collection: LangChain's class gives out neither that nor its client, and embeds whatever it is given."""
    return store._collection  # noqa: SLF001


class _ChromaKeeper(ChromaRecordKeeper, SpaceKeeper):
    """LangChain's `Chroma`, embedded or on a server."""

    has_embeddings: ClassVar[bool] = False

    def __init__(self, store: Chroma) -> None:
        self.store = store
        super().__init__()

    @property
    def collection(self) -> Any:
        return _collection(self.store)

    def reopen(self, collection: Any) -> None:
        self.store._chroma_collection = collection  # noqa: SLF001

    def sample(self, number: int) -> list[Sample]:
        return [(text or "", vector) for text, _, vector in self.rows(number)]


class _ChromaCollection(VectorStoreCollection[Chroma], ChromaChunks):
    """Read and written through the collection under LangChain's class, which pages and takes vectors."""

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Chunks without keys whose value is None, which LangChain's class leaves out too."""
        for chunk in chunks:
            check_strings(chunk, chunk.metadata, self.name)
            check_metadata(chunk, chunk.metadata, self.name)
        return [
            replace(chunk, metadata={key: value for key, value in chunk.metadata.items() if value is not None})
            for chunk in chunks
        ]

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        self.replace(chunks, [chunk.text for chunk in chunks], metadatas)

    def drop(self) -> None:
        self.store.delete_collection()


def _open(
    index: IndexSettings, name: str, _: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _ChromaCollection | None:
    client = open_client(index, name, create=create)
    if client is None:
        return None
    store = Chroma(name, embeddings, client=client, collection_metadata=dict(COSINE))
    return _ChromaCollection(store, _ChromaKeeper(store), name)


KIND = StoreKind(_ChromaKeeper, _open, _ChromaCollection)
