"""A process that changes the named index `docs`, and is killed before the step of a given number."""

from __future__ import annotations

import os
import signal
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

OLD = {"keys": "Keys are rotated in March.", "lamps": "Lamps are lit at dusk."}
NEW = {"keys": "Keys are rotated in May.", "boxes": "Signal boxes are manned."}
GONE = "lamps"


class Steps:
    """Counts what is done to stores, folders and the manifest, and ends the process before one of it."""

    def __init__(self, last: int, wire: Connection) -> None:
        self._left = last
        self._wire = wire

    def take(self, name: str) -> None:
        self._left -= 1
        if self._left < 0:
            self._wire.send(name)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, *names: str) -> None:
        for name in names:
            if hasattr(owner, name):
                setattr(owner, name, self._stepping(getattr(owner, name), name))

    def _stepping(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            self.take(name)
            return method(*args, **kwargs)

        return stepping


def count(steps: Steps) -> None:
    """Have everything counted that changes something."""
    import pathlib

    import chromadb
    import sqlalchemy
    from qdrant_client.local.persistence import CollectionPersistence

    from turnout.index.lancedb import LanceTable
    from turnout.index.manifest import Manifest

    steps.before(chromadb.Collection, "add", "upsert", "delete")
    steps.before(CollectionPersistence, "persist", "delete")
    steps.before(LanceTable, "write", "delete")
    steps.before(pathlib.Path, "rename")
    steps.before(Manifest, "begin_write", "note_written", "note_unwanted", "note_deleted")

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
    def changing(_1: Any, _2: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "DELETE", "UPDATE")):
            steps.take(statement[:20])


def put(framework: str, texts: dict[str, str], *, also_delete: str | None = None) -> None:
    """Write texts to the index, and delete one."""
    metadatas = [{"page": number, "version": text[-4:]} for number, text in enumerate(texts.values())]
    if framework == "langchain":
        from turnout.langchain import TurnoutIndex

        index = TurnoutIndex("docs")
        index.add_texts(list(texts.values()), metadatas, ids=list(texts))
        if also_delete:
            index.delete([also_delete])
        return
    from llama_index.core import Document

    from turnout.llama_index import TurnoutIndex as Nodes

    nodes = Nodes("docs", transformations=[splitter()])
    documents = [
        Document(text=text, id_=f"{one}-document", metadata=metadata)
        for (one, text), metadata in zip(texts.items(), metadatas, strict=True)
    ]
    nodes.refresh_ref_docs(documents)
    if also_delete:
        nodes.delete_ref_doc(f"{also_delete}-document")


def splitter() -> Any:
    """Makes one node of each document, under a new id, as LlamaIndex's splitters do, and loads no tokenizer."""
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(tokenizer=str.split)


def change(framework: str, last: int, said: dict[str, str], wire: Connection) -> None:
    """What the process does; tells where it was killed, or None."""
    warnings.simplefilter("ignore")
    for key in [key for key in os.environ if key.startswith("TURNOUT_")]:
        del os.environ[key]
    os.environ.update(said)
    count(Steps(last, wire))
    put(framework, NEW, also_delete=GONE)
    wire.send(None)
