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

    from langchain_core.documents import Document
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


A, B, C = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
"""Ids that every kind of store takes."""


def entries(document: Document) -> tuple[str | None, dict[str, Any]]:
    """A document's id, and its metadata without what LangChain's class for Qdrant adds."""
    metadata = dict(document.metadata)
    metadata.pop("_collection_name", None)
    found = metadata.pop("_id", document.id)
    return found, metadata


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


def qdrant(folder: Path) -> Kind:
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient, models

    opened: list[QdrantClient] = []

    def made(embeddings: Embeddings) -> QdrantVectorStore:
        return QdrantVectorStore(opened[-1], "documents", embeddings, validate_collection_config=False)

    def make(embeddings: Embeddings, length: int) -> QdrantVectorStore:
        if not opened:
            opened.append(QdrantClient(path=str(folder)))
        if not opened[-1].collection_exists("documents"):
            config = models.VectorParams(size=length, distance=models.Distance.COSINE)
            opened[-1].create_collection("documents", config, metadata={"team": "rail"})
        return made(embeddings)

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        opened[-1].close()
        opened.append(QdrantClient(path=str(folder)))
        return guarded(made(embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        opened[-1].update_collection("documents", metadata={key: value})

    return Kind(make, reopen, edit)


def lancedb(folder: Path) -> Kind:
    from turnout.index.lancedb import open_table
    from turnout.langchain.stores.lance_table import LanceVectorStore
    from turnout.settings import IndexSettings

    def made(embeddings: Embeddings, length: int) -> LanceVectorStore:
        lance = open_table(IndexSettings(store="lancedb", path=str(folder)), "documents", length, create=True)
        assert lance is not None
        return LanceVectorStore(lance, embeddings)

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        return guarded(made(embeddings, 1536), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        store.lance.table.update_field_metadata({"path": "vector", "metadata": {key: value}})

    return Kind(made, reopen, edit)


def pgvectorstore(connection: str) -> Kind:
    from langchain_postgres import PGEngine, PGVectorStore
    from sqlalchemy import MetaData, NullPool, Table, create_engine, inspect
    from sqlalchemy.schema import SetTableComment

    engine = PGEngine.from_connection_string(connection, poolclass=NullPool)

    def make(embeddings: Embeddings, length: int = 1536) -> PGVectorStore:
        sync = create_engine(connection, poolclass=NullPool)
        if not inspect(sync).has_table("Documents"):
            engine.init_vectorstore_table(
                "Documents", length, id_column={"name": "id", "data_type": "TEXT", "nullable": False}
            )
            with sync.begin() as made:
                made.execute(
                    SetTableComment(Table("Documents", MetaData(), schema="public", comment="of the rail team"))
                )
        return PGVectorStore.create_sync(engine, embeddings, "Documents", id_column="id")

    def reopen(store: GuardedVectorStore, embeddings: Embeddings, **options: Any) -> GuardedVectorStore:
        return guarded(make(embeddings), **options)

    def edit(store: GuardedVectorStore, key: str, value: str) -> None:
        import json

        with create_engine(connection, poolclass=NullPool).begin() as changed:
            said = inspect(changed).get_table_comment("Documents", schema="public")["text"] or ""
            own, _, record = said.partition("\n")
            assert own == "of the rail team"
            comment = f"{own}\n{json.dumps({**json.loads(record), key: value})}"
            changed.execute(SetTableComment(Table("Documents", MetaData(), schema="public", comment=comment)))

    return Kind(make, reopen, edit)
