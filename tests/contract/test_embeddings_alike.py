"""Our vectors are those of the frameworks' own embedding classes, wherever those are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_aws import BedrockEmbeddings
from langchain_openai import AzureOpenAIEmbeddings, OpenAIEmbeddings
from llama_index.embeddings.bedrock import BedrockEmbedding
from llama_index.embeddings.openai import OpenAIEmbedding

from tests.clients import client_of
from turnout.embedding.embedder import Embedder
from turnout.routing import resolve
from turnout.settings import BedrockBackend, load_settings

if TYPE_CHECKING:
    from turnout_emulator import Emulator

TEXTS = ["The depot opens at seven.", "Turnouts guide trains.", "Coal is stored behind the shed."]


def embedder(model: str, dimensions: int | None = None) -> Embedder:
    settings = load_settings()
    return Embedder(resolve(model, kind="embedding", dimensions=dimensions, settings=settings), settings)


def runtime() -> Any:
    backend = load_settings().backends["bedrock"]
    assert isinstance(backend, BedrockBackend)
    return client_of(backend).sync


@pytest.mark.usefixtures("settings_file")
def test_openai_and_azure(emulator: Emulator) -> None:
    expected = embedder("openai:text-embedding-3-small").embed(TEXTS)
    open_ai: dict[str, Any] = {"base_url": f"{emulator.openai.url}/v1", "api_key": "sk-turnout-emulator"}
    azure: dict[str, Any] = {
        "azure_deployment": "embed-small",
        "azure_endpoint": emulator.azure.url,
        "api_key": "turnout-emulator-azure-key",
        "api_version": "2024-10-21",
    }
    plain: dict[str, Any] = {"check_embedding_ctx_length": False}  # or a tokenizer's tables would be downloaded
    langchains = OpenAIEmbeddings(model="text-embedding-3-small", **open_ai, **plain)
    azures = AzureOpenAIEmbeddings(**azure, **plain)
    llamas = OpenAIEmbedding(api_base=open_ai["base_url"], api_key=open_ai["api_key"], model="text-embedding-3-small")
    for theirs in (
        langchains.embed_documents(TEXTS),
        azures.embed_documents(TEXTS),
        llamas.get_text_embedding_batch(TEXTS),
    ):
        assert [pytest.approx(vector, abs=1e-6) for vector in expected] == theirs


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        ("amazon.titan-embed-text-v1", None),
        ("amazon.titan-embed-text-v2:0", 512),
        ("cohere.embed-english-v3", None),
        ("cohere.embed-v4:0", 256),
        ("amazon.nova-2-multimodal-embeddings-v1:0", 1024),
    ],
)
@pytest.mark.usefixtures("settings_file")
def test_bedrock_in_langchain(model: str, dimensions: int | None) -> None:
    ours = embedder(f"bedrock:{'us.' if model.startswith('cohere.embed-v4') else ''}{model}", dimensions)
    theirs = BedrockEmbeddings(client=runtime(), model_id=ours.route.deployment, dimensions=dimensions)
    assert ours.embed(TEXTS) == theirs.embed_documents(TEXTS)
    if "nova" not in model:  # there the wrapped class embeds a query as if it were a document
        assert ours.embed(TEXTS[:1], "query")[0] == theirs.embed_query(TEXTS[0])


@pytest.mark.parametrize("model", ["amazon.titan-embed-text-v1", "cohere.embed-english-v3"])
@pytest.mark.usefixtures("settings_file")
def test_bedrock_in_llama_index(model: str) -> None:
    theirs = BedrockEmbedding(model_name=model, client=runtime())
    assert embedder(f"bedrock:{model}").embed(TEXTS) == theirs.get_text_embedding_batch(TEXTS)
    assert embedder(f"bedrock:{model}").embed(TEXTS[:1], "query")[0] == theirs.get_query_embedding(TEXTS[0])
