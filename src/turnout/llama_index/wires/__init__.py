"""A file for each wire: what carries a prepared conversation to its service, and reads the answer."""

from llama_index.core.base.llms.types import ChatResponse

from turnout.calls.chat import Wires

wires: Wires[ChatResponse, ChatResponse] = Wires("turnout.llama_index.wires", "llama-index")
