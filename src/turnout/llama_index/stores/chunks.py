"""LlamaIndex's nodes as an index's chunks and back, and the record of an embedding space in a node's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore.types import BaseDocumentStore
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc

from turnout.index.chunks import Chunk
from turnout.index.guard.records import KEYS, PREFIX, SpaceRecord, with_record

NodeT = TypeVar("NodeT", bound=BaseNode)


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
