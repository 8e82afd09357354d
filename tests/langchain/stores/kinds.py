"""The stores that the guard is held on: how each is made, closed and opened again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.vectorstores import InMemoryVectorStore

from turnout.langchain.guard import GuardedVectorStore, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore


@dataclass
class Kind:
    """A kind of store.

    Attributes:
        make: (embeddings, their length) → an empty store.
        reopen: (guarded store, embeddings, options of `guarded`) → it, as another process would find it.
        edit: (guarded store, key, value) changes one entry of the record where it is kept.
    """

    make: Callable[[Embeddings, int], VectorStore]
    reopen: Callable[..., GuardedVectorStore]
    edit: Callable[[GuardedVectorStore, str, str], None]


def in_memory(folder: Path) -> Kind:
    path = str(folder / "memory.json")

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        store.dump(path)
        return guarded(InMemoryVectorStore.load(path, embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        assert isinstance(store.store, InMemoryVectorStore)
        next(iter(store.store.store.values()))["metadata"][key] = value

    return Kind(lambda embeddings, _: InMemoryVectorStore(embeddings), reopen, edit)


def chroma(folder: Path) -> Kind:
    from chromadb.api.shared_system_client import SharedSystemClient
    from langchain_chroma import Chroma

    def make(embeddings: Embeddings, _: int = 0) -> Chroma:
        return Chroma(
            "documents", embeddings, persist_directory=str(folder), collection_metadata={"hnsw:space": "cosine"}
        )

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        SharedSystemClient.clear_system_cache()  # otherwise the same database object answers
        return guarded(make(embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        assert isinstance(store.store, Chroma)
        collection = store.store._client.get_collection("documents")
        kept = {name: kept for name, kept in (collection.metadata or {}).items() if name != "hnsw:space"}
        collection.modify(metadata={**kept, key: value})

    return Kind(make, reopen, edit)


def faiss(folder: Path) -> Kind:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community's own, on being imported
        from langchain_community.docstore.in_memory import InMemoryDocstore
        from langchain_community.vectorstores import FAISS

    from faiss import IndexFlatL2

    def make(embeddings: Embeddings, length: int) -> FAISS:
        return FAISS(embeddings, IndexFlatL2(length), InMemoryDocstore(), {})

    def load(embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        loaded = FAISS.load_local(str(folder), embeddings, allow_dangerous_deserialization=True)
        return guarded(loaded, folder=folder, **options)

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        if not list(folder.glob("*.edited")):
            store.save_local(str(folder))
        return load(embeddings, **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        import json

        store.save_local(str(folder))
        path = folder / "index.space.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
        (folder / "kept.edited").touch()

    return Kind(make, reopen, edit)


def pgvector(connection: str) -> Kind:
    from langchain_postgres import PGVector
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(connection, poolclass=NullPool)  # no connection outlives its use

    def make(embeddings: Embeddings, _: int = 0) -> PGVector:
        return PGVector(
            embeddings, connection=engine, collection_name="documents", collection_metadata={"team": "rail"}
        )

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        return guarded(make(embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        assert isinstance(store.store, PGVector)
        with store.store.session_maker() as session:
            collection = store.store.get_collection(session)
            collection.cmetadata = {**collection.cmetadata, key: value}
            session.commit()

    return Kind(make, reopen, edit)


def pgvector_async(connection: str) -> Kind:
    from langchain_postgres import PGVector
    from sqlalchemy import NullPool
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(connection, poolclass=NullPool)

    def make(embeddings: Embeddings, _: int = 0) -> PGVector:
        return PGVector(embeddings, connection=engine, collection_name="documents")

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        return guarded(make(embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        raise NotImplementedError

    return Kind(make, reopen, edit)
