"""LlamaIndex's stores in a reindex: a persisted index as source and target, and any docstore as a source."""

from turnout.llama_index.stores.base import DocstoreSource
from turnout.llama_index.stores.simple import PersistedIndex

__all__ = ["DocstoreSource", "PersistedIndex"]
