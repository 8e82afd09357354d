"""langchain-tests' own suites, for each of the four backends. What differs between them is settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests

from tests.support.parts import PNG
from turnout.langchain import ChatTurnout, TurnoutEmbeddings

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel

    from turnout_emulator import Emulator

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
"""A document without a page."""


class Backend:
    """Chooses the backend by its variable; the classes below say which."""

    name: str

    @pytest.fixture(autouse=True)
    def _offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The suite downloads its sample pictures; they are handed over here instead. Turnout's calls don't use this."""

        def get(url: str, **_: Any) -> httpx.Response:
            content = PDF if url.endswith(".pdf") else PNG
            return httpx.Response(200, content=content, request=httpx.Request("GET", url))

        monkeypatch.setattr(httpx, "get", get)

    @pytest.fixture(autouse=True)
    def _chosen(self, settings_file: Path, monkeypatch: pytest.MonkeyPatch, fresh_emulator: Emulator) -> None:
        monkeypatch.setenv("TURNOUT_BACKEND", self.name)


# The suite sets a temperature and stop sequences everywhere, and turnout says so when a model takes none.
@pytest.mark.filterwarnings("ignore:(temperature|stop) is left out")
class Chat(Backend):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatTurnout

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        # No api_key: credentials are settings, never arguments.
        return {"temperature": 0, "max_tokens": 100, "timeout": 60, "stop": [], "max_retries": 2}

    @property
    def model_override_value(self) -> str:
        return "amazon.nova-micro-v1:0" if self.name == "bedrock" else "gpt-5-mini"

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"TURNOUT_BACKEND": self.name}, {}, {"model": "default"}

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        # Bedrock takes bytes, so turnout would fetch the suite's picture from the public internet.
        return not self.name.startswith(("bedrock", "mantle"))

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def returns_usage_metadata(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return self.supports_image_inputs

    @property
    def supports_pdf_inputs(self) -> bool:
        return self.name != "bedrock_gpt_oss"  # the model takes no documents

    @property
    def supports_pdf_tool_message(self) -> bool:
        return self.supports_pdf_inputs


class TestAzureUnit(Chat, ChatModelUnitTests):
    name = "azure"


class TestAzureDatedUnit(Chat, ChatModelUnitTests):
    name = "azure_dated"


class TestOpenAIUnit(Chat, ChatModelUnitTests):
    name = "openai"


class TestBedrockUnit(Chat, ChatModelUnitTests):
    name = "bedrock"


class TestAzure(Chat, ChatModelIntegrationTests):
    name = "azure"


class TestAzureDated(Chat, ChatModelIntegrationTests):
    name = "azure_dated"


class TestOpenAI(Chat, ChatModelIntegrationTests):
    name = "openai"


class TestBedrock(Chat, ChatModelIntegrationTests):
    name = "bedrock"


class Embedding(Backend):
    @property
    def embeddings_class(self) -> type[TurnoutEmbeddings]:
        return TurnoutEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"TURNOUT_BACKEND": self.name}, {}, {"route_name": "default"}  # `model` names the space


class TestAzureEmbeddingsUnit(Embedding, EmbeddingsUnitTests):
    name = "azure"


class TestAzureDatedEmbeddingsUnit(Embedding, EmbeddingsUnitTests):
    name = "azure_dated"


class TestOpenAIEmbeddingsUnit(Embedding, EmbeddingsUnitTests):
    name = "openai"


class TestBedrockEmbeddingsUnit(Embedding, EmbeddingsUnitTests):
    name = "bedrock"


class TestAzureEmbeddings(Embedding, EmbeddingsIntegrationTests):
    name = "azure"


class TestAzureDatedEmbeddings(Embedding, EmbeddingsIntegrationTests):
    name = "azure_dated"


class TestOpenAIEmbeddings(Embedding, EmbeddingsIntegrationTests):
    name = "openai"


class TestBedrockEmbeddings(Embedding, EmbeddingsIntegrationTests):
    name = "bedrock"
