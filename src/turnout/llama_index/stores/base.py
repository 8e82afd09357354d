"""What all kinds of LlamaIndex stores share: nodes as an index's chunks, the record of a space, and collections."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, wraps
from typing import Any, ClassVar, TypeVar

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc
from llama_index.core.vector_stores.types import BasePydanticVectorStore, MetadataFilters, VectorStoreQuery
from pydantic_core import to_jsonable_python

from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.collection import Collection, check_strings, chunk_refused
from turnout.index.guard.keepers import RecordKeeper, StampKeeper
from turnout.index.guard.records import KEYS, PREFIX, SpaceRecord, with_record
from turnout.index.locks import check_locks

NodeT = TypeVar("NodeT", bound=BaseNode)

PREFETCH = 4
"""How many times the nodes that are wanted a search by marginal relevance chooses from, as in LlamaIndex's stores."""


def to_chunk(node: BaseNode) -> Chunk:
    """A node as a chunk: its text is what LlamaIndex embeds, its metadata are the whole node."""
    return Chunk(node.node_id, node.get_content(metadata_mode=MetadataMode.EMBED), doc_to_json(node))


def to_node(chunk: Chunk) -> BaseNode:
    """The node of a chunk, as it was."""
    return json_to_doc(chunk.metadata)


def document_chunk(node: BaseNode, document_id: str, chunk_id: str) -> Chunk:
    """A part of a source document as a chunk: a node with an id of its own, related to nothing but the document."""
    made = TextNode(
        id_=chunk_id,
        text=node.get_content(),
        metadata=node.metadata,
        excluded_embed_metadata_keys=node.excluded_embed_metadata_keys,
        excluded_llm_metadata_keys=node.excluded_llm_metadata_keys,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document_id)},
    )
    return to_chunk(made)


def node_with_record(node: NodeT, record: SpaceRecord | None) -> NodeT:
    """A copy of a node with a record in its metadata, where no model sees it; without one if there is no record."""
    if record is None and not any(key.startswith(PREFIX) for key in node.metadata):
        return node
    excluded = {
        field: [key for key in getattr(node, field) if key not in KEYS] + ([*KEYS] if record else [])
        for field in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
    }
    return node.model_copy(update={"metadata": with_record(node.metadata, record), **excluded})


def on_thread(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method as one that doesn't block the event loop."""

    @wraps(method)
    async def run(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(method, *args, **kwargs)

    return run


class DocstoreSource:
    """The nodes of a docstore, as the source of a reindex.

    Args:
        docstore: The docstore.
        name: What to call it in reports.
    """

    def __init__(self, docstore: BaseDocumentStore, name: str = "docstore") -> None:
        self._docstore = docstore
        self.name = name

    def chunks(self) -> Iterator[Chunk]:
        """Every node."""
        return map(to_chunk, self._docstore.docs.values())

    def count(self) -> int | None:
        """How many nodes there are."""
        return len(self._docstore.docs)


class SpaceKeeper(RecordKeeper):
    """Reads and writes the record of a LlamaIndex store.

    Attributes:
        docstore: Where the texts are, for a store that doesn't keep them.
        unchecked: Methods of the store that neither search nor write; the guard passes them on.
    """

    docstore: BaseDocumentStore | None = None
    unchecked: ClassVar[frozenset[str]] = frozenset()

    def expecting(self, query: VectorStoreQuery, version: object) -> Mapping[str, Any] | None:
        """Arguments with which the query itself finds nothing unless the record has this version, if it can say so."""
        del query, version
        return None

    def inserting(self, record: SpaceRecord) -> AbstractContextManager[None]:
        """A context in which an insert itself ends with `RecordChanged` if the record is of another space by then."""
        del record
        return nullcontext()

    def persisting(self, path: str, fs: AbstractFileSystem | None) -> AbstractContextManager[str]:
        """A context in which the store is persisted to the path it gives; refused over one of another space."""
        del fs
        return nullcontext(path)


class NodeKeeper(StampKeeper, SpaceKeeper):
    """Any store that keeps nodes: records are on them, and there is no looking through them."""


class NodeCollection(Collection):
    """A vector store whose nodes can be listed.

    Attributes:
        vector_store: The store.
        open_guard: Puts the store behind its guard, where a named index opened the collection.
    """

    vector_store: BasePydanticVectorStore
    open_guard: Callable[[], BasePydanticVectorStore]

    def __init__(self, store: BasePydanticVectorStore, keeper: SpaceKeeper, name: str) -> None:
        super().__init__(keeper, name)
        self.vector_store = store

    @cached_property
    def guard(self) -> BasePydanticVectorStore:
        """The store behind its guard."""
        return self.open_guard()

    @abstractmethod
    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        """The ids of documents' nodes."""

    def matching(self, filters: MetadataFilters, node_ids: list[str] | None) -> list[str]:
        """The ids of nodes with such metadata; if ids are given, of those among them."""
        return [node.node_id for node in self.vector_store.get_nodes(node_ids or None, filters)]

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """Add nodes, in place of those with the same ids."""
        nodes = [to_node(chunk) for chunk in self.normalize(chunks)]
        for node, chunk in zip(nodes, chunks, strict=True):
            node.embedding = list(chunk.vector)
        check_locks()
        self._replace(chunks, nodes)

    @abstractmethod
    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        """Write nodes with their vectors, in place of those with the same ids, which stay until then."""

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The nodes with metadata in the form that LlamaIndex gives them in a store: a date is a string there."""
        normal = []
        for chunk in chunks:
            node = to_node(chunk)
            metadata = {key: self._plain(chunk, key, value) for key, value in node.metadata.items()}
            self._check(chunk, metadata)
            changed = metadata != node.metadata
            normal.append(to_chunk(node.model_copy(update={"metadata": metadata})) if changed else chunk)
        return normal

    def _plain(self, chunk: Chunk, key: str, value: Any) -> Any:
        try:
            return to_jsonable_python(value)
        except ValueError as error:
            raise chunk_refused(chunk, self.name, key, f"LlamaIndex can't keep it as JSON: {error}") from error

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        """Refuse a chunk with these metadata that the store can't hold."""
        check_strings(chunk, metadata, self.name)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove nodes; ids that aren't there are left out."""
        if ids:
            check_locks()
            self.vector_store.delete_nodes(list(ids))

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest nodes, nearest first."""
        query = VectorStoreQuery(query_embedding=[float(x) for x in vector], similarity_top_k=k)
        ids = self.vector_store.query(query).ids or []
        chunks = self.get(ids)
        return [chunks[found] for found in ids if found in chunks]
