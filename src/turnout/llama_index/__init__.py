"""LlamaIndex: an LLM and an embedding model whose cloud is a setting.

Importing this loads llama-index-core alone; a backend's integration and SDK load when it is first used.
"""

from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError

try:
    import llama_index.core  # noqa: F401
except ImportError as error:
    msg = "turnout.llama_index needs LlamaIndex: pip install 'turnout[llama-index]'"
    raise MissingExtraError(msg) from error

from turnout.index import frameworks
from turnout.llama_index.embedding import TurnoutEmbedding
from turnout.llama_index.llm import TurnoutLLM

if TYPE_CHECKING:
    from turnout.llama_index.guard import GuardedVectorStore, guarded
    from turnout.llama_index.index import TurnoutIndex

__all__ = ["GuardedVectorStore", "TurnoutEmbedding", "TurnoutIndex", "TurnoutLLM", "guarded"]

_LAZY = {
    "GuardedVectorStore": "turnout.llama_index.guard",
    "TurnoutIndex": "turnout.llama_index.index",
    "guarded": "turnout.llama_index.guard",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        msg = f"module 'turnout.llama_index' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


frameworks.register("llama_index", "turnout.llama_index.stores")
