"""LiteLLM's functions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.contestants.base import BATCH, CHAT, DATED, EMBEDDING, QUESTION, REGION, Contestant, Names, Vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MESSAGES = [{"role": "user", "content": QUESTION}]


class _LiteLLM(Contestant):
    name = Names.LITELLM
    _prefix: str

    @property
    def _options(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def _chat_model(self) -> str:
        raise NotImplementedError

    @cached_property
    def _litellm(self) -> Any:
        import litellm

        return litellm

    def chat(self) -> str:
        answer = self._litellm.completion(model=self._chat_model, messages=_MESSAGES, **self._options)
        return str(answer.choices[0].message.content)

    async def achat(self) -> str:
        answer = await self._litellm.acompletion(model=self._chat_model, messages=_MESSAGES, **self._options)
        return str(answer.choices[0].message.content)

    async def astream(self) -> AsyncIterator[str]:
        chunks = await self._litellm.acompletion(
            model=self._chat_model, messages=_MESSAGES, stream=True, **self._options
        )
        async for chunk in chunks:
            yield chunk.choices[0].delta.content or ""

    def embed(self, model: str, texts: list[str]) -> Vectors:
        found: list[list[float]] = []
        for part in self._parts(model, texts):
            answer = self._litellm.embedding(model=f"{self._prefix}{EMBEDDING[model]}", input=part, **self._options)
            found += [item["embedding"] for item in answer.data]
        return found

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        found: list[list[float]] = []
        for part in self._parts(model, texts):
            answer = await self._litellm.aembedding(
                model=f"{self._prefix}{EMBEDDING[model]}", input=part, **self._options
            )
            found += [item["embedding"] for item in answer.data]
        return found

    @staticmethod
    def _parts(model: str, texts: list[str]) -> list[list[str]]:
        """Requests that the service takes: LiteLLM divides for Titan alone."""
        size = len(texts) if model == "Titan" else BATCH[model]
        return [texts[start : start + size] for start in range(0, len(texts), size)]


class LiteLLMAzure(_LiteLLM):
    _prefix = "azure/"

    @property
    def _options(self) -> dict[str, Any]:
        return {"api_base": self.place.url, "api_key": self.place.azure_key, "api_version": DATED}

    @property
    def _chat_model(self) -> str:
        return f"azure/{CHAT['Azure']}"


class LiteLLMBedrock(_LiteLLM):
    _prefix = "bedrock/"

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "aws_bedrock_runtime_endpoint": self.place.bedrock,
            "aws_region_name": REGION,
            "aws_access_key_id": self.place.access_key,
            "aws_secret_access_key": self.place.secret_key,
        }

    @property
    def _chat_model(self) -> str:
        return f"bedrock/converse/{CHAT['Bedrock']}"
