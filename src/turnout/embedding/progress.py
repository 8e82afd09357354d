"""How far a call that embeds many texts has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How far a call has come.

    Attributes:
        done: Texts embedded; one that repeats is embedded once and counts as often as it was passed.
        total: Texts in all; None where they come from an iterator.
        in_flight: Requests that the deployment is working on.
    """

    done: int
    total: int | None
    in_flight: int
