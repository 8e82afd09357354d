"""A stream that its reader leaves gives its connection back at once: in threads and on event loops, in both frameworks."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from tests.calls.conftest import WIRES
from tests.support.frameworks import Chat
from turnout_emulator import Answer, Script, Wait

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator, Received

pytestmark = pytest.mark.slow

LONG = 15.0


@pytest.mark.parametrize("left", ["dropped", "closed", "broken off"])
@pytest.mark.parametrize("way", ["stream", "async-stream"])
def test_the_next_call_has_its_connection(
    fresh_emulator: Emulator, settings_file: Path, framework: str, wire: str, way: str, left: str
) -> None:
    backend, model = WIRES[wire]
    text = settings_file.read_text()
    settings_file.write_text(text.replace(f"[backends.{backend}]", f"[backends.{backend}]\nmax_connections = 1"))

    def rule(received: Received) -> Script | Answer:
        if received.stream:  # which goes on for longer than anybody waits
            return Script(
                lambda whole: [whole.head, *whole.parts[:6], Wait(2 * LONG)], Answer("one two three four five")
            )
        return Answer("whole")

    fresh_emulator.rule(rule)
    chat = Chat(framework, backend=backend, model=model, settings=str(settings_file), deadline=LONG)

    def in_thread() -> str:
        pieces = chat.pieces(way)
        if left == "broken off":
            for _ in pieces:
                break
        else:
            next(iter(pieces))
        if left == "closed":
            pieces.close()  # type: ignore[attr-defined] # of a generator
        del pieces
        return chat.ask("whole").text

    async def on_loop() -> str:
        pieces = chat.apieces(way)
        await anext(aiter(pieces))
        if left == "closed":
            await pieces.aclose()  # type: ignore[attr-defined] # of a generator
        del pieces
        gc.collect()
        async for piece in chat.apieces("async"):
            return piece.text
        return ""

    assert (asyncio.run(on_loop()) if "async" in way else in_thread()) == "whole"
