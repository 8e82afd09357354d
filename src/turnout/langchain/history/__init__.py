"""Conversations that go on on another backend."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from turnout.routes import Route


def portable_history(messages: Sequence[BaseMessage], route: Route, *, has_tools: bool) -> list[BaseMessage]:  # noqa: ARG001
    """A conversation as a route's wire takes it."""
    return [copy.deepcopy(message) for message in messages]


async def aportable_history(messages: Sequence[BaseMessage], route: Route, *, has_tools: bool) -> list[BaseMessage]:
    """A conversation as a route's wire takes it."""
    return portable_history(messages, route, has_tools=has_tools)
