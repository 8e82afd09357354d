"""Qdrant: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.documents import Document
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import models

from turnout.errors import UnsupportedError
from turnout.index.chunks import Chunk
from turnout.index.qdrant import QdrantChunks, QdrantRecordKeeper, check_payload, chunk_id, create_collection
from turnout.index.qdrant_clients import open_client
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

    def __init__(self, store: QdrantVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        return self.store.collection_name

    @property
    def client(self) -> Any:
        return self.store.client

    @property
    def vector_name(self) -> str:
        return self.store.vector_name

    def text(self, point: Any) -> str:
        return str((point.payload or {}).get(self.store.content_payload_key) or "")


class _NamedQdrant(QdrantVectorStore):
    """A `QdrantVectorStore` whose documents have their ids, and no metadata but their own.

    A `filter` may be a dict of metadata that must be equal, too.
    """

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Any = None,  # noqa: A002 - LangChain's name
        *args: Any,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        return super().similarity_search_with_score(query, k, _filter(filter), *args, **kwargs)

    def similarity_search_with_score_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Any = None,  # noqa: A002 - LangChain's name
        *args: Any,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        return super().similarity_search_with_score_by_vector(embedding, k, _filter(filter), *args, **kwargs)

    def max_marginal_relevance_search_with_score_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Any = None,  # noqa: A002 - LangChain's name
        *args: Any,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """LangChain's class gives `lambda_mult` for Qdrant's diversity, which is the opposite."""
        given = embedding, k, fetch_k, 1 - lambda_mult, _filter(filter)
        return super().max_marginal_relevance_search_with_score_by_vector(*given, *args, **kwargs)

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


class _QdrantCollection(QdrantChunks, VectorStoreCollection[QdrantVectorStore]):
    """Read and written through the client under LangChain's class, which pages and takes vectors."""

    def __init__(self, store: QdrantVectorStore, keeper: SpaceKeeper, name: str) -> None:
        if store.retrieval_mode != RetrievalMode.DENSE:
            raise UnsupportedError("this QdrantVectorStore has sparse vectors, which a reindex doesn't make")
        VectorStoreCollection.__init__(self, store, keeper, name)

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        for chunk in chunks:
            check_payload(chunk, chunk.metadata, self.name)
        return list(chunks)

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
    client = open_client(index, create=create)
    if client is None or (not create and not client.collection_exists(name)):
        return None
    create_collection(client, name, space.dimensions or 0)
    store = _NamedQdrant(client, name, embeddings, validate_collection_config=False)  # it would embed a text for that
    return _QdrantCollection(store, _QdrantKeeper(store), name)


KIND = StoreKind(_QdrantKeeper, _open, _QdrantCollection)
