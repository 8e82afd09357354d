"""Small things that tests of both frameworks use."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout_emulator import Emulator, Received

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""

CONTEXT = "Context: The depot opens at seven. Turnouts guide trains.\n\nQuestion: When does the depot open?"


def chats(emulator: Emulator) -> list[Received]:
    """The chat requests that reached the emulator."""
    return [received for received in emulator.requests if received.operation == "chat"]
