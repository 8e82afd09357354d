"""An index on each kind of store, bare and guarded, and a named index on each: LlamaIndex's own code is run over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters

from tests.index.named_support import IDS, METADATAS, QUESTION, TEXTS
from tests.llama_index import places
from tests.llama_index.stores import kinds
from turnout.llama_index import TurnoutEmbedding, TurnoutIndex, guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pytest
    from llama_index.core.schema import BaseNode

    from turnout_emulator import Emulator

KINDS = ["Simple", "Chroma", "Postgres", "Lance"]
EVERYWHERE = [
    *(f"{form}-{kind}" for form in ("bare", "guarded") for kind in KINDS),
    *(f"named-{store}" for store in places.STORES),
]


@dataclass
class Anywhere:
    """An empty index.

    Attributes:
        name: `bare-`, `guarded-` or `named-` with the kind of store.
        index: The index.
    """

    name: str
    index: VectorStoreIndex
    emulator: Emulator
    _seen: int = field(default=0)

    @property
    def named(self) -> bool:
        return self.name.startswith("named-")

    def all_texts(self) -> list[str]:
        """What the index finds if it finds everything."""
        found = self.index.as_retriever(similarity_top_k=50).retrieve(QUESTION)
        return sorted(texts(found))

    def embedded(self) -> list[str]:
        """The texts that were embedded since this was called last."""
        received = self.emulator.requests
        new, self._seen = received[self._seen :], len(received)
        return [text for request in new if request.operation == "embeddings" for text in _inputs(request.body)]


def _inputs(body: Any) -> list[str]:
    given = body.get("input", body.get("inputText"))
    return [given] if isinstance(given, str) else list(given)


def make_anywhere(
    name: str, request: pytest.FixtureRequest, emulator: Emulator, folder: Path, patch: pytest.MonkeyPatch
) -> Anywhere:
    form, _, kind = name.partition("-")
    if form == "named":
        places.make_place(kind, request, emulator, folder, patch)
        return Anywhere(name, TurnoutIndex("docs"), emulator)
    patch.setenv("TURNOUT_CONFIG", str(request.getfixturevalue("settings_file")))
    place: Any = request.getfixturevalue("database") if kind == "Postgres" else folder / "store"
    made: kinds.Kind = getattr(kinds, kind)(place)
    store = made.open()
    context = StorageContext.from_defaults(
        vector_store=guarded(store, TurnoutEmbedding()) if form == "guarded" else store
    )
    return Anywhere(name, VectorStoreIndex([], storage_context=context, embed_model=TurnoutEmbedding()), emulator)


def documents(changed: dict[str, str] | None = None) -> list[Document]:
    """The documents; some with another text."""
    rows = zip(TEXTS, IDS, METADATAS, strict=True)
    return [
        Document(text=(changed or {}).get(found, text), id_=found, metadata=dict(metadata))
        for text, found, metadata in rows
    ]


def where(*conditions: tuple[str, Any, FilterOperator], condition: str = "and") -> MetadataFilters:
    filters: list[MetadataFilter | MetadataFilters] = [
        MetadataFilter(key=key, value=value, operator=operator) for key, value, operator in conditions
    ]
    return MetadataFilters(filters=filters, condition=condition)


def texts(found: Iterable[NodeWithScore | BaseNode]) -> list[str]:
    return [(one.node if isinstance(one, NodeWithScore) else one).get_content(MetadataMode.NONE) for one in found]


def ids(found: Sequence[NodeWithScore]) -> list[str]:
    return [one.node.node_id for one in found]
