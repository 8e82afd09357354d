"""Marks up to which a prompt is cached: Anthropic's `cache_control` on a block, Converse's `cachePoint` after one.

OpenAI's wires cache on their own, and take neither. What a mark costs where it can't be sent is time and money, never
the answer, so it is left out without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from turnout.conversation.turns import CachePoint

if TYPE_CHECKING:
    from turnout.routing import Route

Place = Literal["system", "messages", "tools"]

_UNMARKED = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content"})


def mark_in(block: Mapping[str, Any]) -> CachePoint | None:
    """The mark on a block or tool, which may be in its `extras`; or the one that is a block of its own."""
    for place in (block, block.get("extras")):
        found = place.get("cache_control") if isinstance(place, Mapping) else None
        if isinstance(found, Mapping):
            return CachePoint(_ttl(found))
    for name in ("cachePoint", "cache_point"):
        if isinstance(block.get(name), Mapping) and "type" not in block:
            return CachePoint(_ttl(block[name]), own=True)
    return None


def _ttl(mark: Mapping[str, Any]) -> str | None:
    ttl = mark.get("ttl")
    return ttl if isinstance(ttl, str) else None


def cache_control(point: CachePoint) -> dict[str, Any]:
    """A mark in Anthropic's words."""
    return {"type": "ephemeral"} | ({"ttl": point.ttl} if point.ttl else {})


def cache_point(point: CachePoint, place: Place, route: Route) -> dict[str, Any] | None:
    """A mark as a block of Converse's; None where the model takes none, and refuses a request that has one.

    A model that turnout doesn't know gets what was written for Converse, and nothing that was written for Anthropic.
    """
    facts = route.facts
    if not (place in facts.cache_points or (point.own and not facts.known)):
        return None
    ttl = point.ttl if facts.cache_hour or not facts.known else None
    return {"cachePoint": {"type": "default"} | ({"ttl": ttl} if ttl else {})}


def mark_blocks(blocks: list[Any], point: CachePoint, place: Place, route: Route) -> None:
    """Mark what has been written of a message.

    On Converse a mark needs something before it in the same message, and not a document or film right before it.
    Source: https://github.com/strands-agents/harness-sdk/pull/3677
    """
    if not blocks or route.wire not in {"anthropic-messages", "bedrock-converse"}:
        return
    if route.wire == "anthropic-messages":
        if blocks[-1].get("type") not in _UNMARKED:
            blocks[-1] = {**blocks[-1], "cache_control": cache_control(point)}
        return
    written = cache_point(point, place, route)
    at = len(blocks)
    while at and ("document" in blocks[at - 1] or "video" in blocks[at - 1]):
        at -= 1
    if (
        written is not None
        and at
        and "cachePoint" not in blocks[at - 1]
        and blocks[at - 1].get("type") not in _UNMARKED
    ):
        blocks.insert(at, written)
