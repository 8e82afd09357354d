"""What a reindex reads, and when: no more than it has to, and never so little that a change is overlooked."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.index.data.test_readers import Framework, framework  # noqa: F401  # a fixture
from tests.index.named_support import IDS, TEXTS, requests
from turnout.index.migration.named import NamedIndex
from turnout.llama_index.stores import simple as simple_store
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout.index.chunks import Chunk
    from turnout.index.migration.report import ReindexReport

MANY = {
    f"track-{number}": f"Track {number} leads to depot {number * 7919 % 997}." for number in range(300)
}  # more than a page
NEWER = "Keys are never rotated."
WHOLE = {"faiss": "langchain", "simple": "llama_index"}  # stores that are saved as a whole: the framework of each


@pytest.fixture
def alone(framework: str, config: Callable[[str], None]) -> Framework:  # noqa: F811
    """An index of each store that is written on one backend alone."""
    from turnout.settings import load_settings

    path = Path(str(load_settings().source))
    path.write_text(path.read_text().replace('also = ["bedrock"]', ""))
    return Framework(framework)


def reindexed(**options: Any) -> ReindexReport:
    return NamedIndex("docs").reindex("bedrock", origin="azure", sample=0, **options)


def kind_of(index: NamedIndex, backend: str) -> Any:
    collection = index.open_collection(index.space(backend))
    assert collection is not None
    return type(collection)


def test_the_first_request_goes_out_before_all_is_read(
    alone: Framework, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.add(MANY)
    cls = kind_of(NamedIndex("docs"), "azure")
    fresh_emulator.clear()
    every, waited = cls.chunks, []

    def chunks(self: Any) -> Iterator[Chunk]:
        for number, chunk in enumerate(every(self)):
            if number == len(MANY) - 1:
                waited.append(number)
                give_up = time.monotonic() + 20
                while not fresh_emulator.requests:
                    assert time.monotonic() < give_up, "nothing is sent before everything was read"
                    time.sleep(0.01)
            yield chunk

    monkeypatch.setattr(cls, "chunks", chunks)
    report = reindexed()
    assert (report.complete, report.embedded, waited) == (True, len(MANY), [len(MANY) - 1])
    assert (report.estimate.chunks, report.estimate.to_embed) == (len(MANY), len(MANY))


def test_what_was_written_since_a_page_was_read_is_not_taken_for_an_edit(
    alone: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.add(dict(zip(IDS, TEXTS, strict=True)))
    cls = kind_of(NamedIndex("docs"), "azure")
    every = cls.chunks
    added: list[bool] = []

    def chunks(self: Any) -> Iterator[Chunk]:
        page = list(every(self))
        if not added:
            added.append(True)
            alone.add({IDS[0]: NEWER, "lamps": "Lamps are lit at dusk."})
            alone.delete([IDS[1]])
        yield from page

    monkeypatch.setattr(cls, "chunks", chunks)
    report = reindexed()
    assert (report.behind, report.forgotten) == (1, 0)
    now = {IDS[0]: NEWER, IDS[2]: TEXTS[2], "lamps": "Lamps are lit at dusk."}
    assert alone.nearest() == now
    monkeypatch.setattr(cls, "chunks", every)
    assert reindexed().complete
    for backend in ("azure", "bedrock"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        assert alone.nearest() == now
    assert alone.lacking() == [0, 0]


def named(store: str, config: Callable[[str], None], folder: Path) -> Framework:
    config(
        f'store = "{store}"\nframework = "{WHOLE.get(store, "langchain")}"\npath = "{folder}/index"\nallow_pickle = true'
    )
    made = Framework(WHOLE.get(store, "langchain"))
    made.add(dict(zip(IDS, TEXTS, strict=True)))
    return made


def refuse(*_: object) -> NoReturn:
    raise AssertionError("it is read")


def edit(store: str, folder: Path) -> None:
    """Change a text and nothing else, past turnout."""
    if store == "simple":
        path = folder / "docstore.json"
        path.write_text(path.read_text().replace("rotated in March", "rotated in April"))
        return
    from langchain_community.vectorstores import FAISS

    from turnout.langchain import TurnoutEmbeddings

    faiss = FAISS.load_local(str(folder), TurnoutEmbeddings(), allow_dangerous_deserialization=True)
    document = faiss.docstore.search(IDS[0])
    assert not isinstance(document, str)
    document.page_content = document.page_content.replace("rotated in March", "rotated in April")
    faiss.save_local(str(folder))


@pytest.mark.parametrize("store", WHOLE)
@pytest.mark.parametrize("edited", ["azure", "bedrock"])
def test_nothing_is_read_or_asked_if_the_files_are_as_they_were(
    store: str,
    edited: str,
    config: Callable[[str], None],
    tmp_path: Path,
    fresh_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named(store, config, tmp_path)
    index = NamedIndex("docs")
    assert index.reindex("bedrock", origin="azure").complete
    requests(fresh_emulator)
    with monkeypatch.context() as patch:
        patch.setattr(kind_of(index, "azure"), "chunks", refuse)
        for options in ({}, {"dry_run": True}, {"confirm": lambda estimate: not estimate.to_embed}):
            report = NamedIndex("docs").reindex("bedrock", origin="azure", **options)
            assert (report.estimate.chunks, report.estimate.to_embed) == (3, 0)
            assert (report.unchanged, report.state) == (0, "estimated") if "dry_run" in options else (3, "done")
        assert not requests(fresh_emulator)
        with pytest.raises(AssertionError, match="it is read"):
            NamedIndex("docs").reindex("bedrock", origin="azure", retry_skipped=True)
    assert NamedIndex("docs").reindex("bedrock", origin="azure").complete
    edit(store, tmp_path / "index" / index.collection_name(index.space(edited)))
    report = NamedIndex("docs").reindex("bedrock", origin="azure", sample=0)
    assert (report.complete, report.embedded, report.unchanged) == (True, 1, 2)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert "rotated in April" in Framework(WHOLE[store]).nearest()[IDS[0]]


def test_nothing_is_read_of_a_chroma_in_which_nothing_was_committed(
    config: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = named("chroma", config, tmp_path)
    assert reindexed().complete
    assert reindexed().unchanged == 3
    with monkeypatch.context() as patch:
        patch.setattr(kind_of(NamedIndex("docs"), "azure"), "chunks", refuse)
        assert reindexed().unchanged == 3
        index.add({IDS[0]: NEWER})
        with pytest.raises(AssertionError, match="it is read"):
            reindexed()
    assert reindexed().embedded == 1


def test_a_run_that_skipped_a_chunk_names_it_again_without_reading(
    config: Callable[[str], None], tmp_path: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    named("faiss", config, tmp_path)
    fresh_emulator.queue(Failure.invalid_request("this text isn't taken"), service="bedrock", operation="embeddings")
    first = reindexed()
    assert (len(first.skipped), first.embedded) == (1, 2)
    again = reindexed()
    assert (again.skipped, again.unchanged, again.complete) == (first.skipped, 2, False)
    monkeypatch.setattr(kind_of(NamedIndex("docs"), "azure"), "chunks", refuse)
    assert reindexed().skipped == first.skipped


def test_how_many_nodes_there_are_is_known_without_loading_them(
    config: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named("simple", config, tmp_path)
    from turnout.llama_index import TurnoutIndex

    with monkeypatch.context() as patch:
        patch.setattr(simple_store, "read_context", refuse)
        [status] = [one for one in TurnoutIndex("docs").status() if one.exists]
        assert (status.documents, status.lacking) == (3, 0)
    index = NamedIndex("docs")
    folder = tmp_path / "index" / index.collection_name(index.space("azure"))
    for path in folder.glob("*vector_store.json"):
        there = json.loads(path.read_text())
        for entries in there.values():
            entries.pop(IDS[0], None)
        path.write_text(json.dumps(there))
    [status] = [one for one in TurnoutIndex("docs").status() if one.exists]
    assert (status.documents, status.lacking) == (2, 1)


def test_the_file_of_a_simple_store_is_llama_index_s(tmp_path: Path) -> None:
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.core.vector_stores import SimpleVectorStore

    from turnout.llama_index.stores.simple_files import QuickVectorStore

    nodes = [
        TextNode(
            id_=f"node \u2713 {number}",
            text="",
            embedding=[number, 0.1, 1e-300],
            metadata={"n": number},
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document")},
        )
        for number in range(2500)
    ]
    theirs = SimpleVectorStore()
    for some in ([], nodes[:1], nodes):
        theirs.add(some)
        theirs.persist(str(tmp_path / "theirs" / "vector_store.json"))
        ours = QuickVectorStore.from_persist_path(str(tmp_path / "theirs" / "vector_store.json"))
        ours.persist(str(tmp_path / "ours" / "vector_store.json"))
        [there, here] = [(tmp_path / whose / "vector_store.json").read_text() for whose in ("theirs", "ours")]
        assert json.loads(here) == json.loads(there)
        assert list(json.loads(here)) == list(json.loads(there))
        assert SimpleVectorStore.from_persist_path(str(tmp_path / "ours" / "vector_store.json")).data == theirs.data
    theirs.data.metadata_dict = None  # type: ignore[assignment]  # as LlamaIndex persisted it once
    theirs.persist(str(tmp_path / "old" / "vector_store.json"))
    old = QuickVectorStore.from_persist_path(str(tmp_path / "old" / "vector_store.json"))
    assert old.data == theirs.data
    old.persist(str(tmp_path / "old" / "vector_store.json"))
    assert json.loads((tmp_path / "old" / "vector_store.json").read_text())["metadata_dict"] is None
