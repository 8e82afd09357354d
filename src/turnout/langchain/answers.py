"""What each wire's class answers → one shape: text is a string, and the metadata says who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

    from turnout.routes import Route

_TOOL_BLOCKS = frozenset({"tool_use", "tool_call", "input_json_delta", "function_call"})


def _plain(content: Any) -> str | None:
    """Content as a string, if text and tool calls (which `tool_calls` says already) are all there is to it."""
    if not isinstance(content, list):
        return str(content)
    blocks = [block for block in content if not (isinstance(block, dict) and block.get("type") in _TOOL_BLOCKS)]
    texts = [_text(block) for block in blocks]
    return None if None in texts else "".join(text for text in texts if text is not None)


def _text(block: Any) -> str | None:
    if isinstance(block, str):
        return block
    if block.get("type") == "text" and not block.keys() - {"type", "text", "index", "id"}:
        return str(block.get("text", ""))
    return None


def _mark(message: BaseMessage, route: Route) -> None:
    message.response_metadata["backend"] = route.backend
    message.response_metadata["deployment"] = route.deployment


def _as_text(message: AIMessage, text: str) -> None:
    message.content = text
    # LangChain parses blocks by this name, and the parsers of some names expect blocks where there is now a string.
    if message.response_metadata.get("model_provider") != "openai":
        message.response_metadata.pop("model_provider", None)


def portable(generation: ChatGeneration, route: Route) -> ChatGeneration:
    """An answer in the one shape, changed in place."""
    message = generation.message
    if isinstance(message, AIMessage):
        plain = _plain(message.content)
        if plain is not None:
            _as_text(message, plain)
    _mark(message, route)
    return generation


class Stream:
    """Brings the chunks of one streamed answer into the one shape."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._blocks = False
        self._first = True

    def portable(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """A chunk in the one shape, changed in place."""
        message = chunk.message
        if isinstance(message, AIMessageChunk):
            plain = _plain(message.content)
            # What follows reasoning or other blocks stays in blocks, or their order would be lost.
            self._blocks = self._blocks or plain is None
            if plain is not None and not self._blocks:
                _as_text(message, plain)
        if self._first:
            _mark(message, self._route)
            self._first = False
        return chunk
