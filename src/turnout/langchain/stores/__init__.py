"""LangChain's vector stores: where each keeps the record of its space, and how it is listed and written.

Each kind of store has a module here, which is loaded when one is first met.
"""

from __future__ import annotations

import asyncio
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import UnsupportedError
from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.collection import Collection, cannot_embed
from turnout.index.guard.keepers import RecordKeeper, StampKeeper, StoreState
from turnout.index.guard.records import with_record
from turnout.index.locks import check_locks
from turnout.index.store_kinds import StoreKind, StoreKinds
from turnout.settings import IndexSettings

__all__ = [
    "SpaceKeeper",
    "StoreState",
    "VectorStoreCollection",
    "keeper_of",
    "open_collection",
    "register",
]

StoreT = TypeVar("StoreT", bound=VectorStore)


def new_chunks(
    texts: Iterable[str], metadatas: Sequence[dict[str, Any]] | None, ids: Sequence[str | None] | None
) -> list[Chunk]:
    """Texts as chunks, with new ids where there are none."""
    listed = list(texts)
    for what, values in (("metadatas", metadatas), ("ids", ids)):
        if values is not None and len(values) != len(listed):
            raise ValueError(f"there are {len(listed)} texts and {len(values)} {what}")
    rows = zip(listed, metadatas or [{}] * len(listed), ids or [None] * len(listed), strict=True)
    return [Chunk(id_ or str(uuid.uuid4()), text, dict(metadata or {})) for text, metadata, id_ in rows]


class SpaceKeeper(RecordKeeper):
    """Reads and writes the record of a LangChain store.

    Attributes:
        has_embeddings: Whether a store of this kind that names no embeddings has none to search by text with.
        transactional: Whether the store checks the record again in the transaction in which it searches or writes;
            otherwise its embeddings have that done.
    """

    has_embeddings: ClassVar[bool] = True
    transactional: ClassVar[bool] = False

    def override(self, method: str) -> Callable[..., Any] | None:
        """What stands in for a method of the store that has to do with the record, like saving it."""
        del method
        return None

    def check_ids(self, ids: Sequence[str]) -> None:
        """Refuse ids that can't be written without harm to another index of the same store."""
        del ids

    async def acheck_ids(self, ids: Sequence[str]) -> None:
        """`check_ids` without blocking the event loop."""
        await asyncio.to_thread(self.check_ids, ids)


class MetadataKeeper(StampKeeper, SpaceKeeper):
    """Any store: records are on its documents, and there is no looking through them before a search."""


class VectorStoreCollection(Collection, Generic[StoreT]):
    """A vector store that can be listed and written with vectors."""

    def __init__(self, store: StoreT, keeper: SpaceKeeper, name: str) -> None:
        super().__init__(keeper, name)
        self.store = store

    @abstractmethod
    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        """Add chunks as documents with these metadata, in place of those with the same ids."""

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """Add chunks, in place of those with the same ids."""
        check_locks()
        self.put(chunks, [self._metadata_to_keep(chunk.metadata) for chunk in self.normalize(chunks)])

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents; ids that aren't there are left out."""
        there = list(self.get(ids))
        if there:
            check_locks()
            self.store.delete(there)

    def drop(self) -> None:
        """Remove the collection, for good."""
        raise UnsupportedError(f"a {type(self.store).__name__} is removed by whoever made it")

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest documents, nearest first."""
        found = self.store.similarity_search_by_vector([float(x) for x in vector], k=k)
        return [self._chunk(document.id or "", document.page_content, document.metadata) for document in found]

    def _metadata_to_keep(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if self.keeper.stamps and self._record is not None:
            return with_record(metadata, self._record)
        return dict(metadata)

    def _chunk(self, id_: str, text: str, metadata: Mapping[str, Any] | None) -> Chunk:
        return Chunk(id_, text, with_record(metadata, None) if self.keeper.stamps else dict(metadata or {}))


class ListedCollection(VectorStoreCollection[StoreT]):
    """A collection that knows its ids, and gets its documents by them."""

    @abstractmethod
    def ids(self) -> list[str]:
        """The ids of its documents."""

    def chunks(self) -> Iterator[Chunk]:
        """Its documents."""
        ids = self.ids()
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()


class _CannotEmbed(Embeddings):
    """Stands in for the embeddings of a store that is only given vectors."""

    def __init__(self, collection: str) -> None:
        remedy = "use turnout.langchain.TurnoutIndex, or open_collection(…, embeddings=TurnoutEmbeddings())"
        self._error = cannot_embed(collection, remedy)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:  # noqa: ARG002
        raise self._error

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002
        raise self._error


_KINDS: StoreKinds[SpaceKeeper] = StoreKinds(
    "LangChain",
    __name__,
    modules={
        "langchain_core.vectorstores.in_memory.InMemoryVectorStore": "in_memory",
        "langchain_chroma.vectorstores.Chroma": "chroma",
        "langchain_community.vectorstores.faiss.FAISS": "faiss",
        "langchain_postgres.vectorstores.PGVector": "pgvector",
        "langchain_postgres.v2.vectorstores.PGVectorStore": "pgvectorstore",
        "langchain_qdrant.qdrant.QdrantVectorStore": "qdrant",
        "langchain_community.vectorstores.lancedb.LanceDB": "lancedb",
        f"{__name__}.lance_table.LanceVectorStore": "lancedb",
        "chroma": "chroma",
        "faiss": "faiss",
        "pgvector": "pgvector",
        "qdrant": "qdrant",
        "lancedb": "lancedb",
    },
    installs={
        "chroma": "pip install langchain-chroma",
        "faiss": "pip install langchain-community faiss-cpu",
        "pgvector": "pip install langchain-postgres 'pgvector>=0.3' 'psycopg[binary]'",
        "qdrant": "pip install 'turnout[langchain-qdrant]'",
        "lancedb": "pip install 'turnout[langchain-lancedb]'",
    },
)
register = _KINDS.register


def keeper_of(store: VectorStore) -> SpaceKeeper:
    """The keeper of a store: that of its nearest class, or else records on documents."""
    return _KINDS.keeper(store) or MetadataKeeper(store)


def kind_of(store: VectorStore) -> StoreKind[SpaceKeeper] | None:
    """The kind of a store; None of one that turnout has no module for."""
    return _KINDS.kind(store)


def open_collection(
    index: IndexSettings,
    name: str,
    space: EmbeddingSpace,
    *,
    create: bool = False,
    embeddings: Embeddings | None = None,
) -> VectorStoreCollection[Any] | None:
    """The collection that a named index has for a space, where its settings have it; None if there is none.

    One that is made has no record yet; without embeddings its store can't embed.
    """
    embeddings = embeddings or _CannotEmbed(collection_name(name, space))
    collection: VectorStoreCollection[Any] | None = _KINDS.open(index, name, space, create, embeddings)
    return collection
