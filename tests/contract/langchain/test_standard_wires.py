"""langchain-tests' chat suites on the other wires, and on Converse with other families of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.contract.apps.settings import COLUMNS, settings_text
from tests.contract.langchain.test_standard import Chat
from turnout.facts.models import ModelFacts, facts

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

OTHER_MODEL = {
    "azure_responses": '{ deployment = "mini", model = "gpt-5-mini", wire = "openai-responses" }',
    "azure_claude": '{ deployment = "claude-fast", model = "claude-haiku-4-5" }',
    "bedrock_nova": '"amazon.nova-micro-v1:0"',
    "bedrock_llama": '"us.meta.llama4-maverick-17b-instruct-v1:0"',
    "bedrock_mistral": '"mistral.mistral-large-2402-v1:0"',
    "bedrock_gpt_oss": '"openai.gpt-oss-20b-1:0"',
    "mantle": '"openai.gpt-5.4"',
    "mantle_chat": '{ model = "openai.gpt-oss-20b", wire = "openai-chat" }',
}
NAMED = {
    "azure_responses": "gpt-5-mini",
    "azure_claude": "claude-haiku-4-5",
    "bedrock_nova": "amazon.nova-micro-v1:0",
    "bedrock_llama": "meta.llama4-maverick-17b-instruct-v1:0",
    "bedrock_mistral": "mistral.mistral-large-2402-v1:0",
    "bedrock_gpt_oss": "openai.gpt-oss-20b-1:0",
    "mantle": "openai.gpt-5.4",
    "mantle_chat": "openai.gpt-oss-20b",
}
"""Each column's second model: langchain-tests overrides the model of one call, and looks for its name in the answer."""


class Wire(Chat):
    @pytest.fixture(autouse=True)
    def _chosen(self, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "turnout.toml"
        text = settings_text(fresh_emulator)
        path.write_text(f'{text}\n[chat."{NAMED[self.name]}"]\n{self.name} = {OTHER_MODEL[self.name]}\n')
        monkeypatch.setenv("TURNOUT_CONFIG", str(path))
        monkeypatch.setenv("TURNOUT_BACKEND", self.name)

    @property
    def model_override_value(self) -> str:
        return NAMED[self.name]

    @property
    def facts(self) -> ModelFacts:
        return facts(COLUMNS[self.name].model)

    @property
    def supports_image_inputs(self) -> bool:
        return self.facts.images

    @property
    def has_tool_choice(self) -> bool:
        # A model that can't be forced is told, and an answer without the call is an error: tests/contract/apps.
        return "any" in self.facts.tool_choice or COLUMNS[self.name].wire.startswith("openai-")


class TestAzureResponsesUnit(Wire, ChatModelUnitTests):
    name = "azure_responses"


class TestAzureResponses(Wire, ChatModelIntegrationTests):
    name = "azure_responses"


class TestAzureClaudeUnit(Wire, ChatModelUnitTests):
    name = "azure_claude"


class TestAzureClaude(Wire, ChatModelIntegrationTests):
    name = "azure_claude"


class TestMantleUnit(Wire, ChatModelUnitTests):
    name = "mantle"


class TestMantle(Wire, ChatModelIntegrationTests):
    name = "mantle"


class TestMantleChat(Wire, ChatModelIntegrationTests):
    name = "mantle_chat"


class TestNova(Wire, ChatModelIntegrationTests):
    name = "bedrock_nova"


class TestLlama(Wire, ChatModelIntegrationTests):
    name = "bedrock_llama"


class TestMistral(Wire, ChatModelIntegrationTests):
    name = "bedrock_mistral"


class TestGptOss(Wire, ChatModelIntegrationTests):
    name = "bedrock_gpt_oss"
