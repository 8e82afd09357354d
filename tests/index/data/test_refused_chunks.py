"""What a store can't hold is found before anything is embedded, written or deleted; and what frameworks pass is taken."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, aindex, index

from tests.index.data import other as elsewhere
from tests.index.named_support import IDS, QUESTION, TEXTS, requests
from turnout.errors import ChunkRefusedError
from turnout.langchain import TurnoutIndex, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture
def say(config: Callable[[str], None], request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], None]:
    """Write the settings of an index of a kind."""

    def write(kind: str, framework: str) -> None:
        lines = f'store = "{kind}"\nframework = "{framework}"\npath = "{tmp_path / "index"}"'
        if kind in {"faiss", "qdrant"}:
            lines += "\nallow_pickle = true"
        if kind == "pgvector":
            lines += f'\nconnection = "{request.getfixturevalue("database")}"'
        config(lines)

    return write


def unpicklable() -> Any:
    return lambda: None


LANGCHAIN: list[tuple[str, str, Any]] = [
    ("chroma", "nested", {"a": 1}),
    ("chroma", "empty", []),
    ("chroma", "day", date(2026, 1, 2)),
    ("pgvector", "day", date(2026, 1, 2)),
    ("pgvector", "nul", "a\0b"),
    ("pgvector", "number", float("nan")),
    ("faiss", "function", unpicklable()),
    ("qdrant", "day", date(2026, 1, 2)),
    ("qdrant", "number", float("nan")),
    ("qdrant", "large", [{"n": 2**63}]),
    ("qdrant", "half", "\ud800"),
    ("lancedb", "day", date(2026, 1, 2)),
    ("lancedb", "number", float("nan")),
    ("lancedb", "half", "\ud800"),
]


@pytest.mark.parametrize(("kind", "key", "value"), LANGCHAIN)
def test_a_chunk_that_a_store_refuses_changes_nothing(
    kind: str, key: str, value: object, say: Callable[[str, str], None], fresh_emulator: Emulator
) -> None:
    say(kind, "langchain")
    store = TurnoutIndex("docs")
    store.add_texts(TEXTS, ids=IDS)
    requests(fresh_emulator)
    metadatas: list[dict[str, Any]] = [{"page": 1}, {key: value}, {"page": 3}]
    for add in (store.add_texts, lambda *given, **more: asyncio.run(store.aadd_texts(*given, **more))):
        with pytest.raises(ChunkRefusedError, match=f"'depot'.*'{key}'") as refused:
            add(["New keys.", "New depot.", "New refunds."], metadatas, ids=IDS)
        assert (refused.value.id, refused.value.key) == ("depot", key)
    assert requests(fresh_emulator) == []
    assert {found.page_content for found in TurnoutIndex("docs").get_by_ids(IDS)} == set(TEXTS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


LLAMA: list[tuple[str, str, Any]] = [
    ("chroma", "nested", {"a": 1}),
    ("chroma", "empty", []),
    ("simple", "function", unpicklable()),
    ("pgvector", "nul", "a\0b"),
    ("pgvector", "number", float("nan")),
    ("qdrant", "number", float("nan")),
    ("qdrant", "large", 2**63),
    ("lancedb", "number", float("nan")),
]


@pytest.mark.parametrize(("kind", "key", "value"), LLAMA)
def test_a_node_that_a_store_refuses_changes_nothing(
    kind: str, key: str, value: object, say: Callable[[str, str], None], fresh_emulator: Emulator
) -> None:
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutIndex as Nodes

    say(kind, "llama_index")
    named = Nodes("docs")
    named.insert_nodes([TextNode(id_=found, text=text) for found, text in zip(IDS, TEXTS, strict=True)])
    requests(fresh_emulator)
    bad = [TextNode(id_="keys", text="New."), TextNode(id_="depot", text="New.", metadata={key: value})]
    for insert in (named.insert_nodes, lambda nodes: asyncio.run(named.ainsert_nodes(nodes))):
        with pytest.raises(ChunkRefusedError, match=f"'depot'.*'{key}'"):
            insert(bad)
    assert requests(fresh_emulator) == []
    assert {node.get_content() for node in Nodes("docs").vector_store.get_nodes(node_ids=IDS)} == set(TEXTS)


@pytest.mark.parametrize("kind", ["chroma", "simple", "pgvector", "qdrant", "lancedb"])
def test_a_date_is_a_string_in_llama_index_and_is_not_embedded_twice(
    kind: str, say: Callable[[str, str], None], fresh_emulator: Emulator
) -> None:
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutIndex as Nodes

    say(kind, "llama_index")
    node = TextNode(id_="keys", text=TEXTS[0], metadata={"day": date(2026, 1, 2), "none": None})
    Nodes("docs").insert_nodes([node])
    requests(fresh_emulator)
    again = Nodes("docs")
    again.insert_nodes([node])
    assert requests(fresh_emulator) == []
    assert again.vector_store.get_nodes(node_ids=["keys"])[0].metadata == {"day": "2026-01-02", "none": None}


def test_chroma_leaves_out_none_and_what_the_older_version_had(
    say: Callable[[str, str], None], fresh_emulator: Emulator
) -> None:
    say("chroma", "langchain")
    store = TurnoutIndex("docs")
    store.add_texts(TEXTS[:1], [{"page": 1, "author": "old"}], ids=["keys"])
    store.add_texts(["Keys are rotated in May."], [{"page": 2, "reviewer": None}], ids=["keys"])
    assert store.get_by_ids(["keys"])[0].metadata == {"page": 2}
    requests(fresh_emulator)
    store.add_texts(["Keys are rotated in May."], [{"page": 2, "reviewer": None}], ids=["keys"])
    assert requests(fresh_emulator) == []


# --- what LangChain's indexing passes


def documents(*changed: str) -> list[Document]:
    pairs = zip(IDS, TEXTS, strict=True)
    return [Document(f"{text} {' '.join(changed)}", metadata={"source": found}) for found, text in pairs]


Cleanup = Literal["incremental", "full", "scoped_full"] | None
MODES: list[Cleanup] = [None, "incremental", "full", "scoped_full"]


@pytest.mark.parametrize("cleanup", MODES)
@pytest.mark.parametrize("kind", ["chroma", "faiss", "pgvector", "qdrant", "lancedb"])
def test_langchain_indexes_into_a_named_index(kind: str, cleanup: Cleanup, say: Callable[[str, str], None]) -> None:
    say(kind, "langchain")
    store = TurnoutIndex("docs")
    _index_twice(store, cleanup)
    expected = 3 if cleanup else 6
    assert len(store.similarity_search(QUESTION, k=10)) == expected


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("cleanup", MODES)
def test_langchain_indexes_into_a_guarded_store(cleanup: Cleanup, tmp_path: Path) -> None:
    store = guarded(elsewhere.chroma(str(tmp_path / "store"), "azure"))
    _index_twice(store, cleanup)
    assert len(store.similarity_search(QUESTION, k=10)) == (3 if cleanup else 6)


def _index_twice(store: Any, cleanup: Cleanup) -> None:
    records = InMemoryRecordManager("docs")
    records.create_schema()
    said: dict[str, Any] = {"cleanup": cleanup, "source_id_key": "source", "key_encoder": "sha256"}
    added = index(documents(), records, store, batch_size=2, upsert_kwargs={"vector_field": "embedding"}, **said)
    assert added["num_added"] == 3
    assert index(documents(), records, store, batch_size=2, **said)["num_skipped"] == 3
    assert index(documents(), records, store, force_update=True, **said)["num_updated"] == 3
    changed = asyncio.run(aindex(documents("Since May."), records, store, batch_size=2, **said))
    assert (changed["num_added"], changed["num_deleted"]) == (3, 3 if cleanup else 0)


# --- what LlamaIndex's indexes and pipelines pass


@pytest.mark.parametrize("kind", ["chroma", "simple", "pgvector", "qdrant", "lancedb"])
def test_a_document_takes_the_place_of_its_older_version(
    kind: str, say: Callable[[str, str], None], fresh_emulator: Emulator
) -> None:
    from llama_index.core import Document as Whole
    from llama_index.core.node_parser import SentenceSplitter

    from turnout.llama_index import TurnoutIndex as Nodes

    say(kind, "llama_index")

    def opened() -> Nodes:
        return Nodes("docs", transformations=[SentenceSplitter(chunk_size=12, chunk_overlap=0, tokenizer=str.split)])

    def held() -> list[str]:
        found = opened().as_retriever(similarity_top_k=10).retrieve(QUESTION)
        return sorted(one.get_content() for one in found)

    old = Whole(text=" ".join(TEXTS), id_="handbook")
    named = opened()
    named.insert(old, show_progress=False)
    before = held()
    assert len(before) > 1
    requests(fresh_emulator)
    opened().insert(old)
    asyncio.run(opened().ainsert(old))
    assert opened().refresh_ref_docs([old]) == [False]
    assert requests(fresh_emulator) == []
    assert held() == before
    requests(fresh_emulator)
    new = Whole(text=" ".join([*TEXTS[:2], "Refunds are paid within twenty days."]), id_="handbook")
    assert opened().refresh_ref_docs([new, Whole(text="Lamps are lit.", id_="lamps")]) == [True, True]
    assert not any("ten days" in text for text in held())
    asyncio.run(opened().aupdate_ref_doc(old))
    assert held() == sorted([*before, "Lamps are lit."])
    assert asyncio.run(opened().arefresh_ref_docs([old])) == [False]
    opened().delete_ref_doc("handbook", delete_from_docstore=True)
    assert held() == ["Lamps are lit."]
