"""Marks up to which a prompt is cached: Anthropic's `cache_control` on a block, Converse's `cachePoint` after one.

OpenAI's wires cache on their own, and take neither. What a mark costs where it can't be sent is time and money, never
the answer, so it is left out without a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from turnout.conversation.turns import Attachment, CachePoint, Part, Reasoning, Turn, WireBlock

if TYPE_CHECKING:
    from turnout.routing import Route

Place = Literal["system", "messages", "tools"]

_MOST = 4  # marks of a request: docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html


def mark_in(block: Mapping[str, Any]) -> CachePoint | None:
    """The mark on a block or tool, which may be in its `extras`; or the one that is a block of its own."""
    for place in (block, block.get("extras")):
        found = place.get("cache_control") if isinstance(place, Mapping) else None
        if isinstance(found, Mapping):
            return CachePoint(_ttl(found))
    for name in ("cachePoint", "cache_point"):
        if isinstance(block.get(name), Mapping) and "type" not in block:
            return CachePoint(_ttl(block[name]), converse=True)
    return None


def _ttl(mark: Mapping[str, Any]) -> str | None:
    ttl = mark.get("ttl")
    return ttl if isinstance(ttl, str) else None


def cache_control(point: CachePoint) -> dict[str, Any]:
    """A mark as Messages takes it, on a block."""
    return {"type": "ephemeral"} | ({"ttl": point.ttl} if point.ttl else {})


def cache_point(point: CachePoint) -> dict[str, Any]:
    """A mark as Converse takes it, a block of its own."""
    return {"cachePoint": {"type": "default"} | ({"ttl": point.ttl} if point.ttl else {})}


def accepted(point: CachePoint, place: Place, route: Route) -> CachePoint | None:
    """A mark that the route's model takes in a place; None where it takes none.

    A model that turnout doesn't know gets what was written for Converse, and nothing that was written for Anthropic.
    """
    if route.wire == "anthropic-messages":
        return point
    facts = route.facts
    if route.wire != "bedrock-converse" or not (place in facts.cache_points or (point.converse and not facts.known)):
        return None
    return point if facts.cache_hour or not facts.known else CachePoint(converse=point.converse)


def add_point(parts: list[Part], point: CachePoint, place: Place, route: Route) -> None:
    """Mark the parts of a message that there are so far.

    A mark needs something before it in the same message that isn't reasoning; on Converse not a document or film right
    before it. Source: https://github.com/strands-agents/harness-sdk/pull/3677
    """
    found = accepted(point, place, route)
    at = len(parts)
    while route.wire == "bedrock-converse" and at and _is_unmarked_file(parts[at - 1]):
        at -= 1
    if found is not None and at and not isinstance(parts[at - 1], CachePoint | Reasoning):
        parts.insert(at, found)


def mark_prompt(turns: Sequence[Turn], point: CachePoint, route: Route, *, in_tools: int) -> None:
    """Mark the end of the system message and of the last one, beside `in_tools` marks that the request has elsewhere.

    On Converse, where no mark stands for the whole prompt. Where there are more than the service takes, the first go.
    """
    places: list[tuple[Turn, Place]] = [(turn, "system") for turn in turns if turn.role == "system"]
    last = turns[-1]
    if "tools" in route.facts.cache_points or (
        last.role != "tool" and not last.calls
    ):  # Nova takes none beside a result
        places.append((last, "messages"))
    for turn, place in places:
        if not any(isinstance(part, CachePoint) for part in turn.parts):
            add_point(turn.parts, point, place, route)
    marked = [(turn, part) for turn in turns for part in turn.parts if isinstance(part, CachePoint)]
    for turn, part in marked[: max(0, len(marked) + in_tools - _MOST)]:
        turn.parts.remove(part)


def _is_unmarked_file(part: Part) -> bool:
    return (isinstance(part, Attachment) and part.kind in {"document", "video"}) or (
        isinstance(part, WireBlock) and bool({"document", "video"} & part.block.keys())
    )
