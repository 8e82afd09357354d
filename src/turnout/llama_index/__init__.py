"""LlamaIndex: an LLM and an embedding model whose cloud is a setting.

Importing this loads llama-index-core alone; a backend's integration and SDK load when it is first used.
"""

from turnout.errors import MissingExtraError

try:
    import llama_index.core  # noqa: F401
except ImportError as error:
    msg = "turnout.llama_index needs LlamaIndex: pip install 'turnout[llama-index]'"
    raise MissingExtraError(msg) from error

from turnout.llama_index.embedding import TurnoutEmbedding
from turnout.llama_index.indexes import TurnoutIndex
from turnout.llama_index.llm import TurnoutLLM
from turnout.llama_index.stores import GuardedVectorStore, guarded

__all__ = ["GuardedVectorStore", "TurnoutEmbedding", "TurnoutIndex", "TurnoutLLM", "guarded"]
