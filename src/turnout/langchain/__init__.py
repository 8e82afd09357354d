"""LangChain: a chat model and embeddings whose cloud is a setting.

Importing this loads langchain-core alone; a backend's integration and SDK load when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError

try:
    # From here and not from the modules below: at their depth of calls this import works at the edge of a piece of
    # CPython's stack, which is mapped and unmapped 7,500 times: a tenth of its time (3.11; strace -c shows it).
    import langchain_core.language_models.chat_models  # noqa: F401
except ImportError as error:
    raise MissingExtraError("turnout.langchain needs LangChain: pip install 'turnout[langchain]'") from error

from turnout.index import frameworks
from turnout.langchain.chat import ChatTurnout
from turnout.langchain.embeddings import TurnoutEmbeddings

if TYPE_CHECKING:
    from turnout.langchain.caches import cached
    from turnout.langchain.guard import guarded
    from turnout.langchain.index import TurnoutIndex

__all__ = ["ChatTurnout", "TurnoutEmbeddings", "TurnoutIndex", "cached", "guarded"]

_LAZY = {
    "TurnoutIndex": "turnout.langchain.index",
    "cached": "turnout.langchain.caches",
    "guarded": "turnout.langchain.guard",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'turnout.langchain' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


frameworks.register("langchain", "turnout.langchain.stores")
