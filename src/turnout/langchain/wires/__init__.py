"""A file for each wire: LangChain's class with turnout's client in it, and what it wants under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.calls.chat import Wires

if TYPE_CHECKING:
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

wires: Wires[ChatResult, ChatGenerationChunk] = Wires("turnout.langchain.wires", "langchain")
