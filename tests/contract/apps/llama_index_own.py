"""LlamaIndex's own classes, built as their documentation says, for the same columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.contract.apps.addresses import kind, place
from tests.contract.apps.application import Models
from tests.contract.apps.settings import DATED, REGION, embedding_deployment
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator


def class_name(column: Column) -> str:
    """The class, as a footnote names it."""
    v1 = " (v1)" if column.provider == "azure" else ""
    return {
        "dated": "AzureOpenAI",
        "chat": f"OpenAI{v1}",
        "responses": "OpenAIResponses",
        "messages": "Anthropic",
        "converse": "BedrockConverse",
    }[kind(column)]


def own(column: Column, emulator: Emulator) -> Models:
    """LlamaIndex's classes, of which an application makes each once, as if it had its process for itself."""

    @cache
    def embeddings() -> Any:
        return _embeddings(column, emulator)

    @cache
    def chat(**options: Any) -> Any:
        return _chat(column, emulator, **options)

    return Models(chat, embeddings)


def _chat(column: Column, emulator: Emulator, **options: Any) -> Any:
    from llama_index.llms.anthropic import Anthropic
    from llama_index.llms.azure_openai import AzureOpenAI
    from llama_index.llms.bedrock_converse import BedrockConverse
    from llama_index.llms.openai import OpenAI, OpenAIResponses

    named: dict[str, Any] = {"model": column.deployment, **options}
    made = kind(column)
    if made == "converse":
        return BedrockConverse(
            endpoint_url=emulator.bedrock.url,
            region_name=REGION,
            aws_access_key_id=AWS_ACCESS_KEY,
            aws_secret_access_key=AWS_SECRET_KEY,
            **named,
        )
    if made == "dated":
        dated: dict[str, Any] = {"azure_endpoint": emulator.azure.url, "api_version": DATED, "api_key": AZURE_KEY}
        return AzureOpenAI(engine=column.deployment, **dated, **named)
    url, key = place(column, emulator)
    if made == "messages":
        return Anthropic(base_url=url, api_key=key, **named)
    openai = OpenAIResponses if made == "responses" else OpenAI
    return openai(api_base=url, api_key=key, **named)


def _embeddings(column: Column, emulator: Emulator) -> Any:
    import boto3
    from llama_index.embeddings.azure_openai import AzureOpenAIEmbedding
    from llama_index.embeddings.bedrock import BedrockEmbedding
    from llama_index.embeddings.openai import OpenAIEmbedding

    model = embedding_deployment(column)
    if column.provider == "bedrock":
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=emulator.bedrock.url,
            region_name=REGION,
            aws_access_key_id=AWS_ACCESS_KEY,
            aws_secret_access_key=AWS_SECRET_KEY,
        )
        return BedrockEmbedding(model_name=model, client=client)
    if column.name == "azure_dated":
        dated: dict[str, Any] = {"azure_endpoint": emulator.azure.url, "api_version": DATED, "api_key": AZURE_KEY}
        return AzureOpenAIEmbedding(model=column.embedding, deployment_name=model, **dated)
    if column.provider == "azure":
        base: dict[str, Any] = {"api_base": f"{emulator.azure.url}/openai/v1/", "api_key": AZURE_KEY}
    else:
        base = {"api_base": f"{emulator.openai.url}/v1", "api_key": OPENAI_KEY}
    return OpenAIEmbedding(model_name=model, **base)
