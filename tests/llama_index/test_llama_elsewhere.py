"""Wires on providers that the other files don't have: Responses on OpenAI itself, Claude on Azure with Entra tokens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage

from tests.providers.test_clients import entra
from turnout.llama_index import TurnoutLLM
from turnout.settings import Settings
from turnout_emulator.accounts import OPENAI_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator

LAMP = "The lamp is green.\n\nWhich colour is the lamp?"


def llm(backend: dict[str, Any], target: dict[str, str]) -> TurnoutLLM:
    made = {"backend": "here", "backends": {"here": backend}, "chat": {"default": {"here": target}}, "source": "test"}
    return TurnoutLLM(settings=Settings.model_validate(made))


def answers(model: TurnoutLLM, emulator: Emulator) -> set[tuple[str, str | None, str | None]]:
    """Ask in all four ways; gives service, wire and credential of the requests."""

    async def later() -> list[str]:
        pieces = [piece.text async for piece in await model.astream_complete(LAMP)]
        return [str((await model.achat([ChatMessage(LAMP)])).message.content), pieces[-1]]

    said = [model.complete(LAMP).text, list(model.stream_complete(LAMP))[-1].text, *asyncio.run(later())]
    assert said == ["The lamp is green."] * 4
    return {(one.service, one.wire, one.auth) for one in emulator.requests if one.operation == "chat"}


def test_responses_on_openai(fresh_emulator: Emulator) -> None:
    backend = {"provider": "openai", "base_url": f"{fresh_emulator.openai.url}/v1", "api_key": OPENAI_KEY}
    made = llm(backend, {"deployment": "gpt-5-mini", "model": "gpt-5-mini", "wire": "openai-responses"})
    assert {(service, wire) for service, wire, _ in answers(made, fresh_emulator)} == {("openai", "openai-responses")}


def test_claude_on_azure_with_entra(fresh_emulator: Emulator) -> None:
    backend = {"provider": "azure", "endpoint": fresh_emulator.azure.url, **entra(fresh_emulator)}
    made = llm(backend, {"deployment": "claude-prod", "model": "claude-sonnet-4-6"})
    assert answers(made, fresh_emulator) == {("azure", "anthropic-messages", "entra")}
