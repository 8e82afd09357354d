"""Types for annotations, where importing them would be most of what importing a class of turnout costs.

A type checker sees the classes; `typing.get_type_hints`, which LangChain asks of a model's methods, finds `Any`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.calls.failover import Failover
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.routing import Route
else:
    EmbeddingSpace = Failover = Route = Any

__all__ = ["EmbeddingSpace", "Failover", "Route"]
