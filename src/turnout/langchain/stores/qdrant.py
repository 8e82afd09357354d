"""Qdrant: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.documents import Document
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import models

from turnout.errors import UnsupportedError
from turnout.index.chunks import Chunk
from turnout.index.qdrant import QdrantChunks, QdrantRecordKeeper, chunk_id, client_of
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import SpaceKeeper, VectorStoreCollection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import EmbeddedChunk
    from turnout.settings import IndexSettings


class _QdrantKeeper(QdrantRecordKeeper, SpaceKeeper):
    """LangChain's `QdrantVectorStore`, in a folder or on a server."""

    has_embeddings: ClassVar[bool] = False
    store: QdrantVectorStore

    @property
    def vector_name(self) -> str:
        return self.store.vector_name

    def text(self, point: Any) -> str:
        return str((point.payload or {}).get(self.store.content_payload_key) or "")


class _NamedQdrant(QdrantVectorStore):
    """A `QdrantVectorStore` whose documents have their ids, and no metadata but their own.

    A `filter` may be a dict of metadata that must be equal, too.
    """

    def similarity_search_with_score(self, *args: Any, **options: Any) -> list[tuple[Document, float]]:
        return super().similarity_search_with_score(*map(_filter, args), **_with_filter(options))

    def similarity_search_with_score_by_vector(self, *args: Any, **options: Any) -> list[tuple[Document, float]]:
        return super().similarity_search_with_score_by_vector(*map(_filter, args), **_with_filter(options))

    def max_marginal_relevance_search_with_score_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *args: Any,
        **options: Any,
    ) -> list[tuple[Document, float]]:
        """LangChain's class gives `lambda_mult` for Qdrant's diversity, which is the opposite."""
        given = embedding, k, fetch_k, 1 - lambda_mult, *map(_filter, args)
        return super().max_marginal_relevance_search_with_score_by_vector(*given, **_with_filter(options))

    @classmethod
    def _document_from_point(
        cls, scored_point: Any, collection_name: str, content_payload_key: str, metadata_payload_key: str
    ) -> Document:
        del collection_name
        payload = scored_point.payload or {}
        metadata = dict(payload.get(metadata_payload_key) or {})
        return Document(payload.get(content_payload_key) or "", id=chunk_id(scored_point), metadata=metadata)


def _filter(wanted: Any) -> Any:
    """Qdrant's filter for a dict of metadata; another filter as it is."""
    if not isinstance(wanted, dict):
        return wanted
    conditions: list[models.Condition] = []
    for key, value in wanted.items():
        where = f"{QdrantVectorStore.METADATA_KEY}.{key}"
        if isinstance(value, float):
            conditions.append(models.FieldCondition(key=where, range=models.Range(gte=value, lte=value)))
        else:
            conditions.append(models.FieldCondition(key=where, match=models.MatchValue(value=value)))
    return models.Filter(must=conditions)


def _with_filter(options: dict[str, Any]) -> dict[str, Any]:
    return {name: _filter(value) if name == "filter" else value for name, value in options.items()}


class _QdrantCollection(QdrantChunks, VectorStoreCollection[QdrantVectorStore]):
    """Read and written through the client under LangChain's class, which pages and takes vectors."""

    def __init__(self, store: QdrantVectorStore, keeper: SpaceKeeper, name: str) -> None:
        if store.retrieval_mode != RetrievalMode.DENSE:
            raise UnsupportedError("this QdrantVectorStore has sparse vectors, which a reindex doesn't make")
        VectorStoreCollection.__init__(self, store, keeper, name)

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        text, metadata = self.store.content_payload_key, self.store.metadata_payload_key
        pairs = zip(chunks, metadatas, strict=True)
        self.upsert(chunks, [{text: chunk.text, metadata: entries} for chunk, entries in pairs])

    def _chunk_of(self, point: Any) -> Chunk:
        payload = point.payload or {}
        text = payload.get(self.store.content_payload_key) or ""
        return self._chunk(chunk_id(point), text, payload.get(self.store.metadata_payload_key))


def _open(
    index: IndexSettings, name: str, space: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _QdrantCollection | None:
    client = client_of(index, name, space.dimensions or 0, create=create)
    if client is None:
        return None
    store = _NamedQdrant(client, name, embeddings, validate_collection_config=False)  # it would embed a text for that
    return _QdrantCollection(store, _QdrantKeeper(store), name)


KIND = StoreKind(_QdrantKeeper, _open, _QdrantCollection)
