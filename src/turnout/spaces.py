"""The embedding space of a vector: which vectors may be compared with which.

The same model is the same space wherever it is served: `text-embedding-3-small` on OpenAI and on Azure share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.models import base_id

if TYPE_CHECKING:
    from turnout.routes import Route


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors live.

    Attributes:
        model: The model and its version, without region or deployment.
        dimensions: Length of the vectors; None if neither settings nor facts say.
    """

    model: str
    dimensions: int | None

    def __str__(self) -> str:
        return f"{self.model}/{self.dimensions or '?'}"


def space_of(route: Route) -> EmbeddingSpace:
    """The space of an embedding route's vectors.

    An Azure deployment whose `model` the settings don't say is a space of its own, named by resource and deployment.
    """
    facts = route.facts
    default = facts.dimensions[0] if facts.dimensions else None
    model = base_id(route.model) if route.model else f"{route.backend}:{route.deployment}"
    return EmbeddingSpace(model=model, dimensions=route.dimensions or default)
