"""LangChain: a chat model and embeddings whose cloud is a setting.

Importing this loads langchain-core alone; a backend's integration and SDK load when it is first used.
"""

from turnout.errors import MissingExtraError

try:
    import langchain_core  # noqa: F401
except ImportError as error:
    msg = "turnout.langchain needs LangChain: pip install 'turnout[langchain]'"
    raise MissingExtraError(msg) from error

from turnout.langchain.caches import cached
from turnout.langchain.chat import ChatTurnout
from turnout.langchain.embeddings import TurnoutEmbeddings
from turnout.langchain.stores import guarded

__all__ = ["ChatTurnout", "TurnoutEmbeddings", "cached", "guarded"]
