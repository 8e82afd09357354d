"""Named indexes on LangChain's vector stores: one collection for each embedding space."""

from turnout.langchain.indexes.store import TurnoutIndex

__all__ = ["TurnoutIndex"]
