"""An application that is loaded, and whose models are used, before a server forks its workers.

An answer repeats the question's words, and its vector is the one that the parent had.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import Callable

logging.getLogger("asyncio").setLevel(logging.ERROR)  # not that a step of a loop took long

_chat = ChatTurnout(backend="azure")
_llm = TurnoutLLM(backend="bedrock")
_embeddings = TurnoutEmbeddings(backend="bedrock")
_embedding = TurnoutEmbedding(backend="azure")
_left = _chat.stream("Say six words.")  # a stream that is open at each fork


def _vectors() -> tuple[list[list[float]], list[float]]:
    return _embeddings.embed_documents(["one", "two"]), _embedding.get_text_embedding("one")


_WAYS: list[Callable[[str], str]] = [
    lambda question: _chat.invoke(question).text,
    lambda question: _llm.complete(question).text,
    lambda question: asyncio.run(_chat.ainvoke(question)).text,
    lambda question: asyncio.run(_llm.acomplete(question)).text,
    lambda question: "".join(piece.text for piece in _chat.stream(question)),
]


def ask(number: int) -> str:
    """Ask in one of five ways, and sometimes embed; says which process that was."""
    words = f"number {number}"
    answer = _WAYS[number % len(_WAYS)](f"Say {words}.")
    right = answer == words and (number % 3 > 0 or _vectors() == _before)
    return f"{os.getpid()} {right} {answer}"


for _way in _WAYS:
    _way("Say anything.")
_before = _vectors()
next(_left)
