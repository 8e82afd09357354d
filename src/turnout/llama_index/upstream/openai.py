"""llama-index-llms-openai's class, asked through its undecorated methods: one pair of events a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llama_index.llms.openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.providers.base import OpenAIClient


class OpenAIModel(OpenAI):
    """The integration's class with turnout's client, sending the arguments that it is given and no others."""

    @classmethod
    def with_client(cls, client: OpenAIClient) -> Self:
        """Make one; the address and key are those of the client.

        The class treats requests by what the model's *name* looks like, and a deployment may have any name. So it
        gets a name that means nothing, and the deployment goes with each call.
        """
        return cls(
            model="turnout",
            api_key="never-sent",
            api_base="https://never.asked.invalid",
            max_retries=0,
            openai_client=client.sync,
            async_openai_client=client.aio,
        )

    def _get_model_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def once(self, messages: Sequence[ChatMessage], **arguments: Any) -> ChatResponse:
        """One answer."""
        response: ChatResponse = self._chat(messages, **arguments)
        return response

    async def aonce(self, messages: Sequence[ChatMessage], **arguments: Any) -> ChatResponse:
        """One answer."""
        response: ChatResponse = await self._achat(messages, **arguments)
        return response

    def pieces(self, messages: Sequence[ChatMessage], **arguments: Any) -> Generator[ChatResponse, None, None]:
        """One answer, streamed."""
        pieces: Generator[ChatResponse, None, None] = self._stream_chat(messages, **arguments)
        return pieces

    async def apieces(self, messages: Sequence[ChatMessage], **arguments: Any) -> AsyncGenerator[ChatResponse, None]:
        """One answer, streamed."""
        pieces: AsyncGenerator[ChatResponse, None] = await self._astream_chat(messages, **arguments)
        return pieces
