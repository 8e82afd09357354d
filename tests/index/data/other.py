"""What another process does to a store that this one has open: `Other` is that process, which lives for a whole module."""

from __future__ import annotations

import json
import multiprocessing
import os
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

OTHERS = ["Lamps are lit at dusk.", "The signal box is manned by two.", "Tickets are sold until ten."]


class Other:
    """A process that does what it is told."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._wire, theirs = context.Pipe()
        self._process = context.Process(target=_obey, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, what: Callable[..., object], *given: object) -> None:
        """Have a function of this module called there, under this process's settings."""
        said = {key: value for key, value in os.environ.items() if key.startswith("TURNOUT_")}
        self._wire.send((what, given, said))
        assert self._wire.poll(60), "the other process is stuck"
        failed = self._wire.recv()
        assert failed is None, failed

    def end(self) -> None:
        self._wire.close()
        self._process.kill()
        self._process.join(20)


def _obey(wire: Connection) -> None:
    import traceback
    import warnings

    warnings.simplefilter("ignore")
    while True:
        try:
            what, given, said = wire.recv()
        except EOFError:
            return
        for key in [key for key in os.environ if key.startswith("TURNOUT_")]:
            del os.environ[key]
        os.environ.update(said)
        try:
            what(*given)
        except BaseException:  # noqa: BLE001 - the test says what it was
            wire.send(traceback.format_exc())
        else:
            wire.send(None)


# --- LangChain


def chroma_client(place: str) -> Any:
    """A client of a folder, or of a server by its port."""
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()  # of a test before
    return chromadb.HttpClient(port=int(place)) if place.isdigit() else chromadb.PersistentClient(place)


def chroma(place: str, backend: str) -> Any:
    from langchain_chroma import Chroma

    from turnout.langchain import TurnoutEmbeddings

    return Chroma(
        "documents",
        TurnoutEmbeddings(backend=backend),
        client=chroma_client(place),
        collection_metadata={"hnsw:space": "cosine"},
    )


def pgvector(address: str, backend: str) -> Any:
    from langchain_postgres import PGVector
    from sqlalchemy import NullPool, create_engine

    from turnout.langchain import TurnoutEmbeddings

    engine = create_engine(address, poolclass=NullPool)
    return PGVector(TurnoutEmbeddings(backend=backend), connection=engine, collection_name="documents")


def pgvectorstore(address: str, backend: str) -> Any:
    from langchain_postgres import PGEngine, PGVectorStore
    from sqlalchemy import NullPool, create_engine, inspect

    from turnout.langchain import TurnoutEmbeddings

    engine = PGEngine.from_connection_string(address, poolclass=NullPool)
    if not inspect(create_engine(address, poolclass=NullPool)).has_table("documents"):
        engine.init_vectorstore_table("documents", 1536)
    return PGVectorStore.create_sync(engine, TurnoutEmbeddings(backend=backend), "documents")


def qdrant(address: str, backend: str) -> Any:
    from langchain_qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient, models

    from turnout.langchain import TurnoutEmbeddings

    client = QdrantClient(address, check_compatibility=False)
    if not client.collection_exists("documents"):
        client.create_collection("documents", models.VectorParams(size=1536, distance=models.Distance.COSINE))
    return QdrantVectorStore(client, "documents", TurnoutEmbeddings(backend=backend))


def lancedb(folder: str, backend: str) -> Any:
    from turnout.index.lancedb import open_table
    from turnout.langchain import TurnoutEmbeddings
    from turnout.langchain.stores.lance_table import LanceVectorStore

    lance = open_table(IndexSettings(store="lancedb", path=folder), "documents", 1536, create=True)
    assert lance is not None
    return LanceVectorStore(lance, TurnoutEmbeddings(backend=backend))


OPEN: dict[str, Callable[[str, str], Any]] = {
    "chroma": chroma,
    "pgvector": pgvector,
    "pgvector_async": pgvector,
    "pgvectorstore": pgvectorstore,
    "qdrant": qdrant,
    "lancedb": lancedb,
}


def refill(kind: str, place: str, backend: str) -> None:
    """Empty a store behind the guard, and fill it with another model."""
    _refill(OPEN[kind](place, backend))


def remake(folder: str, backend: str) -> None:
    """Delete a Chroma collection, and make another one under its name."""
    store = chroma(folder, backend)
    store.delete_collection()
    _refill(chroma(folder, backend))


def remove(folder: str) -> None:
    """Delete a Chroma collection."""
    chroma(folder, "azure").delete_collection()


def _refill(store: Any) -> None:
    from langchain_postgres import PGVector
    from langchain_qdrant import QdrantVectorStore
    from sqlalchemy import select

    from turnout.langchain import guarded
    from turnout.langchain.stores.lance_table import LanceVectorStore

    made = guarded(store)
    if isinstance(store, PGVector):
        with store.session_maker() as session:
            ids = list(session.scalars(select(store.EmbeddingStore.id)))
    elif isinstance(store, QdrantVectorStore):
        ids = [str(point.id) for point in store.client.scroll(store.collection_name)[0]]
    elif isinstance(store, LanceVectorStore):
        ids = [row.chunk.id for row in store.lance.every()]
    else:
        ids = store.get()["ids"]
    if ids:
        made.delete(list(map(str, ids)))
    made.add_texts(OTHERS, ids=[f"00000000-0000-4000-8000-10000000000{number}" for number in range(len(OTHERS))])


def empty(kind: str, place: str, open_store: Callable[[], Any]) -> None:
    """Remove what a store has, and its record; what its class makes with the first use is there then."""
    if kind == "chroma":
        client = chroma_client(place)
        for collection in client.list_collections():
            client.delete_collection(collection.name)
        return
    if kind == "qdrant":
        from qdrant_client import QdrantClient

        server = QdrantClient(place, check_compatibility=False)
        for one in server.get_collections().collections:
            server.delete_collection(one.name)
    if kind in {"qdrant", "lancedb"}:
        open_store()
        return
    import sqlalchemy

    store = open_store()
    if hasattr(store, "get_nodes"):
        store.get_nodes(node_ids=["none"])
    engine = sqlalchemy.create_engine(place, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for name in sqlalchemy.inspect(connection).get_table_names():
            what = f'UPDATE "{name}" SET cmetadata = NULL' if name.endswith("_collection") else f'DELETE FROM "{name}"'
            connection.execute(sqlalchemy.text(what))
            connection.execute(sqlalchemy.text(f'COMMENT ON TABLE "{name}" IS NULL'))


def claimed_ids(backend: str) -> list[str]:
    """The ids of what a backend's process adds."""
    return [f"{'a' if backend == 'azure' else 'b'}0000000-0000-4000-8000-00000000000{n}" for n in range(len(OTHERS))]


def claim(open_store: Callable[[], Any], backend: str, at: float, won: Path) -> None:
    """Add to an empty store at a moment, as another process does; make a file if it was let.

    Some are so fast that two seldom meet: there it takes a while to write a record, and then again to write vectors.
    """
    import chromadb
    from qdrant_client import QdrantClient

    from turnout.index.chroma import ChromaRecordKeeper
    from turnout.index.lancedb import LanceRecordKeeper, LanceTable
    from turnout.index.qdrant import QdrantRecordKeeper

    with (
        _slower(ChromaRecordKeeper, "write", 0.1 if backend == "azure" else 0.2),
        _slower(LanceRecordKeeper, "write", 0.1 if backend == "azure" else 0.2),
        _slower(QdrantRecordKeeper, "write", 0.1 if backend == "azure" else 0.2),
        _slower(LanceTable, "write", 0.3),
        _slower(QdrantClient, "upsert", 0.3),
        _slower(QdrantClient, "upload_points", 0.3),
        _slower(chromadb.Collection, "upsert", 0.3),
        _slower(chromadb.Collection, "add", 0.3),
    ):
        _claim(open_store, backend, at, won)


@contextmanager
def _slower(kind: type, method: str, seconds: float) -> Iterator[None]:
    import time

    whole = getattr(kind, method)

    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(seconds)
        return whole(*arguments, **options)

    setattr(kind, method, slow)
    yield
    setattr(kind, method, whole)


def _claim(open_store: Callable[[], Any], backend: str, at: float, won: Path) -> None:
    import time

    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import BasePydanticVectorStore

    from turnout.errors import EmbeddingSpaceError

    store, ids = open_store(), claimed_ids(backend)
    if isinstance(store, BasePydanticVectorStore):
        from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding

        model = TurnoutEmbedding(backend=backend)
        nodes = [TextNode(id_=one, text=text) for one, text in zip(ids, OTHERS, strict=True)]
        for node, vector in zip(nodes, model.get_text_embedding_batch(OTHERS), strict=True):
            node.embedding = vector
        guard = GuardedVectorStore(store, model)
        add: Callable[[], object] = partial(guard.add, nodes)
    else:
        from turnout.langchain import guarded

        add = partial(guarded(store).add_texts, OTHERS, ids=ids)
    while time.time() < at:
        pass
    with suppress(EmbeddingSpaceError):
        add()
        won.touch()


def write_ids(open_store: Callable[[], Any], path: Path) -> None:
    """Write the ids that a store of either framework has, in order, to a file."""
    from langchain_postgres import PGVector
    from sqlalchemy import select, text

    store = open_store()
    if isinstance(store, PGVector):
        with store.session_maker() as session:
            ids = list(session.scalars(select(store.EmbeddingStore.id)))
    elif hasattr(store, "table_name"):
        store.get_nodes(node_ids=["none"])  # so that it connects
        with store.client.connect() as connection:
            ids = list(connection.scalars(text(f'SELECT node_id FROM "data_{store.table_name}"')))
    elif type(store).__name__ == "QdrantVectorStore":
        ids = [str(point.id) for point in store.client.scroll(store.collection_name)[0]]
    elif hasattr(store, "lance") or type(store).__name__ == "LanceVectorStore":
        ids = [row.chunk.id for row in (store.lance if hasattr(store, "lance") else store.client).every()]
    else:
        ids = (store.client if hasattr(store, "stores_text") else store).get(include=[])["ids"]
    path.write_text(json.dumps(sorted(ids)))


def save_faiss(folder: str, backend: str) -> None:
    """Replace a folder's FAISS index with one of another space."""
    import shutil

    from faiss import IndexFlatL2
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

    from turnout.langchain import TurnoutEmbeddings, guarded

    made = guarded(FAISS(TurnoutEmbeddings(backend=backend), IndexFlatL2(1536), InMemoryDocstore(), {}))
    made.add_texts(OTHERS)
    shutil.rmtree(folder)
    made.save_local(folder)


# --- LlamaIndex


def llama_chroma(place: str) -> Any:
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chroma_client(place)
    return ChromaVectorStore(client.get_or_create_collection("documents", embedding_function=None))


def llama_pgvector(address: str) -> Any:
    from llama_index.vector_stores.postgres import PGVectorStore
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.ext.asyncio import create_async_engine

    return PGVectorStore(
        table_name="documents",
        embed_dim=1536,
        engine=create_engine(address, poolclass=NullPool),
        async_engine=create_async_engine(address, poolclass=NullPool),
    )


def llama_qdrant(address: str) -> Any:
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import AsyncQdrantClient, QdrantClient

    client = QdrantClient(address, check_compatibility=False)
    return QdrantVectorStore("documents", client, AsyncQdrantClient(address, check_compatibility=False))


def llama_lancedb(folder: str) -> Any:
    from turnout.index.lancedb import open_table
    from turnout.llama_index.stores.lance_table import LanceVectorStore

    lance = open_table(IndexSettings(store="lancedb", path=folder), "documents", 1536, create=True)
    assert lance is not None
    return LanceVectorStore(lance)


LLAMA: dict[str, Callable[[str], Any]] = {
    "chroma": llama_chroma,
    "pgvector": llama_pgvector,
    "qdrant": llama_qdrant,
    "lancedb": llama_lancedb,
}


def llama_refill(kind: str, place: str, backend: str) -> None:
    """`refill` of a LlamaIndex store."""
    _llama_refill(LLAMA[kind](place), backend)


def _llama_refill(store: Any, backend: str) -> None:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode

    from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding

    model = TurnoutEmbedding(backend=backend)
    guard = GuardedVectorStore(store, model)
    guard.clear()
    index = VectorStoreIndex.from_vector_store(guard, model)
    ids = [f"00000000-0000-4000-8000-10000000000{number}" for number in range(len(OTHERS))]
    index.insert_nodes([TextNode(id_=one, text=text) for one, text in zip(ids, OTHERS, strict=True)])


def persist_simple(folder: str, backend: str) -> None:
    """Replace a persisted LlamaIndex index with one of another space."""
    import shutil

    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.vector_stores import SimpleVectorStore

    from turnout.llama_index import TurnoutEmbedding, guarded

    model = TurnoutEmbedding(backend=backend)
    context = StorageContext.from_defaults(vector_store=guarded(SimpleVectorStore(), model))
    VectorStoreIndex.from_documents(
        [Document(text=text) for text in OTHERS], storage_context=context, embed_model=model
    )
    shutil.rmtree(folder)
    context.persist(folder)


# --- named indexes


def named_refill(backend: str, framework: str) -> None:
    """Empty the active collection of the index `docs` by other means than the index, and fill it with another model."""
    from turnout.index.migration.named import NamedIndex

    index = NamedIndex("docs")
    space = index.spaces()["azure"]
    if framework == "langchain":
        from turnout.langchain import TurnoutEmbeddings
        from turnout.langchain.stores import open_collection

        collection = open_collection(index.settings, "docs", space, embeddings=TurnoutEmbeddings(backend=backend))
        assert collection is not None
        _refill(collection.store)
    else:
        from turnout.llama_index.stores import open_collection as open_nodes

        nodes = open_nodes(index.settings, "docs", space)
        assert nodes is not None
        _llama_refill(nodes.vector_store, backend)


def named_remove() -> None:
    """Delete the active Chroma collection of the index `docs`, by other means than the index."""
    from turnout.index.chroma import open_client
    from turnout.index.migration.named import NamedIndex

    index = NamedIndex("docs")
    called = index.collection_name(index.spaces()["azure"])
    open_client(index.settings, called, create=True).delete_collection(called)  # type: ignore[union-attr]  # it is made
