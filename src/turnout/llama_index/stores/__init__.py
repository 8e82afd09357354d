"""LlamaIndex indexes that are only ever searched with the embedding space that made them."""

from turnout.index.guard.keepers import StoreState
from turnout.llama_index.stores.guard import GuardedVectorStore
from turnout.llama_index.stores.indexes import guarded
from turnout.llama_index.stores.keeper import SpaceKeeper, keeper_of, register

__all__ = ["GuardedVectorStore", "SpaceKeeper", "StoreState", "guarded", "keeper_of", "register"]
