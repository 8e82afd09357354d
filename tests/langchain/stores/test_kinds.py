"""What is particular to each kind of store, and stores that turnout doesn't know."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from tests.langchain.stores import kinds
from tests.langchain.stores.test_guard import ADA, LARGE, QUESTION, TEXTS, TITAN, switch
from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.records import SpaceRecord
from turnout.langchain import TurnoutEmbeddings, stores
from turnout.langchain.guard import GuardedVectorStore, guarded
from turnout.langchain.stores import SpaceKeeper, StoreState, keeper_of, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("settings_file")


class Notebook(VectorStore):
    """A store of somebody else: nothing is known of it but LangChain's interface."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._inner = InMemoryVectorStore(embeddings)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        return self._inner.add_texts(texts, metadatas, ids=ids)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return self._inner.similarity_search(query, k)

    @classmethod
    def from_texts(
        cls, texts: list[str], embedding: Embeddings, metadatas: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> Notebook:
        raise NotImplementedError


def test_an_unknown_store_is_checked_in_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = TurnoutEmbeddings()
    notebook = Notebook(embeddings)
    store = guarded(notebook, embeddings)
    store.add_texts(TEXTS, [{"page": page} for page in range(3)])
    found = store.similarity_search(QUESTION, k=1)[0]
    assert (found.page_content, found.metadata) == (TEXTS[1], {"page": 1})
    switch(monkeypatch, "bedrock")
    for made in (store, guarded(notebook, embeddings)):
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            made.similarity_search(QUESTION)
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            made.add_texts(TEXTS)


def test_an_unknown_store_without_records_is_refused_or_trusted() -> None:
    embeddings = TurnoutEmbeddings()
    notebook = Notebook(embeddings)
    notebook.add_texts(TEXTS)
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        guarded(notebook, embeddings).similarity_search(QUESTION)
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        guarded(notebook, embeddings).add_texts(["Another."])
    assert guarded(notebook, embeddings, adopt="trust").similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


def test_a_store_of_somebody_else_can_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shelf(SpaceKeeper):
        kept: SpaceRecord | None = None

        def __init__(self, store: Notebook) -> None:
            self.store = store

        @property
        def index(self) -> str:
            return "notebook"

        def state(self) -> StoreState:
            return StoreState(self.kept, empty=not self.store._inner.store)

        def write(self, record: SpaceRecord | None) -> None:
            self.kept = record

    monkeypatch.setattr(stores._KINDS, "_keepers", dict(stores._KINDS._keepers))
    register(Notebook, Shelf)
    store = guarded(Notebook(TurnoutEmbeddings()), TurnoutEmbeddings())
    store.add_texts(TEXTS)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match="the index 'notebook' has vectors of"):
        store.similarity_search(QUESTION)


class Catalogue(Notebook):
    """A store with methods of its own, which the guard knows, has to guess, or doesn't know."""

    shelf = "A3"

    def get(self) -> dict[str, list[str]]:
        return {"ids": list(self._inner.store)}

    def hybrid_search(self, query: str) -> list[Document]:
        return self._inner.similarity_search(query)

    def search_texts(self, query: str) -> list[str]:
        return [document.page_content for document in self._inner.similarity_search(query)]

    def insert_rows(self, texts: list[str]) -> list[str]:
        return self._inner.add_texts(texts)

    def query(self, text: str) -> list[Document]:
        return self._inner.similarity_search(text)

    async def aretrieve(self, text: str) -> list[Document]:
        return await self._inner.asimilarity_search(text)

    @staticmethod
    def load(path: str) -> str:
        return path


async def test_methods_of_the_stores_own_are_checked_passed_on_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = TurnoutEmbeddings()
    catalogue = Catalogue(embeddings)
    store = guarded(catalogue, embeddings)
    store.add_texts(TEXTS, ids=["a", "b", "c"])
    assert store.shelf == "A3"
    assert store.get() == {"ids": ["a", "b", "c"]}
    assert store.hybrid_search(QUESTION)[0].metadata == {}
    for name in ("insert_rows", "query", "aretrieve", "load"):
        with pytest.raises(UnsupportedError, match=rf"Catalogue\.{name}.*store\.store\.{name}\("):
            getattr(store, name)("When?")
    assert store.store.query(QUESTION)[0].page_content == TEXTS[1]  # type: ignore[attr-defined]  # Catalogue has it
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        store.hybrid_search(QUESTION)
    with pytest.raises(UnsupportedError, match=r"search_texts gives no documents.*store\.store\.search_texts"):
        store.search_texts(QUESTION)
    assert store.get() == {"ids": ["a", "b", "c"]}


def test_what_a_known_store_has_besides_is_refused(folder: Path, database: str) -> None:
    places = [
        *(kinds.in_memory(folder), kinds.chroma(folder), kinds.faiss(folder), kinds.pgvector(database)),
        kinds.qdrant(folder / "qdrant"),
    ]
    refused = set()
    for place in places:
        store = guarded(place.make(TurnoutEmbeddings(), 1536))
        names = [
            name for name in dir(store.store) if not name.startswith("_") and not hasattr(GuardedVectorStore, name)
        ]
        for name in names:
            if name == "sparse_embeddings":  # a property of Qdrant's, which raises where there are none
                continue
            if callable(getattr(store.store, name)) and getattr(getattr(store, name), "__name__", "") == "refuse":
                refused.add(f"{type(store.store).__name__}.{name}")
    assert refused == {
        "InMemoryVectorStore.load",
        "Chroma.fork",
        *(f"FAISS.{name}" for name in ("load_local", "deserialize_from_bytes", "from_embeddings", "afrom_embeddings")),
        *(f"PGVector.{name}" for name in ("CollectionStore", "EmbeddingStore", "get_collection", "aget_collection")),
        *(f"PGVector.{name}" for name in ("from_embeddings", "afrom_embeddings", "get_connection_string")),
        *(f"PGVector.{name}" for name in ("from_existing_index", "afrom_existing_index")),
        *(f"PGVector.{name}" for name in ("connection_string_from_db_params", "distance_strategy")),
        *(f"QdrantVectorStore.{name}" for name in ("construct_instance", "from_existing_collection")),
    }


def test_documents_of_two_spaces_in_one_index_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = InMemoryVectorStore(TurnoutEmbeddings())
    guarded(plain).add_texts(TEXTS)
    plain.add_texts(["Written past the guard."])
    with pytest.raises(EmbeddingSpaceError, match=f"documents of no space, {ADA}"):
        guarded(plain).similarity_search(QUESTION)


def test_a_switch_in_the_middle_of_a_search_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(InMemoryVectorStore):
        def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
            switch(monkeypatch, "openai")
            return super().similarity_search(query, k, **kwargs)

    store = guarded(Slow(TurnoutEmbeddings()))
    store.add_texts(TEXTS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    with pytest.raises(EmbeddingSpaceError, match=LARGE):
        store.similarity_search(QUESTION)


def test_a_store_that_embeds_with_something_else_is_named() -> None:
    with pytest.raises(EmbeddingSpaceError, match="embeds with its own DeterministicFakeEmbedding"):
        guarded(InMemoryVectorStore(DeterministicFakeEmbedding(size=3)), TurnoutEmbeddings())
    with pytest.raises(EmbeddingSpaceError, match="its own TurnoutEmbeddings"):
        guarded(InMemoryVectorStore(TurnoutEmbeddings(model="elsewhere")), TurnoutEmbeddings())
    assert guarded(InMemoryVectorStore(TurnoutEmbeddings()), TurnoutEmbeddings()).add_texts(TEXTS)


def test_embeddings_that_do_not_say_their_space_are_told_it() -> None:
    plain = InMemoryVectorStore(DeterministicFakeEmbedding(size=3))
    with pytest.raises(EmbeddingSpaceError, match="doesn't say its embedding space"):
        guarded(plain)
    guarded(plain, space="acme-embed-v3/3").add_texts(TEXTS)
    with pytest.raises(EmbeddingSpaceError, match="acme-embed-v3/3, but the settings embed with acme-embed-v4/3"):
        guarded(plain, space=EmbeddingSpace("acme-embed-v4", 3)).similarity_search(QUESTION)


def test_nothing_wrong_is_taken(tmp_path: Path) -> None:
    store = InMemoryVectorStore(TurnoutEmbeddings())
    with pytest.raises(ValueError, match="'refuse', 'trust' or 'verify', not 'maybe'"):
        guarded(store, adopt="maybe")  # type: ignore[arg-type]  # what a typo does
    with pytest.raises(ValueError, match="InMemoryVectorStore has no folder"):
        guarded(store, folder=tmp_path)
    with pytest.raises(ValueError, match="3 texts and 1 metadatas"):
        guarded(store).add_texts(TEXTS, [{}])
    with pytest.raises(TypeError, match="name the store to guard"):
        GuardedVectorStore.from_texts(TEXTS, TurnoutEmbeddings())
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = guarded(store).nonsense


async def test_a_guarded_store_is_made_from_texts() -> None:
    plain = InMemoryVectorStore(TurnoutEmbeddings())
    store = GuardedVectorStore.from_texts(TEXTS[:2], TurnoutEmbeddings(), store=plain)
    more = await GuardedVectorStore.afrom_documents([Document(TEXTS[2])], TurnoutEmbeddings(), store=plain)
    assert guarded(store).store is more.store is plain
    assert len(more.similarity_search(QUESTION, k=9)) == 3


def test_langchains_index_call_writes_through_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = InMemoryRecordManager("docs")
    manager.create_schema()
    store = guarded(InMemoryVectorStore(TurnoutEmbeddings()))
    documents = [Document(text, metadata={"source": text}) for text in TEXTS]
    options: dict[str, Any] = {"cleanup": "full", "source_id_key": "source", "key_encoder": "sha256"}
    assert index(documents, manager, store, **options)["num_added"] == 3
    assert index(documents[:2], manager, store, **options)["num_deleted"] == 1
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        index(documents, manager, store, **options)


def test_chroma_keeps_its_other_metadata_and_its_distance(tmp_path: Path) -> None:
    from langchain_chroma import Chroma

    options: dict[str, Any] = {
        "persist_directory": str(tmp_path / "chroma"),
        "collection_metadata": {"hnsw:space": "cosine", "owner": "rail"},
    }
    store = guarded(Chroma("documents", TurnoutEmbeddings(), **options))
    store.add_texts(TEXTS)
    kept = store._client.get_collection("documents")
    assert kept.metadata["owner"] == "rail"
    assert kept.metadata["turnout_space"] == ADA
    assert kept.configuration["hnsw"]["space"] == "cosine"
    reopened = guarded(Chroma("documents", TurnoutEmbeddings(), **options))
    assert 0.3 < reopened.similarity_search_with_relevance_scores(QUESTION, k=1)[0][1] <= 1


def test_chroma_sees_the_record_that_another_handle_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kinds.chroma(tmp_path)
    one, other = (guarded(kind.make(TurnoutEmbeddings(), 1536)) for _ in range(2))
    one.add_texts(TEXTS)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        other.add_texts(TEXTS)


def test_chroma_that_is_reset_has_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_chroma import Chroma

    store = guarded(Chroma("documents", TurnoutEmbeddings(), persist_directory=str(tmp_path / "chroma")))
    store.add_texts(TEXTS)
    store.reset_collection()
    store.add_texts(TEXTS[:1])
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        store.similarity_search(QUESTION)


def test_chroma_without_embeddings_does_not_fall_back_to_its_own(tmp_path: Path) -> None:
    from langchain_chroma import Chroma

    bare = Chroma("documents", persist_directory=str(tmp_path / "chroma"))
    with pytest.raises(EmbeddingSpaceError, match="the Chroma 'documents' has no embeddings of its own"):
        guarded(bare, TurnoutEmbeddings())


def test_a_methods_of_the_stores_own_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_chroma import Chroma

    store = guarded(Chroma("documents", TurnoutEmbeddings(), persist_directory=str(tmp_path / "chroma")))
    store.add_texts(TEXTS, ids=["a", "b", "c"])
    vector = TurnoutEmbeddings().embed_query(QUESTION)
    assert store.similarity_search_by_vector_with_relevance_scores(vector, k=1)[0][0].page_content == TEXTS[1]
    with pytest.raises(EmbeddingSpaceError, match="has 2 numbers"):
        store.similarity_search_by_vector_with_relevance_scores([0.1, 0.2])
    switch(monkeypatch, "bedrock")
    attempts: list[Callable[[], object]] = [
        lambda: store.similarity_search_with_vectors(QUESTION),
        lambda: store.update_document("a", Document("Another.")),
    ]
    for attempt in attempts:
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
            attempt()
    assert store.get(ids=["a"])["documents"] == [TEXTS[0]]


@pytest.mark.parametrize("stated", ["acme-embed-v3/768", "acme-embed-v3/?"])
async def test_a_model_that_makes_other_vectors_than_stated_is_found_out(
    monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    monkeypatch.setenv("TURNOUT_EMBEDDING__UNKNOWN__AZURE", json.dumps({"deployment": "ada", "space": stated}))
    embeddings = TurnoutEmbeddings(model="unknown")
    assert str(embeddings.space) == stated
    if stated.endswith("?"):
        assert len(embeddings.embed_query(QUESTION)) == 1536
        return
    with pytest.raises(EmbeddingSpaceError, match=r"'ada' on backend 'azure' returned vectors of 1536 numbers.*…/1536"):
        embeddings.embed_query(QUESTION)
    with pytest.raises(EmbeddingSpaceError, match="its space is acme-embed-v3/768"):
        await embeddings.aembed_documents(TEXTS)
    store = guarded(InMemoryVectorStore(embeddings))
    with pytest.raises(EmbeddingSpaceError, match="its space is acme-embed-v3/768"):
        store.add_texts(TEXTS)
    assert store.check.keeper.state().empty


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "faiss"
    made.mkdir()
    return made


def test_a_faiss_record_is_not_taken_for_another_indexs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kinds.faiss(folder)
    store = guarded(kind.make(TurnoutEmbeddings(), 1536))
    store.add_texts(TEXTS)
    store.save_local(str(folder))
    assert json.loads((folder / "index.space.json").read_text())["turnout_space"] == ADA
    switch(monkeypatch, "bedrock")
    other = kind.make(TurnoutEmbeddings(), 1536)
    other.add_texts(TEXTS)
    other.save_local(str(folder))  # type: ignore[attr-defined]  # FAISS has it
    switch(monkeypatch, "azure")
    (folder / "kept.edited").touch()
    with pytest.raises(EmbeddingSpaceError, match="the record of another index than the one beside it"):
        kind.reopen(store, TurnoutEmbeddings())


def test_a_faiss_index_saved_past_the_guard_has_to_be_adopted(folder: Path) -> None:
    kind = kinds.faiss(folder)
    store = guarded(kind.make(TurnoutEmbeddings(), 1536))
    store.add_texts(TEXTS)
    store.store.save_local(str(folder))  # type: ignore[attr-defined]  # FAISS has it
    (folder / "kept.edited").touch()
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        kind.reopen(store, TurnoutEmbeddings()).similarity_search(QUESTION)
    assert kind.reopen(store, TurnoutEmbeddings(), adopt="verify").similarity_search(QUESTION, k=1)


def test_faiss_indexes_of_two_spaces_are_not_merged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kinds.faiss(folder)
    stores = {}
    for backend in ("azure", "bedrock"):
        switch(monkeypatch, backend)
        stores[backend] = guarded(kind.make(TurnoutEmbeddings(), 1536))
        stores[backend].add_texts(TEXTS)
    switch(monkeypatch, "azure")
    with pytest.raises(EmbeddingSpaceError, match=f"{TITAN}, but the settings embed with {ADA}"):
        stores["azure"].merge_from(stores["bedrock"])
    alike = guarded(kind.make(TurnoutEmbeddings(), 1536))
    alike.add_texts(["Tickets are free for children."])
    stores["azure"].merge_from(alike)
    assert len(stores["azure"].similarity_search(QUESTION, k=9)) == 4
    pairs = [("A text.", [0.1] * 3)]
    with pytest.raises(EmbeddingSpaceError, match="has 3 numbers"):
        stores["azure"].add_embeddings(pairs)


def test_pgvector_ids_of_another_collection_are_not_overwritten(database: str) -> None:
    from langchain_postgres import PGVector
    from sqlalchemy import NullPool, create_engine

    engine = create_engine(database, poolclass=NullPool)
    one, other = (
        guarded(PGVector(TurnoutEmbeddings(), connection=engine, collection_name=name)) for name in ("one", "other")
    )
    one.add_texts(TEXTS, ids=["a", "b", "c"])
    one.add_texts(TEXTS[:1], ids=["a"])
    attempts: list[Callable[[], object]] = [
        lambda: other.add_texts(["Another."], ids=["b"]),
        lambda: other.add_documents([Document("Another.", id="b")]),
    ]
    for attempt in attempts:
        with pytest.raises(EmbeddingSpaceError, match="the id 'b' is already in the collection 'one'"):
            attempt()
    assert one.get_by_ids(["b"])[0].page_content == TEXTS[1]
    assert other.check.keeper.state().record is None


def test_pgvector_keeps_its_other_metadata(database: str) -> None:
    kind = kinds.pgvector(database)
    store = guarded(kind.make(TurnoutEmbeddings(), 1536))
    store.add_texts(TEXTS)
    with store.session_maker() as session:
        kept = store.store.get_collection(session).cmetadata  # type: ignore[attr-defined]  # PGVector has it
    assert kept["team"] == "rail"
    assert kept["turnout_space"] == ADA


def test_the_guard_and_its_keepers_are_what_the_registry_says(folder: Path, database: str) -> None:
    made = {
        name: type(keeper_of(place.make(TurnoutEmbeddings(), 3))).__name__
        for name, place in {
            "memory": kinds.in_memory(folder),
            "chroma": kinds.chroma(folder),
            "faiss": kinds.faiss(folder),
            "pgvector": kinds.pgvector(database),
            "pgvectorstore": kinds.pgvectorstore(database),
            "qdrant": kinds.qdrant(folder / "qdrant"),
        }.items()
    }
    assert made == {
        "memory": "_InMemoryKeeper",
        "chroma": "_ChromaKeeper",
        "faiss": "_FaissKeeper",
        "pgvector": "_PGVectorKeeper",
        "pgvectorstore": "_PGVectorStoreKeeper",
        "qdrant": "_QdrantKeeper",
    }


def test_a_guarded_store_travels() -> None:
    store = guarded(InMemoryVectorStore(TurnoutEmbeddings()))
    store.add_texts(TEXTS)
    there = pickle.loads(pickle.dumps(store))
    assert there.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
