"""Whose reasoning is whose: a service reads only what it signed itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.facts.models import facts

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ThinkingBlock

    from turnout.routing import Route

_MARK = "turnout"


def mark(block: ThinkingBlock, route: Route) -> None:
    """Write into a block who made it; it is saved and moved with the block."""
    made_by = {"backend": route.backend, "wire": route.wire, "model": route.model, "deployment": route.deployment}
    block.additional_information = {**block.additional_information, _MARK: made_by}


def is_own(block: ThinkingBlock, route: Route) -> bool:
    """Whether the service that is asked made a block, so that it can read it again."""
    said = block.additional_information.get(_MARK)
    if not isinstance(said, dict) or (said.get("backend"), said.get("wire")) != (route.backend, route.wire):
        return False
    if said.get("deployment") == route.deployment:
        return True
    theirs = facts(str(said.get("model") or ""))
    return theirs.known and route.facts.known and theirs.family == route.facts.family


def unmarked(block: ThinkingBlock) -> ThinkingBlock:
    """A copy with nothing but what the service gave."""
    kept = {name: value for name, value in block.additional_information.items() if name != _MARK}
    return block.model_copy(update={"additional_information": kept})
