"""LangChain's `index()` and `aindex()` on every guarded store and every named index, in every cleanup mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from langchain_classic.indexes import SQLRecordManager
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, aindex, index
from sqlalchemy import NullPool, create_engine

from tests.index.named_support import requests

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.vectorstores import VectorStore

    from tests.langchain.places import Place
    from tests.langchain.stores.everywhere import Anywhere

Cleanup = Literal["incremental", "full", "scoped_full"] | None
Corpus = dict[str, list[str]]  # source → its texts

FIRST: Corpus = {
    "keys.md": ["Keys are rotated in March.", "The depot opens at seven."],
    "refunds.md": ["Refunds are paid within ten days."],
    "lamps.md": ["Lamps are lit at dusk."],
}
SECOND: Corpus = {
    "keys.md": ["Keys are rotated in March.", "The depot opens at eight."],
    "refunds.md": ["Refunds are paid within ten days."],
}
_OF_SEEN_SOURCES = [
    {"added": 4},
    {"skipped": 4},
    {"added": 1, "skipped": 2, "deleted": 1},
    {},
]
RUNS = [FIRST, FIRST, SECOND, {}]
OUTCOMES: dict[Cleanup, list[dict[str, int]]] = {
    None: [{"added": 4}, {"skipped": 4}, {"added": 1, "skipped": 2}, {}],
    "incremental": _OF_SEEN_SOURCES,
    "scoped_full": _OF_SEEN_SOURCES,
    "full": [{"added": 4}, {"skipped": 4}, {"added": 1, "skipped": 2, "deleted": 2}, {"deleted": 3}],
}
"""What each of the four runs does; what isn't named is nothing."""

LEFT: dict[Cleanup, set[str]] = {
    None: {*FIRST["keys.md"], *SECOND["keys.md"], *FIRST["refunds.md"], *FIRST["lamps.md"]},
    "incremental": {*SECOND["keys.md"], *SECOND["refunds.md"], *FIRST["lamps.md"]},
    "scoped_full": {*SECOND["keys.md"], *SECOND["refunds.md"], *FIRST["lamps.md"]},
    "full": set(),
}


def documents(corpus: Corpus) -> list[Document]:
    return [
        Document(text, metadata={"source": source, "number": number})
        for source, texts in corpus.items()
        for number, text in enumerate(texts)
    ]


def what_happened(result: Any) -> dict[str, int]:
    return {key.removeprefix("num_"): number for key, number in result.items() if number}


def texts(found: list[Document]) -> list[str]:
    return sorted(one.page_content for one in found)


def in_memory() -> InMemoryRecordManager:
    manager = InMemoryRecordManager("docs")
    manager.create_schema()
    return manager


@pytest.mark.parametrize("cleanup", list(OUTCOMES))
def test_index_in_every_cleanup_mode(anywhere: Anywhere, cleanup: Cleanup, tmp_path: Path) -> None:
    manager = SQLRecordManager("docs", engine=create_engine(f"sqlite:///{tmp_path / 'kept.db'}", poolclass=NullPool))
    manager.create_schema()
    options: dict[str, Any] = {"cleanup": cleanup, "source_id_key": "source", "key_encoder": "sha256"}
    outcomes, found = [], []
    for corpus in RUNS:
        outcomes.append(what_happened(index(documents(corpus), manager, anywhere.store, batch_size=2, **options)))
        found = texts(anywhere.store.similarity_search("depot", k=9))
    assert outcomes == OUTCOMES[cleanup]
    assert found == sorted(LEFT[cleanup])


@pytest.mark.parametrize("cleanup", list(OUTCOMES))
async def test_aindex_in_every_cleanup_mode(anywhere: Anywhere, cleanup: Cleanup) -> None:
    manager = in_memory()
    options: dict[str, Any] = {"cleanup": cleanup, "source_id_key": "source", "key_encoder": "blake2b"}
    outcomes, found = [], []
    for corpus in RUNS:
        result = await aindex(documents(corpus), manager, anywhere.store, batch_size=2, **options)
        outcomes.append(what_happened(result))
        found = texts(await anywhere.store.asimilarity_search("depot", k=9))
    assert outcomes == OUTCOMES[cleanup]
    assert found == sorted(LEFT[cleanup])


@pytest.mark.filterwarnings("ignore:Using SHA-1:UserWarning")
def test_keys_of_every_encoder_are_the_ids(anywhere: Anywhere) -> None:
    encoders: list[Any] = ["sha1", "sha256", "sha512", "blake2b", lambda document: document.page_content]
    for encoder in encoders:
        manager = in_memory()
        index(documents(FIRST), manager, anywhere.store, key_encoder=encoder, upsert_kwargs={"unknown": True})
        keys = manager.list_keys()
        assert len(keys) == 4
        found = {str(one.id): one for one in anywhere.store.get_by_ids(keys)}
        assert sorted(found) == sorted(keys)
        assert {one.metadata["source"] for one in found.values()} == set(FIRST)
        anywhere.store.delete(keys)
    assert anywhere.store.similarity_search("depot") == []


def test_an_update_that_is_forced(anywhere: Anywhere) -> None:
    manager = in_memory()
    options: dict[str, Any] = {"key_encoder": "sha256", "force_update": True}
    assert what_happened(index(documents(FIRST), manager, anywhere.store, **options)) == {"added": 4}
    requests(anywhere.emulator)
    if anywhere.name == "guarded-faiss":  # FAISS adds no id that it has
        with pytest.raises(ValueError, match="already exist"):
            index(documents(FIRST), manager, anywhere.store, **options)
        return
    assert what_happened(index(documents(FIRST), manager, anywhere.store, **options)) == {"updated": 4}
    # A named index embeds nothing that it has; a store embeds whatever is added to it.
    assert set(requests(anywhere.emulator)) == (set() if anywhere.name.startswith("named-") else {"azure"})
    assert len(anywhere.store.similarity_search("depot", k=9)) == 4


def test_an_index_that_was_emptied_takes_another_model(anywhere: Anywhere, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = in_memory()
    options: dict[str, Any] = {"cleanup": "full", "key_encoder": "sha256"}
    index(documents(FIRST), manager, anywhere.store, **options)
    index([], manager, anywhere.store, **options)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    requests(anywhere.emulator)
    index(documents(FIRST), manager, anywhere.store, **options)
    assert nearest(anywhere.store) == "The depot opens at seven."
    assert set(requests(anywhere.emulator)) == {"bedrock"}


def test_every_listed_space_is_indexed_and_cleaned_up(place: Place) -> None:
    place.say('also = ["bedrock"]')
    store, manager = place.open(), in_memory()
    options: dict[str, Any] = {"cleanup": "full", "key_encoder": "sha256"}
    for corpus in (FIRST, SECOND):
        index(documents(corpus), manager, store, **options)
        assert set(requests(place.emulator)) == {"azure", "bedrock"}
    for backend in ("azure", "bedrock"):
        place.switch(backend)
        assert texts(store.similarity_search("depot", k=9)) == sorted(text for one in SECOND.values() for text in one)


def nearest(store: VectorStore) -> str:
    return store.similarity_search("When does the depot open?", k=1)[0].page_content
