"""LlamaIndex's own classes, made as their documentation says."""

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
from benchmarks.contestants.sdk import boto_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM


class _LlamaIndex(Contestant):
    name = Names.LLAMA_INDEX

    def construct(self) -> LLM:
        raise NotImplementedError

    def _embeddings(self, model: str) -> BaseEmbedding:
        raise NotImplementedError

    @cached_property
    def _model(self) -> LLM:
        return self.construct()

    @cached_property
    def _embedder(self) -> Any:
        return cache(self._embeddings)

    def fresh_chat(self) -> str:
        return str(self.construct().complete(QUESTION))

    def chat(self) -> str:
        return str(self._model.complete(QUESTION))

    async def achat(self) -> str:
        return str(await self._model.acomplete(QUESTION))

    async def astream(self) -> AsyncIterator[str]:
        async for chunk in await self._model.astream_complete(QUESTION):
            yield chunk.delta or ""

    def embed(self, model: str, texts: list[str]) -> Vectors:
        vectors: Vectors = self._embedder(model).get_text_embedding_batch(texts)
        return vectors

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        vectors: Vectors = await self._embedder(model).aget_text_embedding_batch(texts)
        return vectors


class LlamaIndexAzure(_LlamaIndex):
    @property
    def _options(self) -> dict[str, Any]:
        return {"azure_endpoint": self.place.url, "api_key": self.place.azure_key, "api_version": DATED}

    def construct(self) -> LLM:
        from llama_index.llms.azure_openai import AzureOpenAI

        made: LLM = AzureOpenAI(model=CHAT["Azure"], engine=CHAT["Azure"], **self._options)
        return made

    def _embeddings(self, model: str) -> BaseEmbedding:
        from llama_index.embeddings.azure_openai import AzureOpenAIEmbedding

        made: BaseEmbedding = AzureOpenAIEmbedding(
            model=AZURE_EMBEDDING, deployment_name=EMBEDDING[model], **self._options
        )
        return made


class LlamaIndexV1(_LlamaIndex):
    """The class that turnout puts on Azure's v1 API, which takes no address of it, but clients."""

    name = Names.WRAPPED_LLAMA_INDEX

    def construct(self) -> LLM:
        import openai
        from llama_index.llms.azure_openai import AzureOpenAI

        options: dict[str, Any] = {"base_url": self.place.azure, "api_key": self.place.azure_key}
        made: LLM = AzureOpenAI(
            model=CHAT["Azure"],
            engine=CHAT["Azure"],
            api_key=self.place.azure_key,
            api_version=DATED,
            azure_endpoint=self.place.url,
            openai_client=openai.OpenAI(**options),
            async_openai_client=openai.AsyncOpenAI(**options),
        )
        return made


class LlamaIndexBedrock(_LlamaIndex):
    def construct(self) -> LLM:
        from llama_index.llms.bedrock_converse import BedrockConverse

        made: LLM = BedrockConverse(
            model=CHAT["Bedrock"],
            endpoint_url=self.place.bedrock,
            region_name=REGION,
            aws_access_key_id=self.place.access_key,
            aws_secret_access_key=self.place.secret_key,
        )
        return made

    def _embeddings(self, model: str) -> BaseEmbedding:
        from llama_index.embeddings.bedrock import BedrockEmbedding

        # The class takes no endpoint; a client is the way to another one.
        made: BaseEmbedding = BedrockEmbedding(model_name=EMBEDDING[model], client=boto_client(self.place))
        return made
