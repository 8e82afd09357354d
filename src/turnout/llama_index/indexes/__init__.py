"""Named indexes on LlamaIndex's vector stores: one collection for each embedding space."""

from turnout.llama_index.indexes.index import TurnoutIndex
from turnout.llama_index.indexes.store import NamedVectorStore

__all__ = ["NamedVectorStore", "TurnoutIndex"]
