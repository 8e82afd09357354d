"""LlamaIndex's nodes as the chunks that a reindex moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc

from turnout.index.chunks import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llama_index.core.schema import BaseNode
    from llama_index.core.storage.docstore.types import BaseDocumentStore


def item_of(node: BaseNode) -> Chunk:
    """A node as a chunk: its text is what LlamaIndex embeds, its metadata are the whole node."""
    return Chunk(node.node_id, node.get_content(metadata_mode=MetadataMode.EMBED), doc_to_json(node))


def node_of(item: Chunk) -> BaseNode:
    """The node of a chunk, as it was."""
    return json_to_doc(item.metadata)


def chunk_of(node: BaseNode, source: str, made: str) -> Chunk:
    """A chunk of a source document: a node under an id of its own, with the document as its only relationship."""
    kept = TextNode(
        id_=made,
        text=node.get_content(),
        metadata=node.metadata,
        excluded_embed_metadata_keys=node.excluded_embed_metadata_keys,
        excluded_llm_metadata_keys=node.excluded_llm_metadata_keys,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )
    return item_of(kept)


class DocstoreSource:
    """The nodes of a docstore.

    Args:
        docstore: The docstore.
        name: What to call it in reports.
    """

    def __init__(self, docstore: BaseDocumentStore, name: str = "docstore") -> None:
        self._docstore = docstore
        self.name = name

    def chunks(self) -> Iterator[Chunk]:
        """Every node."""
        for node in self._docstore.docs.values():
            yield item_of(node)

    def count(self) -> int | None:
        """How many nodes there are."""
        return len(self._docstore.docs)
