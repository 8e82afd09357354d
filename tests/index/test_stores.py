"""Each store as the source and the target of a reindex."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import ImageNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore

from tests.index.conftest import settings_text
from tests.index.support import memory, sent, some
from turnout.errors import EmbeddingSpaceError, ReindexError, SettingsError, UnsupportedError
from turnout.index.files import recover_folder, replace_folder, staging_folder
from turnout.index.migration.engine import reindex
from turnout.index.migration.named import NamedIndex, _EmptyCollection
from turnout.langchain.reindexing import collection_of
from turnout.llama_index.reindexing import DocstoreSource, PersistedIndex
from turnout.llama_index.stores.base import to_chunk, to_node
from turnout.reindex import WorkerTask, embed_and_write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout.embedding.embedder import Embedder
    from turnout_emulator import Emulator

INDEX = """
[index.docs]
store = "{store}"
path = "./index"
allow_pickle = true
"""


@pytest.fixture(params=["chroma", "faiss", "pgvector", "qdrant", "lancedb"])
def named(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], NamedIndex]:
    """The index as a process would open it that begins now."""
    place = ""
    if request.param == "pgvector":
        place = f'connection = "{request.getfixturevalue("database")}"\n'
    path = tmp_path / "named.toml"
    path.write_text(settings_text(fresh_emulator, INDEX.format(store=request.param) + place), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")

    def opened() -> NamedIndex:
        return NamedIndex("docs", path)

    return opened


def fill(index: NamedIndex, source: Any, backend: str, embedder: Callable[[str], Embedder], file: Path) -> Any:
    collection = index.open_collection(index.space(backend), create=True)
    assert collection is not None
    assert reindex(source, collection, embedder(backend), checkpoint=file, sample=0).complete
    return collection


def test_an_index_moves_and_comes_back(
    named: Callable[[], NamedIndex], embedder: Callable[[str], Embedder], emulator: Emulator, tmp_path: Path
) -> None:
    source = some(300)
    source.texts["odd"] = ("ünïcode ✓ text", {"n": 1.5, "yes": True, "name": "\u2028 line"})
    fill(named(), source, "azure", embedder, tmp_path / "first.sqlite")
    emulator.clear()
    report = named().reindex("bedrock")
    assert report.complete
    assert report.check is not None
    assert (report.check.found, report.check.alike, report.check.own) == (301, 16, 1.0)
    assert report.check.recall is not None
    assert report.check.recall > 0.2
    index = named()
    for backend, length in (("azure", 64), ("bedrock", 256)):  # the old one is there as it was
        collection = index.open_collection(index.space(backend))
        assert collection is not None
        assert {item.id: (item.text, item.metadata) for item in collection.chunks()} == source.texts
        vectors = collection.vectors(list(source.texts))
        assert {len(vector) for vector in vectors.values()} == {length}
        [vector] = embedder(backend).embed([source.texts["odd"][0]])
        assert list(map(float, vectors["odd"])) == pytest.approx(vector, abs=1e-6)
        nearest = collection.search(vector, 3)
        assert (len(nearest), nearest[0].text) == (3, "ünïcode ✓ text")
    emulator.clear()
    assert named().reindex("bedrock", sample=0).unchanged == 301
    assert not sent(emulator)


def test_what_changed_is_replaced_and_what_is_gone_is_removed(
    named: Callable[[], NamedIndex], embedder: Callable[[str], Embedder], tmp_path: Path
) -> None:
    source, file = some(20), tmp_path / "first.sqlite"
    fill(named(), source, "azure", embedder, file)
    source.texts["chunk-00003"] = ("another text", {"line": 3})
    source.texts["chunk-00004"] = (source.texts["chunk-00004"][0], {"line": 44})
    del source.texts["chunk-00005"]
    fill(named(), source, "azure", embedder, file)
    index = named()
    collection = index.open_collection(index.space("azure"))
    assert collection is not None
    assert collection.count() == 19
    assert {item.id: (item.text, item.metadata) for item in collection.chunks()} == source.texts
    [vector] = embedder("azure").embed(["another text"])
    assert list(map(float, collection.vectors(["chunk-00003"])["chunk-00003"])) == pytest.approx(vector, abs=1e-6)


def test_a_space_is_dropped_by_name_and_the_one_in_use_never(
    named: Callable[[], NamedIndex],
    embedder: Callable[[str], Embedder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(named(), some(5), "azure", embedder, tmp_path / "first.sqlite")
    named().reindex("bedrock", sample=0)
    with pytest.raises(EmbeddingSpaceError, match="answers from now"):
        named().drop("text-embedding-3-small/64")
    with pytest.raises(EmbeddingSpaceError, match="has no collection of text-embedding-ada-002/1536; it has text-emb"):
        named().drop("openai")
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    named().drop("text-embedding-3-small/64")
    index = named()
    assert index.open_collection(index.space("azure")) is None
    left = index.open_collection(index.space("bedrock"))
    assert left is not None
    assert left.count() == 5


def test_it_never_fills_a_newer_collection_from_an_older_one_unasked(
    named: Callable[[], NamedIndex],
    embedder: Callable[[str], Embedder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="no other collection to read from, and no source documents"):
        named().reindex("bedrock", dry_run=True)
    fill(named(), some(5), "azure", embedder, tmp_path / "first.sqlite")
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert named().reindex(sample=0).embedded == 5  # the only one there is
    with pytest.raises(SettingsError, match="--from text-embedding-3-small/64"):
        named().reindex()
    assert named().reindex(origin="azure", sample=0).unchanged == 5
    with pytest.raises(SettingsError, match=r"no backend of the embedding route 'default' \(did you mean 'azure'"):
        named().reindex(origin="azur")
    with pytest.raises(SettingsError, match="it is the one to fill"):
        named().reindex(origin="bedrock")


def test_a_dry_run_makes_no_collection(
    named: Callable[[], NamedIndex], embedder: Callable[[str], Embedder], tmp_path: Path
) -> None:
    fill(named(), some(5), "azure", embedder, tmp_path / "first.sqlite")
    assert named().reindex("bedrock", dry_run=True).estimate.to_embed == 5
    index = named()
    assert index.open_collection(index.space("bedrock")) is None


def test_a_step_travels_to_a_worker_without_a_secret(named: Callable[[], NamedIndex], emulator: Emulator) -> None:
    source = some(10)
    source.texts["empty"] = ("", {})
    work = WorkerTask("docs", "bedrock", named().all_settings.source)
    sent_there = pickle.dumps((work, list(source.chunks())))
    assert b"turnout-emulator" not in sent_there
    emulator.clear()
    assert [found for found, _ in embed_and_write(*pickle.loads(sent_there))] == ["empty"]
    assert len(sent(emulator)) == 10
    index = named()
    collection = index.open_collection(index.space("bedrock"))
    assert collection is not None
    assert collection.count() == 10


def nodes() -> list[TextNode]:
    """Nodes with what LlamaIndex keeps beside a text."""
    made = [
        TextNode(
            id_=f"node-{n}",
            text=f"track {n} leads to depot {n * 7919 % 10007}",
            metadata={"file": "tracks.md", "nested": {"line": [n, n + 1]}},
            excluded_embed_metadata_keys=["nested"],
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="tracks.md")},
            start_char_idx=n,
        )
        for n in range(40)
    ]
    return [*made, ImageNode(id_="picture", text="a picture of a turnout", image_path="turnout.png")]


def test_a_docstore_s_nodes_arrive_whole_in_a_persisted_index(
    embedder: Callable[[str], Embedder], emulator: Emulator, tmp_path: Path
) -> None:
    from llama_index.core import StorageContext, load_index_from_storage

    from turnout.llama_index import TurnoutEmbedding

    docstore = SimpleDocumentStore()
    docstore.add_documents(nodes())
    folder = tmp_path / "index"
    report = reindex(
        DocstoreSource(docstore),
        PersistedIndex(folder, "docs"),
        embedder("azure"),
        checkpoint=tmp_path / "moved.sqlite",
    )
    assert report.complete
    assert "file: tracks.md\n\ntrack 7 leads" in "".join(sent(emulator))  # what LlamaIndex itself would embed
    index = load_index_from_storage(
        StorageContext.from_defaults(persist_dir=str(folder)), embed_model=TurnoutEmbedding(backend="azure")
    )
    [hit] = index.as_retriever(similarity_top_k=1).retrieve(nodes()[7].get_content(MetadataMode.EMBED))
    assert hit.node.node_id == "node-7"
    again = PersistedIndex(folder, "docs")
    assert {item.id: to_node(item).to_dict() for item in again.chunks()} == {
        node.id_: node.to_dict() for node in nodes()
    }
    with pytest.raises(EmbeddingSpaceError, match="text-embedding-3-small/64"):
        reindex(DocstoreSource(docstore), again, embedder("bedrock"), checkpoint=tmp_path / "other.sqlite")
    changed = nodes()[0]
    changed.text = "another text"
    docstore.add_documents([changed])
    docstore.delete_document("node-3")
    report = reindex(DocstoreSource(docstore), again, embedder("azure"), checkpoint=tmp_path / "moved.sqlite", sample=0)
    assert (report.embedded, report.deleted, report.unchanged) == (1, 1, 39)
    assert PersistedIndex(folder, "docs").get(["node-0", "node-3"]) == {"node-0": to_chunk(changed)}


def test_a_dry_claim_leaves_an_empty_collection_without_a_record(named: Callable[[], NamedIndex]) -> None:
    index = named()
    space = index.space("azure")
    collection = index.open_collection(space, create=True)
    assert collection is not None
    collection.claim(space, dry=True)
    assert collection.state().record is None
    collection.claim(space)
    record = collection.state().record
    assert record is not None
    assert record.space == space


async def test_what_was_opened_to_be_moved_says_how_to_search_it_by_text(
    tmp_path: Path, fresh_emulator: Emulator
) -> None:
    path = tmp_path / "named.toml"
    path.write_text(settings_text(fresh_emulator, INDEX.format(store="faiss")), encoding="utf-8")
    index = NamedIndex("docs", path)
    collection: Any = index.open_collection(index.space("azure"), create=True)
    assert collection is not None
    for search in (collection.store.similarity_search, lambda text: collection.store.add_texts([text])):
        with pytest.raises(UnsupportedError, match=f"{collection.name}' was opened to be moved.*TurnoutIndex"):
            search("When are keys rotated?")
    moved = PersistedIndex(tmp_path / "index", "moved").index
    with pytest.raises(UnsupportedError, match=r"'moved' was opened to be moved.*TurnoutIndex"):
        moved.as_retriever().retrieve("When are keys rotated?")
    with pytest.raises(UnsupportedError, match="'moved' was opened to be moved"):
        await moved.as_retriever().aretrieve("When are keys rotated?")
    with pytest.raises(UnsupportedError, match="'moved' was opened to be moved"):
        moved.insert_nodes([TextNode(text="Keys are rotated in March.")])
    assert not fresh_emulator.requests


def test_a_collection_that_a_dry_run_does_not_make_is_not_written_to() -> None:
    unmade = _EmptyCollection("docs_model_64")
    unmade.delete(["one"])
    with pytest.raises(ReindexError, match="'docs_model_64' isn't there to be written to: a dry run makes none"):
        unmade.write([])


def test_a_store_behind_the_guard_moves(embedder: Callable[[str], Embedder], tmp_path: Path) -> None:
    from langchain_core.vectorstores import InMemoryVectorStore

    from turnout.langchain import TurnoutEmbeddings, guarded

    old = guarded(InMemoryVectorStore(TurnoutEmbeddings(backend="azure")))
    old.add_texts(["Keys are rotated in March.", "The depot opens at seven."], [{"n": 1}, {"n": 2}], ids=["a", "b"])
    target = guarded(InMemoryVectorStore(TurnoutEmbeddings(backend="bedrock")))
    source = collection_of(old)
    report = reindex(
        source, collection_of(target), embedder("bedrock"), checkpoint=tmp_path / "moved.sqlite", old=source
    )
    assert report.complete
    assert report.check is not None
    assert report.check.recall == 1.0
    [found] = target.similarity_search("When does the depot open?", k=1)
    assert (found.id, found.page_content, found.metadata) == ("b", "The depot opens at seven.", {"n": 2})


def test_a_store_that_cannot_be_listed_is_named() -> None:
    from langchain_core.vectorstores import VectorStore

    from turnout.errors import UnsupportedError

    class Opaque(VectorStore):
        def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Any]:
            return []

        @classmethod
        def from_texts(cls, *args: Any, **kwargs: Any) -> Opaque:
            return cls()

    with pytest.raises(UnsupportedError, match="Opaque can't be listed"):
        collection_of(Opaque())
    assert memory().count() == 0


@pytest.mark.parametrize("killed", ["before", "between", "after", "while saving"])
def test_a_folder_that_is_replaced_is_never_half_there(tmp_path: Path, killed: str) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "what").write_text("old")
    made = staging_folder(folder)
    (made / "what").write_text("new")
    if killed == "between":
        folder.rename(tmp_path / "index.old")
    elif killed == "after":
        replace_folder(folder)
    recover_folder(folder)
    assert (folder / "what").read_text() == ("old" if killed in {"before", "while saving"} else "new")
    assert {path.name for path in tmp_path.iterdir()} - {"index.reading"} == {"index"}  # with the lock of readers
