"""LlamaIndex's `ChromaVectorStore`: the record is in the collection's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
from llama_index.vector_stores.chroma import ChromaVectorStore

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chroma import COSINE, ChromaChunks, ChromaRecordKeeper, check_metadata, open_client
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.collection import chunk_refused
from turnout.index.guard.keepers import Sample
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import NodeCollection, SpaceKeeper, to_chunk
from turnout.llama_index.stores.upstream import replace_chroma_collection
from turnout.settings import IndexSettings


class _ChromaKeeper(ChromaRecordKeeper, SpaceKeeper):
    """Keeps the record of a store that is embedded or on a server."""

    def __init__(self, store: ChromaVectorStore) -> None:
        self.store = store
        super().__init__()

    @property
    def collection(self) -> Any:
        return self.store.client

    def reopen(self, collection: Any) -> None:
        replace_chroma_collection(self.store, collection)

    def sample(self, number: int) -> list[Sample]:
        return [
            (metadata_dict_to_node(metadata or {}, text=text).get_content(MetadataMode.EMBED), vector)
            for text, metadata, vector in self.rows(number)
        ]


class _ChromaCollection(ChromaChunks, NodeCollection):
    """A collection of a named index, read through Chroma's own, which is made if there is none."""

    vector_store: ChromaVectorStore

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        collection = client.get_or_create_collection(name, metadata=dict(COSINE), embedding_function=None)
        store = ChromaVectorStore(chroma_collection=collection)
        NodeCollection.__init__(self, store, _ChromaKeeper(store), name)

    def _chunk(self, id_: str, text: str, metadata: Mapping[str, Any] | None) -> Chunk:
        del id_  # it is in the metadata, with all of the node
        return to_chunk(metadata_dict_to_node(dict(metadata or {}), text=text))

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        super()._check(chunk, metadata)
        for key, value in metadata.items():
            if not isinstance(value, str | int | float | None):
                why = f"LlamaIndex's ChromaVectorStore holds str, int, float and None, not a {type(value).__name__}"
                raise chunk_refused(chunk, self.name, key, why)
        check_metadata(chunk, metadata, self.name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        flat = self.vector_store.flat_metadata
        entries = [node_to_metadata_dict(node, remove_text=True, flat_metadata=flat).items() for node in nodes]
        metadatas = [{key: "" if value is None else value for key, value in each} for each in entries]
        self.replace(chunks, [node.get_content(MetadataMode.NONE) for node in nodes], metadatas)

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        where = {"document_id": {"$in": list(ref_doc_ids)}}
        return list(self.keeper.collection.get(where=where, include=[])["ids"])

    def drop(self) -> None:
        self._client.delete_collection(self.name)


def _open(index: IndexSettings, name: str, _: EmbeddingSpace, create: bool) -> _ChromaCollection | None:
    client = open_client(index, name, create=create)
    return _ChromaCollection(client, name) if client is not None else None


KIND = StoreKind(_ChromaKeeper, _open)
