"""LlamaIndex's stores in a reindex: as sources and as targets, and any docstore as a source."""

from turnout.llama_index.reindexing.nodes import DocstoreSource, chunk_of, item_of, node_of
from turnout.llama_index.reindexing.opening import drop_collection, open_collection
from turnout.llama_index.reindexing.persisted import PersistedIndex

__all__ = [
    "DocstoreSource",
    "PersistedIndex",
    "chunk_of",
    "drop_collection",
    "item_of",
    "node_of",
    "open_collection",
]
