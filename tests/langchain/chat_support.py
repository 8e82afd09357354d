"""What the tests of `ChatTurnout` ask, and what the service received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout_emulator import Emulator

CONTEXT = "Context: The depot opens at seven. Turnouts guide trains.\n\nQuestion: When does the depot open?"


def chats(emulator: Emulator) -> list[Any]:
    return [request for request in emulator.requests if request.operation == "chat"]
