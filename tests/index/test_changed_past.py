"""A named index whose Chroma collections were changed directly: what its error says to do helps, and loses nothing."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import Outcome, turnout
from tests.index.named_support import IDS, QUESTION, TEXTS, requests, settings, use
from turnout.errors import IndexBehindError
from turnout.index.chroma import open_client
from turnout.index.migration.named import NamedIndex
from turnout.langchain import TurnoutEmbeddings

if TYPE_CHECKING:
    from turnout_emulator import Emulator

NEWER = "Keys are never rotated."
LATER = "Keys are rotated each week."
LAMPS = "Lamps are lit at dusk."
ALL = dict(zip(IDS, TEXTS, strict=True))


class Store:
    """An index of one framework in a Chroma folder, and the same folder opened with Chroma itself."""

    def __init__(self, emulator: Emulator, folder: Path, framework: str, patch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self.framework = framework
        self._folder = folder
        self._patch = patch
        self.say()

    def say(self, more: str = "") -> None:
        """Add to the index's settings."""
        where = f'store = "chroma"\nframework = "{self.framework}"\npath = "{self._folder / "index"}"'
        use(settings(self.emulator, self._folder, f"{where}\n{more}"), self._patch)

    def switch(self, backend: str) -> None:
        self._patch.setenv("TURNOUT_BACKEND", backend)

    def add(self, texts: dict[str, str]) -> None:
        """Through the index."""
        if self.framework == "langchain":
            from turnout.langchain import TurnoutIndex

            TurnoutIndex("docs").add_texts(list(texts.values()), ids=list(texts))
        else:
            from llama_index.core.schema import TextNode

            from turnout.llama_index import TurnoutIndex as Nodes

            Nodes("docs").insert_nodes([TextNode(id_=found, text=text) for found, text in texts.items()])

    def search(self) -> list[str]:
        """The texts that a search finds; on the active backend, with an object of its own."""
        if self.framework == "langchain":
            from turnout.langchain import TurnoutIndex

            return [found.page_content for found in TurnoutIndex("docs").similarity_search(QUESTION, k=9)]
        from turnout.llama_index import TurnoutIndex as Nodes

        return [found.text for found in Nodes("docs").as_retriever(similarity_top_k=9).retrieve(QUESTION)]

    def lacking(self) -> dict[str, int]:
        """Backend → what its collection lacks, of those that there are."""
        from turnout.langchain import TurnoutIndex
        from turnout.llama_index import TurnoutIndex as Nodes

        index: Any = TurnoutIndex("docs") if self.framework == "langchain" else Nodes("docs")
        return {one.backends[0]: one.lacking for one in index.status() if one.exists}

    def run(self, command: str) -> Outcome:
        """What an error says to run."""
        words = command.split()
        assert words[:2] == ["turnout", "reindex"], command
        return turnout(*words[1:], "--yes", "--sample", "0")

    # --- past the index

    def chroma(self, backend: str) -> Any:
        """A backend's collection, in Chroma."""
        index = NamedIndex("docs")
        called = index.collection_name(index.space(backend))
        client = open_client(index.settings, called, create=False)  # one process takes one client's settings
        assert client is not None
        return client.get_collection(called, embedding_function=None)

    def texts(self, backend: str) -> dict[str, str]:
        found = self.chroma(backend).get()
        return dict(zip(found["ids"], found["documents"], strict=True))

    def edit(self, backend: str, found: str, text: str) -> None:
        self.chroma(backend).update(ids=[found], documents=[text], embeddings=[self._vector(backend, text)])

    def put(self, backend: str, found: str, text: str) -> None:
        if self.framework == "langchain":
            self.chroma(backend).add(ids=[found], documents=[text], embeddings=[self._vector(backend, text)])
            return
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.chroma import ChromaVectorStore

        node = TextNode(id_=found, text=text, embedding=self._vector(backend, text))
        ChromaVectorStore(chroma_collection=self.chroma(backend)).add([node])

    def remove(self, backend: str, found: str) -> None:
        self.chroma(backend).delete(ids=[found])

    def _vector(self, backend: str, text: str) -> list[float]:
        return TurnoutEmbeddings(backend=backend).embed_documents([text])[0]


@pytest.fixture(params=["langchain", "llama_index"])
def store(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Store:
    return Store(fresh_emulator, tmp_path, request.param, monkeypatch)


def follow(store: Store) -> tuple[list[str], Outcome | None]:
    """Search; if that is refused, do what the error says, once, and search again."""
    try:
        return store.search(), None
    except IndexBehindError as behind:
        done = store.run(behind.fix)
        assert done.code == 0, done.err
        return store.search(), done


# How the second space's collection came to be what it was before the change.
BEFORE = ["none", "reindexed", "also"]


def prepare(store: Store, before: str) -> None:
    if before == "also":
        store.say('also = ["bedrock"]')
    store.add(ALL)
    if before == "reindexed":
        store.run("turnout reindex docs --to bedrock")


@pytest.mark.parametrize("before", BEFORE)
def test_a_text_that_was_edited(store: Store, before: str) -> None:
    prepare(store, before)
    store.edit("azure", "keys", NEWER)
    store.put("azure", "lamps", LAMPS)  # so that the change is seen
    store.search()
    wanted = {**ALL, "keys": NEWER, "lamps": LAMPS}
    for backend in ("bedrock", "azure"):
        store.switch(backend)
        found, _ = follow(store)
        assert sorted(found) == sorted(wanted.values())
        assert store.texts(backend) == wanted
    assert set(store.lacking().values()) == {0}


def test_a_text_that_was_edited_and_nothing_else(store: Store) -> None:
    store.add(ALL)
    store.edit("azure", "keys", NEWER)
    store.switch("bedrock")
    found, done = follow(store)
    assert NEWER in found
    assert done is not None
    assert "3 embedded" in done.out
    assert store.lacking() == {"azure": 0, "bedrock": 0}


def test_an_edit_is_filled_on_the_way(store: Store) -> None:
    store.say('fill = "on-the-way"')
    store.add(ALL)
    store.edit("azure", "keys", NEWER)
    store.switch("bedrock")
    assert NEWER in store.search()
    store.switch("azure")
    assert NEWER in store.search()
    assert store.lacking() == {"azure": 0, "bedrock": 0}


def test_an_edit_in_a_collection_that_a_reindex_filled(store: Store) -> None:
    prepare(store, "reindexed")
    store.switch("bedrock")
    store.edit("bedrock", "keys", NEWER)
    store.put("bedrock", "lamps", LAMPS)
    for backend in ("bedrock", "azure"):
        store.switch(backend)
        found, _ = follow(store)
        assert {NEWER, LAMPS} <= set(found)
    assert store.lacking() == {"azure": 0, "bedrock": 0}


@pytest.mark.parametrize("before", BEFORE)
def test_a_chunk_that_was_deleted_and_is_moved_to_another_space(store: Store, before: str) -> None:
    prepare(store, before)
    store.remove("azure", "refunds")
    done = store.run("turnout reindex docs --to bedrock --from azure")
    assert done.code == 0, done.err
    assert ("1 deleted" in done.out) == (before != "none")
    assert "1 forgotten" in done.out
    for backend in ("bedrock", "azure"):
        store.switch(backend)
        assert len(store.search()) == 2
        assert set(store.texts(backend)) == {"keys", "depot"}
    assert set(store.lacking().values()) == {0}


def test_a_chunk_that_was_deleted_is_restored_or_forgotten_as_the_error_says(store: Store) -> None:
    prepare(store, "also")
    store.remove("azure", "refunds")
    with pytest.raises(IndexBehindError) as behind:
        store.search()
    assert behind.value.fix == "turnout reindex docs --to azure --from bedrock"
    done = store.run(behind.value.fix)
    assert "1 embedded" in done.out
    assert len(store.search()) == 3

    store.remove("azure", "refunds")
    with pytest.raises(IndexBehindError, match="deleted on purpose") as behind:
        store.search()
    done = store.run(behind.value.accept)
    assert "2 unchanged, 1 forgotten" in done.out
    assert len(store.search()) == 2
    store.switch("bedrock")
    found, _ = follow(store)
    assert sorted(found) == sorted(TEXTS[:2])
    assert set(store.texts("bedrock")) == {"keys", "depot"}


def test_a_chunk_that_is_nowhere_any_more_is_forgotten_by_what_the_error_says(store: Store) -> None:
    store.add(ALL)
    store.remove("azure", "refunds")
    found, done = follow(store)
    assert sorted(found) == sorted(TEXTS[:2])
    assert done is not None
    assert "2 unchanged, 1 forgotten" in done.out
    requests(store.emulator)
    store.run("turnout reindex docs --to azure --from itself")
    assert requests(store.emulator) == []


def test_a_chunk_that_is_nowhere_any_more_is_named_when_filled(store: Store) -> None:
    store.say('fill = "on-the-way"')
    store.add(ALL)
    store.remove("azure", "refunds")
    with pytest.warns(UserWarning, match="1 chunks of the index 'docs' are in no collection any more.*refunds"):
        assert len(store.search()) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(store.search()) == 2


def test_a_chunk_that_comes_back_on_the_way_is_named(store: Store) -> None:
    store.say('fill = "on-the-way"\nalso = ["bedrock"]')
    store.add(ALL)
    store.remove("azure", "refunds")
    with pytest.warns(UserWarning, match="1 chunks that were deleted from .* other means are back.*refunds"):
        assert len(store.search()) == 3


def test_what_was_written_through_the_index_since_is_not_lost(store: Store) -> None:
    prepare(store, "also")
    store.say()
    store.switch("bedrock")
    store.add({"keys": LATER, "lamps": LAMPS})  # azure is behind from here on
    store.edit("azure", "depot", "The depot is closed.")
    wanted = {**ALL, "keys": LATER, "lamps": LAMPS, "depot": "The depot is closed."}
    assert store.run("turnout reindex docs --to bedrock --from azure").code == 0
    assert store.texts("bedrock") == wanted
    for backend in ("bedrock", "azure"):
        store.switch(backend)
        found, _ = follow(store)
        assert sorted(found) == sorted(wanted.values())
        assert store.texts(backend) == wanted
    assert store.lacking() == {"azure": 0, "bedrock": 0}


def test_an_emptied_collection_empties_no_other(store: Store) -> None:
    prepare(store, "also")
    for one in IDS:
        store.remove("azure", one)
    refused = store.run("turnout reindex docs --to bedrock --from azure")
    assert (refused.code == 0, "nothing is deleted for that" in refused.err) == (False, True)
    store.run("turnout reindex docs --to azure --from itself")
    assert store.texts("bedrock") == ALL
    found, _ = follow(store)
    assert sorted(found) == sorted(TEXTS)


def test_a_dry_run_changes_nothing_and_sees_the_same(store: Store) -> None:
    prepare(store, "also")
    store.edit("azure", "keys", NEWER)
    store.remove("azure", "refunds")
    before = dump(), store.texts("bedrock")
    planned = store.run("turnout reindex docs --to bedrock --from azure --dry-run")
    assert "2 chunks: 1 to embed" in planned.out
    assert "1 to forget" in planned.out
    assert "1 to forget" in store.run("turnout reindex docs --to azure --from itself --dry-run").out
    assert (dump(), store.texts("bedrock")) == before


def dump() -> list[str]:
    place = NamedIndex("docs").manifest
    assert isinstance(place, Path)
    with closing(sqlite3.connect(place)) as manifest:
        return list(manifest.iterdump())


def test_what_two_collections_have_each_is_brought_to_a_third_at_once(store: Store) -> None:
    store.add(ALL)
    for backend in ("bedrock", "openai"):
        store.run(f"turnout reindex docs --to {backend} --from azure")
    store.put("azure", "lamps", LAMPS)
    store.put("openai", "roofs", "Roofs are swept in May.")
    assert store.lacking() == {"azure": 1, "bedrock": 2, "openai": 1}
    for backend in ("bedrock", "azure", "openai"):
        store.switch(backend)
        found, _ = follow(store)
        assert len(found) == 5
    assert store.lacking() == {"azure": 0, "bedrock": 0, "openai": 0}
