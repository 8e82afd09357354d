"""Token counts that mean the same on every wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages.ai import subtract_usage

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.outputs import ChatGenerationChunk

_BY_LIFETIME = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def portable_usage(message: AIMessage) -> None:
    """Have `cache_creation` count all that was written to the cache.

    Claude's integrations count it there, or apart by how long it is kept, with nothing there. What was counted apart
    goes to the message's metadata, as `cache_creation`.
    """
    if message.usage_metadata is None:
        return
    details = cast("dict[str, Any]", message.usage_metadata.get("input_token_details") or {})
    apart = {name: details.pop(name) for name in _BY_LIFETIME if name in details}
    written = sum(count or 0 for count in apart.values())
    if written:
        details["cache_creation"] = (details.get("cache_creation") or 0) + written
        message.response_metadata["cache_creation"] = apart


class UsageDeltas:
    """The usage of one streamed answer: LangChain adds up what its chunks say.

    Some servers say in every chunk what was used so far.
    """

    def __init__(self) -> None:
        self._before: UsageMetadata | None = None

    def take(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """A chunk with what was used since the last one that said something, changed in place."""
        usage: UsageMetadata | None = getattr(chunk.message, "usage_metadata", None)
        if usage is not None:
            if self._before is not None:
                cast("Any", chunk.message).usage_metadata = subtract_usage(usage, self._before)
            self._before = usage
        return chunk
