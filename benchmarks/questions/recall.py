"""How often a question's passage is among the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.questions.make import Pair


def recall(asked: Sequence[Pair], search: Callable[[str], Sequence[str]]) -> float:
    """The share of questions whose passage is found.

    Args:
        asked: The questions.
        search: A question → the ids of the passages that are nearest.
    """
    return sum(pair.passage in search(pair.question) for pair in asked) / len(asked)
