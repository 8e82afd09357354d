"""A vector that says its embedding space, so that it can't be taken for another model's on its way to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.spaces import EmbeddingSpace


class SpacedVector(list[float]):
    """A list of numbers with the space that they are of.

    It is a list in every other way. What copies its numbers (JSON, arithmetic, a LlamaIndex node) has them without the
    space.

    Attributes:
        space: The embedding space.
    """

    __slots__ = ("space",)

    def __init__(self, numbers: Iterable[float], space: EmbeddingSpace) -> None:
        super().__init__(numbers)
        self.space = space

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self), self.space)
