"""LangChain's own classes, made as their documentation says."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.contestants.base import (
    AZURE_EMBEDDING,
    CHAT,
    DATED,
    EMBEDDING,
    QUESTION,
    REGION,
    Contestant,
    Names,
    Vectors,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


class _LangChain(Contestant):
    name = Names.LANGCHAIN

    def construct(self) -> BaseChatModel:
        raise NotImplementedError

    def _embeddings(self, model: str) -> Embeddings:
        raise NotImplementedError

    @cached_property
    def _model(self) -> BaseChatModel:
        return self.construct()

    @cached_property
    def _embedder(self) -> Any:
        return cache(self._embeddings)

    def fresh_chat(self) -> str:
        return str(self.construct().invoke(QUESTION).content)

    def chat(self) -> str:
        return str(self._model.invoke(QUESTION).content)

    async def achat(self) -> str:
        return str((await self._model.ainvoke(QUESTION)).content)

    async def astream(self) -> AsyncIterator[str]:
        async for chunk in self._model.astream(QUESTION):
            if isinstance(chunk.content, str):
                yield chunk.content
            else:
                for block in chunk.content:
                    if isinstance(block, dict):
                        yield block.get("text", "")

    def embed(self, model: str, texts: list[str]) -> Vectors:
        vectors: Vectors = self._embedder(model).embed_documents(texts)
        return vectors

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        vectors: Vectors = await self._embedder(model).aembed_documents(texts)
        return vectors


class LangChainAzure(_LangChain):
    @property
    def _options(self) -> dict[str, Any]:
        return {"azure_endpoint": self.place.url, "api_key": self.place.azure_key, "api_version": DATED}

    def construct(self) -> BaseChatModel:
        from langchain_openai import AzureChatOpenAI

        return AzureChatOpenAI(azure_deployment=CHAT["Azure"], **self._options)

    def _embeddings(self, model: str) -> Embeddings:
        from langchain_openai import AzureOpenAIEmbeddings

        # With the check it would fetch tiktoken's tables from the network, and count every text.
        return AzureOpenAIEmbeddings(
            model=AZURE_EMBEDDING, deployment=EMBEDDING[model], check_embedding_ctx_length=False, **self._options
        )


class LangChainV1(_LangChain):
    """The class that turnout puts on Azure's v1 API."""

    name = Names.WRAPPED_LANGCHAIN

    def construct(self) -> BaseChatModel:
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        return ChatOpenAI(model=CHAT["Azure"], base_url=self.place.azure, api_key=SecretStr(self.place.azure_key))


class LangChainBedrock(_LangChain):
    @property
    def _options(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.place.bedrock,
            "region_name": REGION,
            "aws_access_key_id": self.place.access_key,
            "aws_secret_access_key": self.place.secret_key,
        }

    def construct(self) -> BaseChatModel:
        from langchain_aws import ChatBedrockConverse

        made: BaseChatModel = ChatBedrockConverse(model_id=CHAT["Bedrock"], **self._options)
        return made

    def _embeddings(self, model: str) -> Embeddings:
        from langchain_aws import BedrockEmbeddings

        made: Embeddings = BedrockEmbeddings(model_id=EMBEDDING[model], **self._options)
        return made
