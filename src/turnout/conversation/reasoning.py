"""Whose reasoning is whose: a service reads only what it gave itself."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from turnout.facts.models import facts

if TYPE_CHECKING:
    from turnout.conversation.turns import Reasoning, Source
    from turnout.routing import Route


def is_native(source: Source | None, route: Route) -> bool:
    """Whether the service that is asked gave an answer, so that it can read its own reasoning again."""
    if source is None or source.wire != route.wire or route.wire == "openai-chat":
        return False
    if (route.facts.known and not route.facts.reasoning) or source.backend not in {None, route.backend}:
        return False
    if source.deployment == route.deployment:
        return True
    theirs = facts(source.model or source.deployment or "")
    if theirs.known and route.facts.known:
        return theirs.family == route.facts.family
    return source.deployment is None


def is_accepted(reasoning: Reasoning, route: Route) -> bool:
    """Whether the service takes a piece of its own reasoning back.

    Nothing is stored at the service, so Responses takes only what is encrypted, and Claude only what it signed.
    """
    if route.wire == "openai-responses":
        return reasoning.item is not None and bool(reasoning.item.get("encrypted_content"))
    if reasoning.redacted is not None:
        return route.wire == "anthropic-messages" or redacted_bytes(reasoning.redacted) is not None
    if route.wire == "anthropic-messages" or route.facts.family == "claude":
        return reasoning.signature is not None
    return bool(reasoning.text or reasoning.signature)


def redacted_bytes(redacted: str) -> bytes | None:
    """Redacted reasoning as Converse takes it; None if it isn't Converse's."""
    try:
        return base64.b64decode(redacted, validate=True)
    except (binascii.Error, ValueError):
        return None
