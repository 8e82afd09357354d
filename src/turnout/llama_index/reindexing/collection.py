"""A LlamaIndex vector store that keeps its nodes, as a collection of a named index: what all kinds share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery
from pydantic_core import to_jsonable_python

from turnout.index.chunks import PAGE
from turnout.index.collection import Collection
from turnout.index.validation import check_strings, chunk_refused
from turnout.llama_index.reindexing.nodes import item_of, node_of
from turnout.llama_index.stores import keeper_of
from turnout.llama_index.stores.nodes import unstamped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llama_index.core.schema import BaseNode

    from turnout.index.chunks import Chunk, EmbeddedChunk

StoreT = TypeVar("StoreT", bound=BasePydanticVectorStore)


class NodeCollection(Collection, Generic[StoreT]):
    """A vector store whose nodes can be listed.

    Attributes:
        vector_store: The store.
    """

    def __init__(self, store: StoreT, name: str) -> None:
        super().__init__(keeper_of(store), name)
        self.vector_store = store

    @abstractmethod
    def ids(self) -> list[str]:
        """The ids of all nodes."""

    @abstractmethod
    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""

    def chunks(self) -> Iterator[Chunk]:
        """Every node, a page at a time."""
        ids = self.ids()
        for start in range(0, len(ids), PAGE):
            yield from self.get(ids[start : start + PAGE]).values()

    def count(self) -> int:
        """How many nodes there are."""
        return len(self.ids())

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the nodes that are there."""
        if not ids:
            return {}
        nodes = self.vector_store.get_nodes(node_ids=list(ids))
        return {node.node_id: item_of(unstamped(node).model_copy(update={"embedding": None})) for node in nodes}

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """Add nodes, in place of those with the same ids."""
        fitted = self.normalize(chunks)
        nodes = []
        for chunk, item in zip(chunks, fitted, strict=True):
            node = node_of(item)
            node.embedding = list(chunk.vector)
            nodes.append(node)
        self._replace(chunks, nodes)

    @abstractmethod
    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """Write nodes with their vectors, in place of those with the same ids, which stay until then."""

    def normalize(self, items: Sequence[Chunk]) -> list[Chunk]:
        """The nodes with metadata in the form that LlamaIndex gives them in a store: a date is a string there.

        Raises:
            ChunkRefusedError: The store can't hold one as it is.
        """
        fitted = []
        for item in items:
            node = node_of(item)
            metadata = {key: self._plain(item, key, value) for key, value in node.metadata.items()}
            self._check(item, metadata)
            changed = metadata != node.metadata
            fitted.append(item_of(node.model_copy(update={"metadata": metadata})) if changed else item)
        return fitted

    def _plain(self, item: Chunk, key: str, value: Any) -> Any:
        try:
            return to_jsonable_python(value)
        except ValueError as error:
            raise chunk_refused(item, self.name, key, f"LlamaIndex can't keep it as JSON: {error}") from error

    def _check(self, item: Chunk, metadata: Mapping[str, Any]) -> None:
        """Refuse a chunk with these metadata that the store can't hold."""
        check_strings(item, metadata, self.name)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        if ids:
            self.vector_store.delete_nodes(list(ids))

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        found = self.vector_store.query(query).nodes or []
        return [item_of(unstamped(node).model_copy(update={"embedding": None})) for node in found]


AnyCollection = NodeCollection[Any]
