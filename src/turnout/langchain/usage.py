"""Token counts that mean the same on every wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

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
