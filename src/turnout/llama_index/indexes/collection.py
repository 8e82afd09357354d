"""A LlamaIndex vector store that keeps its nodes, as a collection of a named index: what all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery

from turnout.llama_index.reindexing import item_of, node_of
from turnout.llama_index.stores import keeper_of
from turnout.llama_index.stores.nodes import stamped, unstamped
from turnout.space_keepers import claimed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.reindex import Embedded, Item
    from turnout.space_records import SpaceRecord
    from turnout.spaces import EmbeddingSpace

StoreT = TypeVar("StoreT", bound=BasePydanticVectorStore)

PAGE = 256
"""Nodes that are read at once."""


class NodeCollection(ABC, Generic[StoreT]):
    """A vector store whose nodes can be listed; fills `Source` and `Target`.

    Attributes:
        vector_store: The store.
        name: What it is called in reports and errors.
        flush_every: How many nodes may be written before `flush`.
    """

    flush_every: ClassVar[int] = 0

    def __init__(self, store: StoreT, name: str) -> None:
        self.vector_store = store
        self.keeper = keeper_of(store)
        self.name = name
        self._record: SpaceRecord | None = None

    @abstractmethod
    def ids(self) -> list[str]:
        """The ids of all nodes."""

    @abstractmethod
    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """The vectors of those nodes that are there."""

    @abstractmethod
    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""

    def items(self) -> Iterator[Item]:
        """Every node, a page at a time."""
        ids = self.ids()
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()

    def count(self) -> int:
        """How many nodes there are."""
        return len(self.ids())

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the nodes that are there."""
        if not ids:
            return {}
        nodes = self.vector_store.get_nodes(node_ids=list(ids))
        return {node.node_id: item_of(unstamped(node).model_copy(update={"embedding": None})) for node in nodes}

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add nodes, in place of those with the same ids."""
        self.delete([chunk.item.id for chunk in chunks])
        nodes = []
        for chunk in chunks:
            node = node_of(chunk.item)
            node.embedding = list(chunk.vector)
            nodes.append(stamped(node, self._record) if self.keeper.stamps and self._record else node)
        self.vector_store.add(nodes)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        if ids:
            self.vector_store.delete_nodes(list(ids))

    def flush(self) -> None:
        """Nothing: every write is durable."""

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        found = self.vector_store.query(query).nodes or []
        return [item_of(unstamped(node).model_copy(update={"embedding": None})) for node in found]

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Write the record of a space, if the store is empty; otherwise check that it has that record.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known, or a record that isn't as
                it was written.
        """
        held = self.keeper.held()
        record = claimed(held, space, index=self.name)
        if held.record is None:
            if dry:
                return
            self.keeper.write(record)
        self._record = record


AnyCollection = NodeCollection[Any]
