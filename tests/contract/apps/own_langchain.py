"""LangChain's own classes, built as their documentation says, for the same columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.apps.addresses import kind, place
from tests.contract.apps.settings import DATED, REGION, embedding_deployment
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

_AWS: dict[str, Any] = {
    "region_name": REGION,
    "aws_access_key_id": AWS_ACCESS_KEY,
    "aws_secret_access_key": AWS_SECRET_KEY,
}


def class_name(column: Column) -> str:
    """The class, as a footnote names it."""
    v1 = " (v1)" if column.provider == "azure" else ""
    return {
        "dated": "AzureChatOpenAI",
        "chat": f"ChatOpenAI{v1}",
        "responses": "ChatOpenAI (Responses)",
        "messages": "ChatAnthropic",
        "converse": "ChatBedrockConverse",
    }[kind(column)]


def chat(column: Column, emulator: Emulator, **options: Any) -> BaseChatModel:
    """The class that LangChain has for a column."""
    from langchain_anthropic import ChatAnthropic
    from langchain_aws import ChatBedrockConverse
    from langchain_openai import AzureChatOpenAI, ChatOpenAI

    named: dict[str, Any] = {"model": column.deployment, **options}
    made = kind(column)
    if made == "converse":
        return ChatBedrockConverse(endpoint_url=emulator.bedrock.url, **_AWS, **named)
    if made == "dated":
        return AzureChatOpenAI(
            azure_endpoint=emulator.azure.url,
            azure_deployment=column.deployment,
            api_version=DATED,
            api_key=AZURE_KEY,
            **options,
        )
    url, key = place(column, emulator)
    if made == "messages":  # Foundry takes the key as x-api-key, which is how this class sends it
        return ChatAnthropic(base_url=url, api_key=key, **named)
    return ChatOpenAI(base_url=url, api_key=key, use_responses_api=made == "responses", **named)


def embeddings(column: Column, emulator: Emulator) -> Embeddings:
    """The class that LangChain has for a column's embeddings."""
    from langchain_aws import BedrockEmbeddings
    from langchain_openai import AzureOpenAIEmbeddings, OpenAIEmbeddings

    model = embedding_deployment(column)
    # Without this the OpenAI classes download tokenizer tables from the network first.
    offline: dict[str, Any] = {"model": model, "check_embedding_ctx_length": False}
    match column.provider:
        case "azure" if column.name == "azure_dated":
            offline |= {"azure_endpoint": emulator.azure.url, "api_version": DATED, "api_key": AZURE_KEY}
            return AzureOpenAIEmbeddings(**offline)
        case "azure":
            offline |= {"base_url": f"{emulator.azure.url}/openai/v1/", "api_key": AZURE_KEY}
            return OpenAIEmbeddings(**offline)
        case "openai":
            offline |= {"base_url": f"{emulator.openai.url}/v1", "api_key": OPENAI_KEY}
            return OpenAIEmbeddings(**offline)
    return BedrockEmbeddings(model_id=model, endpoint_url=emulator.bedrock.url, **_AWS)
