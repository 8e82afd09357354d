"""The applications of LlamaIndex: importing this makes every row.

Each is written once, against LlamaIndex's interfaces, and knows nothing of a backend.
"""

from __future__ import annotations

from tests.contract.apps import (
    llama_index_failures,
    llama_index_history,
    llama_index_own,
    llama_index_parameters,
    llama_index_programs,
    llama_index_rag,
    llama_index_structured,
    llama_index_thinking,
    llama_index_tools,
)
from tests.contract.apps.application import Framework, Models
from tests.contract.apps.llama_index_parts import LLAMA_INDEX
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

FRAMEWORK = Framework(
    "LlamaIndex",
    LLAMA_INDEX,
    Models(TurnoutLLM, TurnoutEmbedding),
    llama_index_own.own,
    llama_index_own.class_name,
)
"""What the matrix runs."""

__all__ = [
    "FRAMEWORK",
    "LLAMA_INDEX",
    "llama_index_failures",
    "llama_index_history",
    "llama_index_parameters",
    "llama_index_programs",
    "llama_index_rag",
    "llama_index_structured",
    "llama_index_thinking",
    "llama_index_tools",
]
