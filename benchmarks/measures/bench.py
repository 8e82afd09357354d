"""What a measure is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contestants import Cloud, Contestant, Place, contestants

if TYPE_CHECKING:
    from benchmarks.server import Server

CLOUDS: tuple[Cloud, ...] = ("Azure", "Bedrock")
DELAY = 0.1
"""Seconds that the server takes to answer, where it isn't to answer at once."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how much to measure.

    Attributes:
        server: The running server.
        place: The same, for contestants.
        quick: Whether to do less.
        leave_out: Contestants that aren't wanted or not installed.
    """

    server: Server
    place: Place
    quick: bool
    leave_out: frozenset[str] = frozenset()

    def everyone(self, cloud: Cloud) -> list[Contestant]:
        """The contestants of a cloud."""
        return contestants(self.place, cloud, leave_out=self.leave_out)
