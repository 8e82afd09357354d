"""A client of a web application that leaves in the middle of a stream: the service's connection goes with it."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.frameworks import Chat
from turnout_emulator import Answer, Script, Wait

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn isn't installed: pip install uvicorn")
fastapi = pytest.importorskip("fastapi", reason="FastAPI isn't installed: pip install fastapi")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from turnout_emulator import Emulator, Whole
    from turnout_emulator.scripts import Step

LONG = 30.0


def asgi(chat: Chat) -> Any:
    """Streams an answer, until it is whole or the client leaves, with no framework."""

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


def _fastapi(chat: Chat, way: str) -> Any:
    from fastapi.responses import StreamingResponse

    made = fastapi.FastAPI()

    async def on_loop() -> AsyncIterator[str]:
        async for piece in chat.apieces("async-stream"):
            yield piece.text

    def in_threads() -> Iterator[str]:
        for piece in chat.pieces("stream"):
            yield piece.text

    @made.get("/")  # type: ignore[untyped-decorator] # FastAPI is imported by name
    async def answer() -> Any:
        return StreamingResponse(on_loop() if way == "async-stream" else in_threads())

    return made


APPLICATIONS: dict[str, Callable[[Chat], Any]] = {
    "ASGI": asgi,
    "FastAPI": lambda chat: _fastapi(chat, "async-stream"),
    "FastAPI, in threads": lambda chat: _fastapi(chat, "stream"),
}


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
@pytest.mark.parametrize("kind", APPLICATIONS)
def test_a_client_that_leaves(
    fresh_emulator: Emulator, settings_file: Path, framework: str, backend: str, kind: str
) -> None:
    ended = threading.Event()

    def endless(whole: Whole) -> Iterator[Step]:
        try:
            yield whole.head
            yield from whole.parts[:6]
            if kind == "FastAPI, in threads":  # a thread that waits for the next words can't be told to leave
                yield from (step for part in [whole.parts[5]] * 500 for step in (Wait(0.05), part))
            yield Wait(LONG)
        finally:
            ended.set()

    fresh_emulator.rule(lambda _: Script(endless, Answer("one two three four five six")))
    chat = Chat(framework, backend=backend, settings=str(settings_file))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(APPLICATIONS[kind](chat), lifespan="off", log_level="critical"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    serving.start()
    try:
        with socket.create_connection(listener.getsockname(), timeout=LONG) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            said = b""
            while b"one" not in said:
                said += client.recv(1000)
        until = time.monotonic() + LONG / 2
        while not ended.wait(0.2) and time.monotonic() < until:
            gc.collect()  # Starlette's exceptions refer to a generator of threads, and it to them
        assert ended.is_set()
    finally:
        server.should_exit = True
        serving.join()
        listener.close()
