"""LlamaIndex indexes that are only ever searched with the embedding space that made them."""

from turnout.llama_index.stores.guard import GuardedVectorStore
from turnout.llama_index.stores.indexes import guarded
from turnout.llama_index.stores.keeper import SpaceKeeper, keeper_of, register
from turnout.space_keepers import Held

__all__ = ["GuardedVectorStore", "Held", "SpaceKeeper", "guarded", "keeper_of", "register"]
