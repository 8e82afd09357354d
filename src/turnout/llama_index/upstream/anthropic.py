"""llama-index-llms-anthropic's class, asked through its undecorated methods: one pair of events a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llama_index.llms.anthropic import Anthropic

from turnout.llama_index.upstream.decorated import undecorated

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse


class MessagesModel(Anthropic):
    """The integration's class with turnout's client, sending the arguments that it is given and no others."""

    def __init__(self, sync: Any, aio: Any) -> None:
        # Past the class's own constructor, which has no argument for a client and makes two that nobody asks.
        super(Anthropic, self).__init__(model="turnout", max_tokens=1, max_retries=0)
        self._client = sync
        self._aclient = aio

    @classmethod
    def with_clients(cls, sync: Any, aio: Any) -> Self:
        """Make one; the deployment goes with each call.

        Args:
            sync: What answers `messages.create`.
            aio: What answers it to coroutines.
        """
        return cls(sync, aio)

    def _get_all_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def once(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        response: ChatResponse = undecorated(Anthropic.chat)(self, messages, **arguments)
        return response

    async def aonce(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        response: ChatResponse = await undecorated(Anthropic.achat)(self, messages, **arguments)
        return response

    def pieces(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer, streamed."""
        pieces: Generator[ChatResponse, None, None]
        pieces = undecorated(Anthropic.stream_chat)(self, messages, **arguments)
        return pieces

    async def apieces(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        """One answer, streamed."""
        pieces: AsyncGenerator[ChatResponse, None]
        pieces = await undecorated(Anthropic.astream_chat)(self, messages, **arguments)
        return pieces
