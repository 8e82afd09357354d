"""LlamaIndex's `ChromaVectorStore` as a collection of a named index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.schema import MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
from llama_index.vector_stores.chroma import ChromaVectorStore

from turnout.index.chroma import COSINE, ChromaChunks, check_metadata, open_client
from turnout.index.validation import chunk_refused
from turnout.llama_index.reindexing.collection import NodeCollection
from turnout.llama_index.reindexing.nodes import item_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.schema import BaseNode

    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.settings import IndexSettings


class ChromaCollection(ChromaChunks, NodeCollection[ChromaVectorStore]):
    """Read through Chroma's own collection."""

    @property
    def _opened(self) -> Any:
        return self.vector_store.client

    def _chunk(self, id_: str, text: str, metadata: Mapping[str, Any] | None) -> Chunk:
        del id_  # it is in the metadata, with all of the node
        return item_of(metadata_dict_to_node(dict(metadata or {}), text=text))

    def _check(self, item: Chunk, metadata: Mapping[str, Any]) -> None:
        super()._check(item, metadata)
        for key, value in metadata.items():
            if not isinstance(value, str | int | float | None):
                why = f"LlamaIndex's ChromaVectorStore holds str, int, float and None, not a {type(value).__name__}"
                raise chunk_refused(item, self.name, key, why)
        check_metadata(item, metadata, self.name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        flat = self.vector_store.flat_metadata
        kept = [node_to_metadata_dict(node, remove_text=True, flat_metadata=flat) for node in nodes]
        metadatas = [{key: "" if value is None else value for key, value in one.items()} for one in kept]
        self.replace(chunks, [node.get_content(MetadataMode.NONE) for node in nodes], metadatas)

    def ids(self) -> list[str]:
        """The ids of all nodes."""
        return list(self._opened.get(include=[])["ids"])

    def of_document(self, ref_doc_id: str) -> list[str]:
        """The ids of a document's nodes."""
        return list(self._opened.get(where={"document_id": ref_doc_id}, include=[])["ids"])


def open_chroma(index: IndexSettings, called: str, *, create: bool) -> ChromaCollection | None:
    """The collection of that name, or None."""
    client = open_client(index, called, create=create)
    if client is None:
        return None
    opened = client.get_or_create_collection(called, metadata=dict(COSINE), embedding_function=None)
    return ChromaCollection(ChromaVectorStore(chroma_collection=opened), called)


def drop_chroma(index: IndexSettings, called: str) -> None:
    """Remove a collection, for good, if there is one."""
    client = open_client(index, called, create=False)
    if client is not None:
        client.delete_collection(called)
