"""What all kinds of LlamaIndex vector stores share: keeping the record of the space, and being a collection."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery
from pydantic_core import to_jsonable_python

from turnout.index.collection import RecordedCollection
from turnout.index.fitting import check_strings, refused
from turnout.index.guard.keepers import RecordKeeper, StampKeeper
from turnout.llama_index.stores.chunks import to_chunk, to_node

if TYPE_CHECKING:
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Embedded, Item
    from turnout.settings import IndexSettings


class SpaceKeeper(RecordKeeper[BaseNode]):
    """Reads and writes the record of a LlamaIndex store.

    Attributes:
        docstore: Where the texts are, for a store that doesn't keep them.
        unchecked: Methods of the store that neither search nor write; the guard passes them on.
    """

    docstore: BaseDocumentStore | None = None
    unchecked: ClassVar[frozenset[str]] = frozenset()

    def expecting(self, query: VectorStoreQuery, mark: object) -> Mapping[str, Any] | None:
        """Arguments with which the store compares the record in the query itself, and finds nothing if it changed.

        Args:
            query: The query.
            mark: What a glance at the record showed.

        Returns:
            None if the store can't.
        """
        del query, mark
        return None

    def check_persisting(self, path: str, fs: AbstractFileSystem | None) -> None:
        """Refuse to persist the store over one of another space.

        Raises:
            EmbeddingSpaceError: There is such a one.
        """


class NodeKeeper(StampKeeper[BaseNode], SpaceKeeper):
    """Any store that keeps nodes: records are on them, and there is no looking through them."""


class NodeCollection(RecordedCollection):
    """A vector store whose nodes can be listed.

    Attributes:
        vector_store: The store.
        guard: The store behind its guard, where a named index opened the collection.
    """

    vector_store: BasePydanticVectorStore
    guard: BasePydanticVectorStore

    def __init__(self, store: BasePydanticVectorStore, keeper: SpaceKeeper, name: str) -> None:
        super().__init__(keeper, name)
        self.vector_store = store

    @abstractmethod
    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""

    @abstractmethod
    def drop(self) -> None:
        """Remove it, for good."""

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add nodes, in place of those with the same ids."""
        fitted = self.fit([chunk.item for chunk in chunks])
        nodes = [to_node(item) for item in fitted]
        for node, chunk in zip(nodes, chunks, strict=True):
            node.embedding = list(chunk.vector)
        self._replace(chunks, nodes)

    @abstractmethod
    def _replace(self, chunks: Sequence[Embedded], nodes: list[BaseNode]) -> None:
        """Write nodes with their vectors, in place of those with the same ids, which stay until then."""

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """The nodes with metadata in the form that LlamaIndex gives them in a store: a date is a string there.

        Raises:
            ChunkRefusedError: The store can't hold one as it is.
        """
        fitted = []
        for item in items:
            node = to_node(item)
            metadata = {key: self._plain(item, key, value) for key, value in node.metadata.items()}
            self._check(item, metadata)
            changed = metadata != node.metadata
            fitted.append(to_chunk(node.model_copy(update={"metadata": metadata})) if changed else item)
        return fitted

    def _plain(self, item: Item, key: str, value: Any) -> Any:
        try:
            return to_jsonable_python(value)
        except ValueError as error:
            raise refused(item, self.name, key, f"LlamaIndex can't keep it as JSON: {error}") from error

    def _check(self, item: Item, metadata: Mapping[str, Any]) -> None:
        """Refuse a chunk with these metadata that the store can't hold."""
        check_strings(item, metadata, self.name)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        if ids:
            self.vector_store.delete_nodes(list(ids))

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        ids = self.vector_store.query(query).ids or []
        items = self.get(ids)
        return [items[found] for found in ids if found in items]


@dataclass(frozen=True, slots=True)
class StoreKind:
    """What turnout has for a kind of store.

    Attributes:
        keeper: Store → the keeper of its record.
        open: (settings, name, space, whether to make it) → the collection of a named index, or None.
    """

    keeper: Callable[[Any], SpaceKeeper]
    open: Callable[[IndexSettings, str, EmbeddingSpace, bool], NodeCollection | None]
