"""What turnout takes from Chroma, and from LangChain's class over it, under private names: there is no other way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chromadb
from chromadb.api.shared_system_client import SharedSystemClient
from langchain_chroma import Chroma

from tests.index.support import NoEmbeddings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_collection_gives_out_its_client_its_file_and_the_length_of_its_vectors(tmp_path: Path) -> None:
    collection = chromadb.PersistentClient(str(tmp_path)).create_collection("documents")
    collection.add(ids=["one"], embeddings=[0.5, 0.5])
    server = collection._client
    model = server.get_collection("documents", tenant=collection.tenant, database=collection.database)
    assert model.id == collection.id
    assert chromadb.Collection(client=server, model=model, embedding_function=None)._model.dimension == 2
    settings = server._system.settings
    assert settings.is_persistent
    assert (tmp_path / "chroma.sqlite3").samefile(f"{settings.persist_directory}/chroma.sqlite3")


def test_langchains_class_searches_the_collection_that_it_is_given(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(str(tmp_path))
    store = Chroma("documents", NoEmbeddings(), client=client)
    other = client.create_collection("other", embedding_function=None)
    other.add(ids=["one"], embeddings=[0.5, 0.5], documents=["The depot opens at seven."])
    assert store._collection.name == "documents"
    store._chroma_collection = other
    assert store._collection is other
    assert [found.id for found in store.similarity_search_by_vector([0.5, 0.5])] == ["one"]


def test_a_folder_has_one_object_in_a_process_until_that_is_forgotten(tmp_path: Path) -> None:
    kept = SharedSystemClient._identifier_to_system
    first = chromadb.PersistentClient(str(tmp_path))
    system = kept[str(tmp_path)]
    chromadb.PersistentClient(str(tmp_path))
    assert kept.pop(str(tmp_path)) is system
    first.get_or_create_collection("documents")
    assert [one.name for one in chromadb.PersistentClient(str(tmp_path)).list_collections()] == ["documents"]
    assert first.get_collection("documents").count() == 0
