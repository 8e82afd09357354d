"""A file for each wire: what carries a prepared conversation to its service, and reads the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.calls.chat import Wires

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

wires: Wires[ChatResponse, ChatResponse] = Wires("turnout.llama_index.wires", "llama-index")
