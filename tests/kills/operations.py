"""What an application does to the named index `docs`, in a process that may be killed at any moment."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Kind = Literal["add", "update", "delete", "dual write", "fill", "reindex", "drop"]
KINDS: tuple[Kind, ...] = ("add", "update", "delete", "dual write", "fill", "reindex", "drop")


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        kind: What it does.
        framework: With which framework.
        texts: What is written: id → text.
        ids: What is deleted.
    """

    kind: Kind
    framework: str
    texts: dict[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


def perform(operation: Operation) -> None:
    """Do it, and wait for its end."""
    if operation.kind in {"reindex", "drop"}:
        _command(operation)
    else:
        _in_application(operation)


def in_process(operation: Operation, settings: dict[str, str], wire: Connection) -> None:
    """Do it in a process of its own, which says when it begins and when it has ended."""
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith("TURNOUT_")]:
        del os.environ[name]
    os.environ.update(settings)
    search(operation.framework)  # so that what is killed is the work, and not imports
    wire.send("begins")
    perform(operation)
    wire.send("ended")


def search(framework: str) -> list[str]:
    """The texts that a search finds."""
    if framework == "langchain":
        return [document.page_content for document in _langchain().similarity_search("Which track?", k=5)]
    return [node.get_content() for node in _llama_index().as_retriever(similarity_top_k=5).retrieve("Which track?")]


def _langchain() -> Any:
    from turnout.langchain import TurnoutIndex

    return TurnoutIndex("docs")


def _llama_index() -> Any:
    from turnout.llama_index import TurnoutIndex

    return TurnoutIndex("docs")


def _in_application(operation: Operation) -> None:
    if operation.kind == "fill":
        index = (_langchain if operation.framework == "langchain" else _llama_index)()
        index.fill()
    elif operation.framework == "langchain":
        index = _langchain()
        if operation.texts:
            index.add_texts(list(operation.texts.values()), ids=list(operation.texts))
        if operation.ids:
            index.delete(list(operation.ids))
    else:
        from llama_index.core.schema import TextNode

        index = _llama_index()
        if operation.texts:
            index.insert_nodes([TextNode(id_=id_, text=text) for id_, text in operation.texts.items()])
        if operation.ids:
            index.delete_nodes(list(operation.ids))


def _command(operation: Operation) -> None:
    from turnout.index.migration.named import NamedIndex

    index = NamedIndex("docs")
    if operation.kind == "reindex":
        index.reindex("bedrock", origin="azure", sample=0)
    elif index.open_collection(index.space("bedrock")) is not None:
        index.drop("bedrock")
