"""The applications of LangChain: importing this makes every row.

Each is written once, against LangChain's interfaces, and knows nothing of a backend.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_anthropic import _client_utils as anthropic_clients
from langchain_openai.chat_models import _client_utils as openai_clients

from tests.contract.apps import (
    langchain_failures,
    langchain_history,
    langchain_media,
    langchain_parameters,
    langchain_programs,
    langchain_rag,
    langchain_structured,
    langchain_thinking,
    langchain_tools,
    own_langchain,
)
from tests.contract.apps.application import Framework, Models
from tests.contract.apps.langchain_parts import LANGCHAIN
from turnout.langchain import ChatTurnout, TurnoutEmbeddings

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

THEMES = (
    langchain_rag,
    langchain_tools,
    langchain_structured,
    langchain_media,
    langchain_history,
    langchain_parameters,
    langchain_thinking,
    langchain_programs,
    langchain_failures,
)


def own(column: Column, emulator: Emulator) -> Models:
    """LangChain's classes, of which an application makes each once, as if it had its process for itself."""
    openai_clients._cached_async_httpx_client.cache_clear()
    anthropic_clients._get_default_async_httpx_client.cache_clear()

    @cache
    def embeddings() -> Any:
        return own_langchain.embeddings(column, emulator)

    @cache
    def chat(**options: Any) -> Any:
        return own_langchain.chat(column, emulator, **options)

    return Models(chat, embeddings)


LANGCHAIN.order([theme.__name__ for theme in THEMES])
FRAMEWORK = Framework("LangChain", LANGCHAIN, Models(ChatTurnout, TurnoutEmbeddings), own, own_langchain.class_name)
