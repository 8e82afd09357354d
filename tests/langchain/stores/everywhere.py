"""A guarded store of each kind, and a named index on each: what LangChain's own code is run over."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.langchain import places
from tests.langchain.stores import kinds
from turnout.langchain import TurnoutEmbeddings, guarded

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore

    from turnout_emulator import Emulator

KINDS = ["in_memory", "chroma", "faiss", "pgvector", "lancedb", "unknown"]
EVERYWHERE = [*(f"guarded-{kind}" for kind in KINDS), *(f"named-{kind}" for kind in places.STORES)]


@dataclass
class Anywhere:
    """An empty store.

    Attributes:
        name: `guarded-` or `named-` with the kind of store.
        store: The guard or the named index.
        options: What the class of a named index takes beside the name.
        takes_functions: Whether its filter is a function of a document; others take a mapping.
    """

    name: str
    store: VectorStore
    emulator: Emulator
    options: dict[str, Any]

    @property
    def takes_functions(self) -> bool:
        return self.name.endswith(("-in_memory", "-unknown", "-custom"))


def make_bare(
    request: pytest.FixtureRequest, kind: str, embeddings: Embeddings, length: int, folder: Path
) -> VectorStore:
    """A store of a kind; a PGVector is synchronous or asynchronous, as the test is."""
    if kind == "unknown":
        return places.UnknownStore(embeddings)
    place: Any = folder
    if kind == "pgvector":
        place = request.getfixturevalue("database")
        kind += "_async" if inspect.iscoroutinefunction(request.function) else ""
    made: kinds.Kind = getattr(kinds, kind)(place)
    return made.make(embeddings, length)


def make_anywhere(
    name: str, request: pytest.FixtureRequest, emulator: Emulator, folder: Path, patch: pytest.MonkeyPatch
) -> Anywhere:
    form, _, kind = name.partition("-")
    if form == "named":
        place = places.make_place(kind, request, emulator, folder, patch)
        return Anywhere(name, place.open(), emulator, place.options)
    patch.setenv("TURNOUT_CONFIG", str(request.getfixturevalue("settings_file")))
    store = make_bare(request, kind, TurnoutEmbeddings(), 1536, folder)
    return Anywhere(name, guarded(store), emulator, {})
