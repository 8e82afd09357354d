"""Vector stores that are only ever searched with the embedding space that made them."""

from turnout.index.guard.keepers import Held
from turnout.langchain.stores.guard import GuardedVectorStore, guarded
from turnout.langchain.stores.keeper import SpaceKeeper, keeper_of, register

__all__ = ["GuardedVectorStore", "Held", "SpaceKeeper", "guarded", "keeper_of", "register"]
