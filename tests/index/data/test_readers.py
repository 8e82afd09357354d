"""A search never fails, or waits for long, because another one writes: it sees the index before the change or after."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.index.data.test_wrong_vectors import where
from tests.index.named_support import IDS, QUESTION, TEXTS
from turnout.index.collections import Collections
from turnout.index.manifest import Manifest
from turnout.index.named import Index
from turnout.langchain.stores import faiss as faiss_store
from turnout.llama_index.stores import simple as simple_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORES = [
    ("langchain", "chroma"),
    ("langchain", "faiss"),
    ("langchain", "pgvector"),
    ("langchain", "qdrant"),
    ("langchain", "lancedb"),
    ("llama_index", "simple"),
    ("llama_index", "chroma"),
    ("llama_index", "pgvector"),
    ("llama_index", "qdrant"),
    ("llama_index", "lancedb"),
]


class Framework:
    """A named index as an application of one framework uses it."""

    def __init__(self, name: str) -> None:
        if name == "langchain":
            from turnout.langchain import TurnoutIndex

            self._index: Any = TurnoutIndex("docs")
        else:
            from turnout.llama_index import TurnoutIndex as Nodes

            self._index = Nodes("docs")
        self._is_langchain = name == "langchain"

    def add(self, texts: dict[str, str]) -> None:
        if self._is_langchain:
            self._index.add_texts(list(texts.values()), ids=list(texts))
        else:
            from llama_index.core.schema import TextNode

            self._index.insert_nodes([TextNode(id_=id_, text=text) for id_, text in texts.items()])

    def delete(self, ids: list[str]) -> None:
        self._index.delete(ids) if self._is_langchain else self._index.delete_nodes(ids)

    def lacking(self) -> list[int]:
        return [found.lacking for found in self._index.status() if found.exists]

    def nearest(self, question: str = QUESTION) -> dict[str, str]:
        """The nearest chunks, nearest first: id → text."""
        if self._is_langchain:
            return {document.id: document.page_content for document in self._index.similarity_search(question, k=99)}
        found = self._index.as_retriever(similarity_top_k=99).retrieve(question)
        return {node.node_id: node.text for node in found}

    def search(self) -> set[str]:
        if self._is_langchain:
            return {document.id for document in self._index.similarity_search(QUESTION, k=5)}
        return {node.node_id for node in self._index.as_retriever(similarity_top_k=5).retrieve(QUESTION)}


@pytest.fixture(params=STORES, ids="-".join)
def framework(request: pytest.FixtureRequest, config: Callable[[str], None], tmp_path: Path) -> str:
    """Each store of a named index."""
    name, kind = request.param
    lines = f'store = "{kind}"\nframework = "{name}"\npath = "{tmp_path / "index"}"\nalso = ["bedrock"]'
    lines += "\nallow_pickle = true" if kind == "faiss" else ""
    lines += f'\nconnection = "{where(kind, request, tmp_path)}"' if kind in {"pgvector", "qdrant"} else ""
    config(lines)
    return str(name)


@contextmanager
def stopped_after(
    patch: pytest.MonkeyPatch, owner: object, method: str, change: Callable[[], object]
) -> Iterator[None]:
    """What another thread does, for the block in the middle: after a call that it makes."""
    reached, go_on = threading.Event(), threading.Event()
    whole = getattr(owner, method)

    def wait(*arguments: Any, **options: Any) -> Any:
        made = whole(*arguments, **options)
        if threading.current_thread() is thread:
            reached.set()
            assert go_on.wait(60)
        return made

    failed: list[BaseException] = []

    def run() -> None:
        try:
            change()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failed.append(error)
            reached.set()

    thread = threading.Thread(target=run)
    with patch.context() as patched:
        patched.setattr(owner, method, wait)
        thread.start()
        assert reached.wait(60)
        try:
            yield
        finally:
            go_on.set()
            thread.join(60)
    assert not failed, failed[0]


def test_a_search_in_the_middle_of_a_delete(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader, late = Framework(framework), Framework(framework), Framework(framework)
    writer.add(dict(zip(IDS, TEXTS, strict=True)))
    assert reader.search() == set(IDS)
    with stopped_after(monkeypatch, Manifest, "note_unwanted", lambda: writer.delete([IDS[0]])):
        for one in (reader, late):
            assert one.search() in ({*IDS}, {*IDS[1:]})
    assert reader.search() == {*IDS[1:]}
    assert late.search() == {*IDS[1:]}


def test_a_search_of_the_other_backend_in_the_middle_of_an_add(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader, late = Framework(framework), Framework(framework), Framework(framework)
    writer.add(dict(zip(IDS, TEXTS, strict=True)))
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert reader.search() == set(IDS)
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")

    def add() -> None:
        writer.add({"lamps": "Lamps are lit at dusk.", IDS[0]: "Keys are never rotated."})

    with stopped_after(monkeypatch, Manifest, "note_written", add):
        monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
        for one in (reader, late):
            assert one.search() in ({*IDS}, {*IDS, "lamps"})
    assert reader.search() == {*IDS, "lamps"}
    assert late.search() == {*IDS, "lamps"}


def test_a_search_while_a_collection_is_held_for_long(framework: str) -> None:
    Framework(framework).add(dict(zip(IDS, TEXTS, strict=True)))
    spec = Index("docs", lambda *_, **__: None).spec()
    collections = Collections(lambda *_, **__: None, spec.config.manifest)
    with collections.writing(spec):
        assert Framework(framework).search() == set(IDS)


@pytest.mark.parametrize("framework", [("langchain", "faiss"), ("llama_index", "simple")], indirect=True)
def test_a_reader_that_has_read_an_older_folder_than_the_manifest_is(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = Framework(framework), Framework(framework)
    writer.add(dict(zip(IDS, TEXTS, strict=True)))
    owner = faiss_store if framework == "langchain" else simple_store
    with stopped_after(monkeypatch, owner, "read_folder", reader.search):
        writer.delete([IDS[0]])
    for one in (reader, Framework(framework)):
        assert one.search() == {*IDS[1:]}
    assert Framework(framework).lacking() == [0, 0]
