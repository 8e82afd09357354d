"""turnout in both frameworks; the settings file is found through TURNOUT_CONFIG."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

from benchmarks.contestants.base import QUESTION, Cloud, Contestant, Names, Place, Vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from turnout.langchain import ChatTurnout, TurnoutEmbeddings
    from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

_BACKEND = {"Azure": "azure", "Titan": "bedrock", "Cohere": "bedrock"}


class TurnoutLangChain(Contestant):
    name = Names.OURS_LANGCHAIN

    def __init__(self, place: Place, cloud: Cloud) -> None:
        super().__init__(place)
        self._backend = cloud.lower()

    def construct(self) -> ChatTurnout:
        from turnout.langchain import ChatTurnout

        return ChatTurnout(backend=self._backend)

    @cached_property
    def _model(self) -> ChatTurnout:
        return self.construct()

    def fresh_chat(self) -> str:
        return str(self.construct().invoke(QUESTION).content)

    def chat(self) -> str:
        return str(self._model.invoke(QUESTION).content)

    async def achat(self) -> str:
        return str((await self._model.ainvoke(QUESTION)).content)

    async def astream(self) -> AsyncIterator[str]:
        async for chunk in self._model.astream(QUESTION):
            yield str(chunk.content)

    def embed(self, model: str, texts: list[str]) -> Vectors:
        return _langchain_embeddings(model).embed_documents(texts)

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        return await _langchain_embeddings(model).aembed_documents(texts)


class TurnoutLlamaIndex(Contestant):
    name = Names.OURS_LLAMA_INDEX

    def __init__(self, place: Place, cloud: Cloud) -> None:
        super().__init__(place)
        self._backend = cloud.lower()

    def construct(self) -> TurnoutLLM:
        from turnout.llama_index import TurnoutLLM

        return TurnoutLLM(backend=self._backend)

    @cached_property
    def _model(self) -> TurnoutLLM:
        return self.construct()

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
        return _llama_index_embedding(model).get_text_embedding_batch(texts)

    async def aembed(self, model: str, texts: list[str]) -> Vectors:
        return await _llama_index_embedding(model).aget_text_embedding_batch(texts)


@cache
def _langchain_embeddings(model: str) -> TurnoutEmbeddings:
    from turnout.langchain import TurnoutEmbeddings

    return TurnoutEmbeddings(model=model.lower(), backend=_BACKEND[model])


@cache
def _llama_index_embedding(model: str) -> TurnoutEmbedding:
    from turnout.llama_index import TurnoutEmbedding

    return TurnoutEmbedding(model=model.lower(), backend=_BACKEND[model])
