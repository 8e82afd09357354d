"""An index in a folder that can't be written answers, follows who may write, and says which folder it is."""

from __future__ import annotations

import ctypes
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.index.data.other import Other
from tests.index.data.test_readers import Framework
from tests.index.named_support import IDS, QUESTION, TEXTS, requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout_emulator import Emulator

STORES = [("langchain", "chroma"), ("langchain", "faiss"), ("llama_index", "chroma"), ("llama_index", "simple")]
STORES += [("langchain", "qdrant"), ("llama_index", "lancedb")]
KEPT: dict[str, Framework] = {}


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("process", ctypes.c_int)]


class _Capabilities(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def heed_modes() -> None:
    """Have this process heed the modes of files, if it is root: no CAP_DAC_OVERRIDE and _READ_SEARCH, 1 and 2."""
    if os.geteuid() != 0:
        return
    libc, header, sets = ctypes.CDLL(None), _Header(0x20080522, 0), (_Capabilities * 2)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    sets[0].effective &= ~(1 << 1 | 1 << 2)
    assert libc.capset(ctypes.byref(header), sets) == 0


def lock_up(folder: Path, mode: str) -> None:
    for one in [folder, *folder.rglob("*")]:
        one.chmod(one.stat().st_mode | 0o200 if mode == "+w" else one.stat().st_mode & ~0o222)


@pytest.fixture(scope="module")
def reader() -> Iterator[Other]:
    """A process that may not write where modes don't let it."""
    made = Other()
    made.do(heed_modes)
    yield made
    made.end()


@pytest.fixture(params=STORES, ids="-".join)
def framework(request: pytest.FixtureRequest, config: Callable[[str], None], tmp_path: Path) -> Iterator[str]:
    name, kind = request.param
    config(f'store = "{kind}"\nframework = "{name}"\npath = "{tmp_path}/index"\nallow_pickle = true')
    Framework(name).add(dict(zip(IDS, TEXTS, strict=True)))
    yield str(name)
    lock_up(tmp_path / "index", "+w")


def as_left(_: Path) -> None:
    """What was written last is in the manifest's write-ahead log."""


def put_away(folder: Path) -> None:
    """The manifest is closed, and moved elsewhere as one file."""
    path = folder / "docs.index.sqlite"
    with closing(sqlite3.connect(path)) as base, closing(sqlite3.connect(folder / "new")) as copy:
        base.backup(copy)
    for one in folder.glob(f"{path.name}*"):
        one.unlink()
    (folder / "new").rename(path)


def without_manifest(folder: Path) -> None:
    for one in [*folder.glob("docs.index.sqlite*"), *folder.glob("*.lock"), *folder.glob("*.reading")]:
        one.unlink()


def search(name: str, expected: set[str]) -> None:
    KEPT.setdefault(name, Framework(name))
    for index in (Framework(name), KEPT[name]):
        assert index.search() == expected
        assert index.lacking() == [0]


def change(name: str, folder: str) -> None:
    from turnout.errors import IndexReadOnlyError
    from turnout.index.migration.named import NamedIndex

    index = Framework(name)
    for attempt in (
        lambda: index.add({"lamps": "Lamps are lit at dusk."}),
        lambda: index.delete(["keys"]),
        lambda: index._index.vector_store.clear() if name == "llama_index" else index._index.delete(),
        lambda: NamedIndex("docs").reindex("bedrock", sample=0),
        lambda: NamedIndex("docs").reindex("azure", origin="itself", sample=0),
        lambda: NamedIndex("docs").drop("bedrock"),
    ):
        with pytest.raises(IndexReadOnlyError, match="can't be written") as refused:
            attempt()
        assert refused.value.folder.startswith(folder)
    KEPT.clear()


@pytest.mark.parametrize("state", [as_left, put_away, without_manifest])
def test_an_index_that_cannot_be_written_is_searched(
    framework: str, state: Callable[[Path], None], reader: Other, tmp_path: Path, fresh_emulator: Emulator
) -> None:
    folder = tmp_path / "index"
    state(folder)
    before = {one: one.stat().st_mtime_ns for one in folder.rglob("*")}
    lock_up(folder, "-w")
    reader.do(search, framework, set(IDS))
    requests(fresh_emulator)
    reader.do(change, framework, str(folder))
    assert requests(fresh_emulator) == []
    assert {one: one.stat().st_mtime_ns for one in folder.rglob("*")} == before
    reader.do(search, framework, set(IDS))


def test_what_another_user_changes_is_seen(framework: str, reader: Other, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    put_away(folder)
    for texts in ({}, {"lamps": "Lamps are lit at dusk."}, {"tickets": "Tickets are sold until ten."}):
        lock_up(folder, "+w")
        if texts:
            Framework(framework).add(texts)
        lock_up(folder, "-w")
        expected = {*IDS, "lamps", *texts} if texts else set(IDS)
        reader.do(search, framework, expected)
    reader.do(change, framework, str(folder))


def save_guarded(folder: str) -> None:
    from langchain_community.vectorstores import FAISS
    from llama_index.core import StorageContext, load_index_from_storage

    from turnout import langchain, llama_index
    from turnout.errors import IndexReadOnlyError

    embeddings, model = langchain.TurnoutEmbeddings(), llama_index.TurnoutEmbedding()
    loaded = FAISS.load_local(f"{folder}/faiss", embeddings, allow_dangerous_deserialization=True)
    store = langchain.guarded(loaded, folder=f"{folder}/faiss")
    assert len(store.similarity_search(QUESTION, k=5)) == len(TEXTS)
    context = llama_index.guarded(StorageContext.from_defaults(persist_dir=f"{folder}/simple"), model)
    index: Any = load_index_from_storage(context, embed_model=model)
    assert len(index.as_retriever(similarity_top_k=5).retrieve(QUESTION)) == len(TEXTS)
    for attempt in (
        lambda: store.save_local(f"{folder}/faiss"),
        lambda: context.vector_store.persist(f"{folder}/simple/x.json"),
    ):
        with pytest.raises(IndexReadOnlyError, match=folder):
            attempt()


@pytest.mark.usefixtures("config")
def test_guarded_stores_in_memory_are_searched_and_not_saved_there(reader: Other, tmp_path: Path) -> None:
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.vector_stores import SimpleVectorStore

    from tests.langchain.stores import kinds
    from turnout import langchain, llama_index

    folder = tmp_path / "stores"
    store = langchain.guarded(kinds.faiss(folder / "faiss").make(langchain.TurnoutEmbeddings(), 1536))
    store.add_texts(TEXTS)
    store.save_local(str(folder / "faiss"))
    model = llama_index.TurnoutEmbedding()
    context = StorageContext.from_defaults(vector_store=llama_index.guarded(SimpleVectorStore(), model))
    VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], storage_context=context, embed_model=model)
    context.persist(str(folder / "simple"))
    lock_up(folder, "-w")
    try:
        reader.do(save_guarded, str(folder))
    finally:
        lock_up(folder, "+w")
