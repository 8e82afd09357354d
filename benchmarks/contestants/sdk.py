"""The SDKs without a framework: openai on aiohttp, and boto3."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.contestants.base import (
    BATCH,
    CHAT,
    EMBEDDING,
    QUESTION,
    REGION,
    Contestant,
    Names,
    Place,
    Vectors,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import openai


class SDKAzure(Contestant):
    name = Names.SDK

    @cached_property
    def _client(self) -> openai.OpenAI:
        import openai

        return openai.OpenAI(base_url=self.place.azure, api_key=self.place.azure_key)

    @cached_property
    def _aio(self) -> openai.AsyncOpenAI:
        import openai

        http_client = openai.DefaultAioHttpClient()
        return openai.AsyncOpenAI(base_url=self.place.azure, api_key=self.place.azure_key, http_client=http_client)

    async def aclose(self) -> None:
        if "_aio" in self.__dict__:
            await self._aio.close()
            del self.__dict__["_aio"]

    def chat(self) -> str:
        answer = self._client.chat.completions.create(
            model=CHAT["Azure"], messages=[{"role": "user", "content": QUESTION}]
        )
        return answer.choices[0].message.content or ""

    async def achat(self) -> str:
        answer = await self._aio.chat.completions.create(
            model=CHAT["Azure"], messages=[{"role": "user", "content": QUESTION}]
        )
        return answer.choices[0].message.content or ""

    async def astream(self) -> AsyncIterator[str]:
        chunks = await self._aio.chat.completions.create(
            model=CHAT["Azure"], messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        async for chunk in chunks:
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def embed(self, model: str, texts: list[str]) -> Vectors:
        size = BATCH[model]
        parts = (texts[start : start + size] for start in range(0, len(texts), size))
        return [
            item.embedding
            for part in parts
            for item in self._client.embeddings.create(model=EMBEDDING[model], input=part).data
        ]


class SDKBedrock(Contestant):
    name = Names.SDK

    @cached_property
    def _client(self) -> Any:
        return boto_client(self.place)

    def chat(self) -> str:
        messages = [{"role": "user", "content": [{"text": QUESTION}]}]
        answer = self._client.converse(modelId=CHAT["Bedrock"], messages=messages)
        return str(answer["output"]["message"]["content"][0]["text"])

    def embed(self, model: str, texts: list[str]) -> Vectors:
        size = BATCH[model]
        parts = (texts[start : start + size] for start in range(0, len(texts), size))
        return [vector for part in parts for vector in self._invoke(model, part)]

    def _invoke(self, model: str, texts: list[str]) -> Vectors:
        titan = model == "Titan"
        asked = (
            {"inputText": texts[0], "normalize": True} if titan else {"texts": texts, "input_type": "search_document"}
        )
        answer = self._client.invoke_model(
            modelId=EMBEDDING[model], body=json.dumps(asked), accept="application/json", contentType="application/json"
        )
        found = json.loads(answer["body"].read())
        return [found["embedding"]] if titan else found["embeddings"]


class SDKThreads(SDKBedrock):
    """boto3 in threads, with its standard retries; what they give up is asked for again."""

    name = Names.SDK_THREADS
    threads = 32

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config

        return boto_client(self.place, Config(max_pool_connections=self.threads, retries={"mode": "standard"}))

    def embed(self, model: str, texts: list[str]) -> Vectors:
        from botocore.exceptions import ClientError

        def one(text: str) -> Sequence[float]:
            while True:
                try:
                    return self._invoke(model, [text])[0]
                except ClientError as error:
                    if error.response["Error"]["Code"] != "ThrottlingException":
                        raise

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(one, texts))


def boto_client(place: Place, config: Any = None) -> Any:
    """boto3's client as its documentation makes it."""
    import boto3

    return boto3.client(
        "bedrock-runtime",
        endpoint_url=place.bedrock,
        region_name=REGION,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        config=config,
    )
