"""A client of a web application that leaves in the middle of a stream: the service's connection goes with it."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.frameworks import Chat
from turnout_emulator import Answer, Script, Wait

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install uvicorn")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator, Whole
    from turnout_emulator.scripts import Step

LONG = 30.0


def application(chat: Chat) -> Any:
    """Streams an answer, until it is whole or the client leaves, as Starlette and FastAPI do."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

        async def stream() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for piece in chat.apieces("async-stream"):
                await send({"type": "http.response.body", "body": piece.text.encode(), "more_body": True})
            await send({"type": "http.response.body"})

        async def left() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        tasks = [asyncio.create_task(stream()), asyncio.create_task(left())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return answer


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_a_client_that_leaves(fresh_emulator: Emulator, settings_file: Path, framework: str, backend: str) -> None:
    ended = threading.Event()

    def endless(whole: Whole) -> Iterator[Step]:
        try:
            yield whole.head
            yield from whole.parts[:6]
            yield Wait(LONG)
        finally:
            ended.set()

    fresh_emulator.rule(lambda _: Script(endless, Answer("one two three four five six")))
    chat = Chat(framework, backend=backend, settings=str(settings_file))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(chat), lifespan="off", log_level="critical"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    serving.start()
    try:
        with socket.create_connection(listener.getsockname(), timeout=LONG) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            said = b""
            while b"one" not in said:
                said += client.recv(1000)
        assert ended.wait(LONG / 2)
    finally:
        server.should_exit = True
        serving.join()
        listener.close()
