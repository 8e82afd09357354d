"""The loops that a team writes to embed a store's chunks anew: read a page, embed it, add it, with the store's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Embed = Callable[[list[str]], list[list[float]]]

PAGE = 1000  # chunks, as a careful loop would read them


def chroma(folder: Path, embed: Embed, address: str | None) -> None:
    """Chroma's client, in a folder."""
    import chromadb

    del address
    client = chromadb.PersistentClient(str(folder / "docs"))
    (source,) = client.list_collections()
    target = client.create_collection("plain")
    offset = 0
    while (page := source.get(limit=PAGE, offset=offset, include=["documents", "metadatas"]))["ids"]:
        offset += len(page["ids"])
        texts = page["documents"] or []
        target.add(page["ids"], documents=texts, metadatas=page["metadatas"], embeddings=embed(texts))  # type: ignore[arg-type]


def simple(folder: Path, embed: Embed, address: str | None) -> None:
    """LlamaIndex's SimpleVectorStore with its document store, saved at the end."""
    from llama_index.core import StorageContext
    from llama_index.core.vector_stores import SimpleVectorStore

    del address
    (kept,) = [path.parent for path in (folder / "docs").rglob("docstore.json")]
    nodes = [*StorageContext.from_defaults(persist_dir=str(kept)).docstore.docs.values()]
    target = StorageContext.from_defaults(vector_store=SimpleVectorStore())
    for page in _pages(nodes):
        for node, vector in zip(page, embed([node.get_content() for node in page]), strict=True):
            node.embedding = vector
        target.vector_store.add(page)
        target.docstore.add_documents(page)
    target.persist(str(folder / "plain"))


def faiss(folder: Path, embed: Embed, address: str | None) -> None:
    """LangChain's FAISS, saved at the end."""
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import FakeEmbeddings

    del address
    unused = FakeEmbeddings(size=1)
    (kept,) = [path.parent for path in (folder / "docs").rglob("index.faiss")]
    source = FAISS.load_local(str(kept), unused, allow_dangerous_deserialization=True)
    target: FAISS | None = None
    for ids in _pages(list(source.index_to_docstore_id.values())):
        found = source.get_by_ids(ids)
        texts = [document.page_content for document in found]
        pairs = list(zip(texts, embed(texts), strict=True))
        metadatas = [document.metadata for document in found]
        if target is None:
            target = FAISS.from_embeddings(pairs, unused, metadatas=metadatas, ids=ids)
        else:
            target.add_embeddings(pairs, metadatas=metadatas, ids=ids)
    assert target is not None
    target.save_local(str(folder / "plain"))


def postgres(folder: Path, embed: Embed, address: str | None) -> None:
    """psycopg, from PGVector's table into another one like it, indexes and all."""
    import psycopg
    from psycopg.types.json import Jsonb

    del folder
    assert address is not None
    insert = "INSERT INTO plain (id, collection_id, document, cmetadata, embedding) VALUES (%s, %s, %s, %s, %s::vector)"
    where = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'langchain_pg_embedding'"
    with psycopg.connect(address) as connection:
        ((schema,),) = connection.execute(where).fetchall()
        source = f'"{schema}".langchain_pg_embedding'
        select = f"SELECT id, collection_id, document, cmetadata FROM {source} WHERE id > %s ORDER BY id LIMIT %s"
        connection.execute(f"CREATE TABLE plain (LIKE {source} INCLUDING ALL)".encode())
        last = ""
        while page := connection.execute(select.encode(), (last, PAGE)).fetchall():
            last = page[-1][0]
            vectors = embed([document for _, _, document, _ in page])
            rows = [
                (id_, collection, document, Jsonb(metadata), str(vector))
                for (id_, collection, document, metadata), vector in zip(page, vectors, strict=True)
            ]
            connection.cursor().executemany(insert, rows)
            connection.commit()


def qdrant(folder: Path, embed: Embed, address: str | None) -> None:
    """Qdrant's client, in a folder."""
    from qdrant_client import QdrantClient, models

    del address
    client = QdrantClient(path=str(folder / "docs"))
    (source,) = client.get_collections().collections
    offset: Any = None
    while True:
        page, offset = client.scroll(source.name, limit=PAGE, offset=offset)
        vectors = embed([(point.payload or {})["page_content"] for point in page])
        if not client.collection_exists("plain"):
            sizes = models.VectorParams(size=len(vectors[0]), distance=models.Distance.COSINE)
            client.create_collection("plain", vectors_config=sizes)
        pairs = zip(page, vectors, strict=True)
        client.upsert(
            "plain", [models.PointStruct(id=point.id, payload=point.payload, vector=vector) for point, vector in pairs]
        )
        if offset is None:
            break
    client.close()


def lancedb(folder: Path, embed: Embed, address: str | None) -> None:
    """LanceDB's client, in a folder."""
    import lancedb as client

    del address
    connection = client.connect(folder / "docs")
    (name,) = connection.table_names()
    target: Any = None
    for batch in connection.open_table(name).search().select(["id", "text", "metadata"]).to_batches(PAGE):
        rows = batch.to_pylist()
        for row, vector in zip(rows, embed([row["text"] for row in rows]), strict=True):
            row["vector"] = vector
        if target is None:
            target = connection.create_table("plain", rows)
        else:
            target.add(rows)


def _pages(things: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(things), PAGE):
        yield things[start : start + PAGE]
