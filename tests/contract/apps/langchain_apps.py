"""The applications of LangChain: importing this makes every row.

Each is written once, against LangChain's interfaces, and knows nothing of a backend.
"""

from __future__ import annotations

from tests.contract.apps import (
    langchain_failures,
    langchain_history,
    langchain_media,
    langchain_parameters,
    langchain_rag,
    langchain_structured,
    langchain_tools,
)
from tests.contract.apps.langchain_parts import LANGCHAIN

__all__ = [
    "LANGCHAIN",
    "langchain_failures",
    "langchain_history",
    "langchain_media",
    "langchain_parameters",
    "langchain_rag",
    "langchain_structured",
    "langchain_tools",
]
