"""A chat model or an embedding model of either framework, asked in each way in which both can be asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from llama_index.core.base.llms.types import ChatMessage

from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FRAMEWORKS = ("langchain", "llama_index")
WAYS = ("whole", "async", "stream", "async-stream")


class Piece(NamedTuple):
    """A piece of an answer, or the whole of it."""

    text: str
    metadata: dict[str, Any]


class Chat:
    """A chat model.

    Args:
        framework: Whose it is.
        arguments: What it is made with.
    """

    def __init__(self, framework: str, **arguments: Any) -> None:
        self._langchain = framework == "langchain"
        self._model: Any = ChatTurnout(**arguments) if self._langchain else TurnoutLLM(**arguments)

    def pieces(self, way: str, question: str = "hi") -> Iterator[Piece]:
        """An answer's pieces as they come, in this thread."""
        if self._langchain:
            answers = self._model.stream(question) if "stream" in way else [self._model.invoke(question)]
            yield from (Piece(str(answer.text), answer.response_metadata) for answer in answers)
        elif "stream" in way:
            for answer in self._model.stream_chat([ChatMessage(question)]):
                yield Piece(answer.delta or "", answer.additional_kwargs)
        else:
            answer = self._model.chat([ChatMessage(question)])
            yield Piece(answer.message.content or "", answer.additional_kwargs)

    async def apieces(self, way: str, question: str = "hi") -> AsyncIterator[Piece]:
        """An answer's pieces as they come, on an event loop."""
        if self._langchain and "stream" in way:
            async for answer in self._model.astream(question):
                yield Piece(str(answer.text), answer.response_metadata)
        elif self._langchain:
            answer = await self._model.ainvoke(question)
            yield Piece(str(answer.text), answer.response_metadata)
        elif "stream" in way:
            async for answer in await self._model.astream_chat([ChatMessage(question)]):
                yield Piece(answer.delta or "", answer.additional_kwargs)
        else:
            answer = await self._model.achat([ChatMessage(question)])
            yield Piece(answer.message.content or "", answer.additional_kwargs)

    def ask(self, way: str, question: str = "hi") -> Piece:
        """A whole answer."""

        async def collected() -> list[Piece]:
            return [piece async for piece in self.apieces(way, question)]

        pieces = asyncio.run(collected()) if "async" in way else list(self.pieces(way, question))
        metadata = {key: value for piece in pieces for key, value in piece.metadata.items()}
        return Piece("".join(piece.text for piece in pieces), metadata)


class Embedding:
    """An embedding model, with the same arguments."""

    def __init__(self, framework: str, **arguments: Any) -> None:
        made: Any
        if framework == "langchain":
            made = TurnoutEmbeddings(**arguments)
            self.query, self.aquery, self.texts = made.embed_query, made.aembed_query, made.embed_documents
        else:
            made = TurnoutEmbedding(**arguments)
            self.query, self.aquery = made.get_query_embedding, made.aget_query_embedding
            self.texts = made.get_text_embedding_batch
