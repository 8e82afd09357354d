"""Where the frameworks' own classes find a column's service, and the key that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.apps.column import DATED
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from typing import Literal

    from tests.contract.apps.column import Column
    from turnout_emulator import Emulator


def kind(column: Column) -> Literal["dated", "chat", "responses", "messages", "converse"]:
    """Which of a framework's classes has the column's wire."""
    if ("api_version", DATED) in column.options:
        return "dated"
    kinds: dict[str, Literal["chat", "responses", "messages", "converse"]] = {
        "openai-chat": "chat",
        "openai-responses": "responses",
        "anthropic-messages": "messages",
        "bedrock-converse": "converse",
    }
    return kinds[column.wire]


def place(column: Column, emulator: Emulator) -> tuple[str, str]:
    """The base address for OpenAI's or Anthropic's SDK, and the key."""
    messages = column.wire == "anthropic-messages"
    if column.service == "openai":
        return f"{emulator.openai.url}/v1", OPENAI_KEY
    if column.service == "azure":
        return f"{emulator.azure.url}/{'anthropic' if messages else 'openai/v1/'}", AZURE_KEY
    if column.service == "mantle":
        return f"{emulator.mantle.url}/{'openai/v1' if column.wire == 'openai-responses' else 'v1'}", AWS_BEARER
    return f"{emulator.bedrock.url}/{'anthropic' if messages else 'openai/v1'}", AWS_BEARER
