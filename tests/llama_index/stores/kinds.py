"""The stores that the guard is held on: how an index is made on each, closed and opened again."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from llama_index.core import Document, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.vector_stores import SimpleVectorStore

from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, guarded

if TYPE_CHECKING:
    from pathlib import Path

    from llama_index.core.vector_stores.types import BasePydanticVectorStore

TEXTS = [
    "Keys are rotated in March and in September.",
    "The depot opens at seven in the morning.",
    "Refunds are paid within ten days.",
]


def documents(texts: list[str] = TEXTS) -> list[Document]:
    """Documents with metadata that is part of what is embedded."""
    return [Document(text=text, id_=f"doc-{i}", metadata={"page": i}) for i, text in enumerate(texts)]


def filled(store: BasePydanticVectorStore, texts: list[str] = TEXTS) -> VectorStoreIndex:
    """An index on a store."""
    context = StorageContext.from_defaults(vector_store=store)
    return VectorStoreIndex.from_documents(
        documents(texts), storage_context=context, embed_model=TurnoutEmbedding(), transformations=[]
    )


class Kind(ABC):
    """A kind of store, at one place."""

    @abstractmethod
    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        """The store, as another process would find it."""

    @abstractmethod
    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        """Change one entry of the record where it is kept."""

    def reopen(self, index: VectorStoreIndex, **options: Any) -> VectorStoreIndex:
        """A guarded index on what another process finds."""
        store = guarded(self.open(), TurnoutEmbedding(), **options)
        return VectorStoreIndex.from_vector_store(store, embed_model=TurnoutEmbedding())


class Simple(Kind):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        return SimpleVectorStore()

    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        store = index.vector_store
        assert isinstance(store, GuardedVectorStore)
        assert isinstance(store.store, SimpleVectorStore)
        next(iter(store.store.data.metadata_dict.values()))[key] = value

    def reopen(self, index: VectorStoreIndex, **options: Any) -> VectorStoreIndex:
        index.storage_context.persist(self.folder)
        context = StorageContext.from_defaults(persist_dir=str(self.folder))
        loaded = load_index_from_storage(
            guarded(context, TurnoutEmbedding(), **options), embed_model=TurnoutEmbedding()
        )
        assert isinstance(loaded, VectorStoreIndex)
        return loaded


class Chroma(Kind):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from llama_index.vector_stores.chroma import ChromaVectorStore

        SharedSystemClient.clear_system_cache()  # otherwise the same database object answers
        client = chromadb.PersistentClient(str(self.folder))
        made = client.get_or_create_collection(
            "documents", metadata={"team": "rail", "hnsw:space": "cosine"}, embedding_function=None
        )
        return ChromaVectorStore(chroma_collection=made)

    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        store: Any = self.open()
        kept = {name: kept for name, kept in store.client.metadata.items() if name != "hnsw:space"}
        assert kept["team"] == "rail"
        store.client.modify(metadata={**kept, key: value})


class Postgres(Kind):
    def __init__(self, address: str) -> None:
        from sqlalchemy import NullPool, create_engine
        from sqlalchemy.ext.asyncio import create_async_engine

        self.engine = create_engine(address, poolclass=NullPool)  # no connection outlives its use
        self.async_engine = create_async_engine(address, poolclass=NullPool)

    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        from llama_index.vector_stores.postgres import PGVectorStore

        return PGVectorStore(
            table_name="Documents",
            embed_dim=length,
            engine=self.engine,
            async_engine=self.async_engine,
            initialization_fail_on_error=True,
        )

    def comment(self, change: Any = None) -> str:
        """The comment of the table, after it was changed."""
        from sqlalchemy import MetaData, Table, inspect
        from sqlalchemy.schema import SetTableComment

        with self.engine.begin() as connection:
            said = inspect(connection).get_table_comment("data_documents", schema="public")["text"] or ""
            if change is not None:
                said = change(said)
                connection.execute(SetTableComment(Table("data_documents", MetaData(), schema="public", comment=said)))
        return said

    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        import json

        self.comment(lambda said: json.dumps({**json.loads(said), key: value}))


class _Threaded:
    """The methods of a client as coroutines, which run on a thread."""

    def __init__(self, client: Any) -> None:
        self._behind = client

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(getattr(self._behind, name), *args, **kwargs)

        return call


class Qdrant(Kind):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client: Any = None

    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        from llama_index.vector_stores.qdrant import QdrantVectorStore
        from qdrant_client import QdrantClient, models

        if self.client is not None:
            self.client.close()
        self.client = QdrantClient(path=str(self.folder))
        if not self.client.collection_exists("documents"):
            config = models.VectorParams(size=length, distance=models.Distance.COSINE)
            self.client.create_collection("documents", config, metadata={"team": "rail"})
        on_threads: Any = _Threaded(self.client)  # a folder takes no asynchronous client beside this one
        return QdrantVectorStore("documents", client=self.client, aclient=on_threads)

    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        assert self.client.get_collection("documents").config.metadata["team"] == "rail"
        self.client.update_collection("documents", metadata={key: value})


class Lance(Kind):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, length: int = 1536) -> BasePydanticVectorStore:
        from turnout.index.lancedb import open_table
        from turnout.llama_index.stores.lance_table import LanceVectorStore
        from turnout.settings import IndexSettings

        lance = open_table(IndexSettings(store="lancedb", path=str(self.folder)), "documents", length, create=True)
        assert lance is not None
        return LanceVectorStore(lance)

    def edit(self, index: VectorStoreIndex, key: str, value: str) -> None:
        store: Any = self.open()
        store.client.table.update_field_metadata({"path": "vector", "metadata": {key: value}})
