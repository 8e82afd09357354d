"""Every wire in both frameworks, asked in every way."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

WIRES = {
    "chat": ("azure", "default"),
    "responses": ("azure", "responses"),
    "messages": ("azure", "claude"),
    "converse": ("bedrock", "default"),
    "mantle": ("bedrock", "responses"),
    "mantle-chat": ("bedrock", "open-weight"),
}
WAYS = ("whole", "async", "stream", "async-stream")


@dataclass(frozen=True)
class Asker:
    """Asks one question, and gives the text and what the answer's metadata say."""

    framework: str
    wire: str
    way: str
    settings: str

    def ask(self, **options: Any) -> tuple[str, dict[str, Any]]:
        backend, model = WIRES[self.wire]
        arguments = {"backend": backend, "model": model, "settings": self.settings, **options}
        return self._langchain(arguments) if self.framework == "langchain" else self._llama_index(arguments)

    def _langchain(self, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        model = ChatTurnout(**arguments)

        async def astream() -> Any:
            found = None
            async for chunk in model.astream("hi"):
                found = chunk if found is None else found + chunk
            return found

        message: Any
        if self.way == "whole":
            message = model.invoke("hi")
        elif self.way == "async":
            message = asyncio.run(model.ainvoke("hi"))
        elif self.way == "stream":
            message = None
            for chunk in model.stream("hi"):
                message = chunk if message is None else message + chunk
        else:
            message = asyncio.run(astream())
        return str(message.text), message.response_metadata

    def _llama_index(self, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        llm = TurnoutLLM(**arguments)
        messages = [ChatMessage("hi")]

        async def astream() -> Any:
            return [piece async for piece in await llm.astream_chat(messages)][-1]

        if self.way == "whole":
            response = llm.chat(messages)
        elif self.way == "async":
            response = asyncio.run(llm.achat(messages))
        elif self.way == "stream":
            response = list(llm.stream_chat(messages))[-1]
        else:
            response = asyncio.run(astream())
        return response.message.content or "", response.additional_kwargs


@pytest.fixture(scope="module", autouse=True)
def _no_long_collections() -> Iterator[None]:
    """What a whole run holds isn't looked through meanwhile: that stops every thread for a second and more."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return fresh_emulator.settings_toml(every_wire=True)


@pytest.fixture
def wires_file(settings_file: Path) -> str:
    return str(settings_file)


@pytest.fixture(params=["langchain", "llama_index"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def asker(request: pytest.FixtureRequest, framework: str, wire: str, wires_file: str) -> Asker:
    return Asker(framework, wire, str(request.param), wires_file)
