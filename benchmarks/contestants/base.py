"""What every contestant can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

Cloud = Literal["Azure", "Bedrock"]
Vectors = Sequence[Sequence[float]]

QUESTION = "When does the depot open?"
CHAT = {"Azure": "gpt-4o", "Bedrock": "us.amazon.nova-lite-v1:0"}
AZURE_EMBEDDING = "text-embedding-3-small"
EMBEDDING = {
    "Azure": "embed-small",
    "Titan": "amazon.titan-embed-text-v2:0",
    "Cohere": "cohere.embed-english-v3",
}
"""Who is asked → what the service is asked for: Bedrock's models, and a deployment of `AZURE_EMBEDDING`."""
BATCH = {"Azure": 2048, "Titan": 1, "Cohere": 96}
"""Texts that one request takes."""

DATED = "2024-10-21"
"""The version of Azure's dated API that the frameworks' Azure classes insist on."""

AZURE_KEY = "benchmark"
AWS_ACCESS_KEY, AWS_SECRET_KEY, REGION = "AKIABENCHMARK", "benchmark", "us-east-1"


class Names:
    """What the contestants are called in tables and targets."""

    RAW = "raw client"
    SDK = "SDK"
    SDK_THREADS = "SDK, 32 threads"
    LANGCHAIN = "LangChain"
    LLAMA_INDEX = "LlamaIndex"
    OURS_LANGCHAIN = "turnout in LangChain"
    OURS_LLAMA_INDEX = "turnout in LlamaIndex"
    LITELLM = "LiteLLM"
    WRAPPED_LANGCHAIN = "LangChain's ChatOpenAI"
    WRAPPED_LLAMA_INDEX = "LlamaIndex's AzureOpenAI"


class Unable(Exception):
    """The contestant has no such call."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server is.

    Attributes:
        url: The server's address.
        azure_key: The key for its Azure side.
        access_key: The AWS access key for its Bedrock side.
        secret_key: The AWS secret key.
        bedrock_url: Bedrock's address, where it isn't `url`.
    """

    url: str
    azure_key: str = AZURE_KEY
    access_key: str = AWS_ACCESS_KEY
    secret_key: str = AWS_SECRET_KEY
    bedrock_url: str = ""

    @property
    def azure(self) -> str:
        """The v1 API's base."""
        return f"{self.url}/openai/v1/"

    @property
    def bedrock(self) -> str:
        """Bedrock Runtime's base."""
        return self.bedrock_url or self.url

    def settings(self) -> str:
        """A turnout.toml for it."""
        return f"""
backend = "azure"

[backends.azure]
provider = "azure"
endpoint = "{self.url}"
api_key = "{self.azure_key}"

[backends.bedrock]
provider = "bedrock"
endpoint = "{self.bedrock}"
region = "{REGION}"
access_key_id = "{self.access_key}"
secret_access_key = "{self.secret_key}"

[chat.default]
azure = {{ deployment = "gpt-4o", model = "gpt-4o" }}
bedrock = "{CHAT["Bedrock"]}"

[embedding.azure]
azure = {{ deployment = "{EMBEDDING["Azure"]}", model = "{AZURE_EMBEDDING}" }}

[embedding.titan]
bedrock = "{EMBEDDING["Titan"]}"

[embedding.cohere]
bedrock = "{EMBEDDING["Cohere"]}"
"""


class Contestant:
    """One way to call a cloud. What it doesn't override, it has no call for.

    Attributes:
        name: What tables call it.
        place: Where it calls.
    """

    name: str

    def __init__(self, place: Place) -> None:
        self.place = place

    def construct(self) -> object:
        """A fresh chat model, as an application makes it."""
        raise Unable

    def fresh_chat(self) -> str:
        """One answer of a fresh chat model."""
        raise Unable

    def chat(self) -> str:
        """One answer."""
        raise Unable

    async def achat(self) -> str:
        """One answer, without blocking the event loop."""
        raise Unable

    def astream(self) -> AsyncIterator[str]:
        """The text of an answer as it comes."""
        raise Unable

    def embed(self, model: str, texts: list[str]) -> Vectors:  # noqa: ARG002 - for those who have it
        """Vectors of documents; `model` is a key of `EMBEDDING`."""
        raise Unable

    async def aembed(self, model: str, texts: list[str]) -> Vectors:  # noqa: ARG002 - for those who have it
        """Vectors of documents, without blocking the event loop."""
        raise Unable

    async def aclose(self) -> None:
        """Close what an event loop holds."""
