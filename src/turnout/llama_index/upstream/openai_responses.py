"""llama-index-llms-openai's Responses class, asked through its undecorated methods: one pair of events a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai.utils import to_openai_message_dicts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ContentBlock

    from turnout.providers.base import OpenAIClient


class ResponsesModel(OpenAIResponses):
    """The integration's class with turnout's client, sending the arguments that it is given and no others."""

    @classmethod
    def with_client(cls, client: OpenAIClient) -> Self:
        """Make one; the address and key are those of the client, the deployment goes with each call."""
        return cls(
            model="turnout",
            api_key="never-sent",
            api_base="https://never.asked.invalid",
            api_version="",
            max_output_tokens=None,
            max_retries=0,
            openai_client=client.sync,
            async_openai_client=client.aio,
        )

    def _get_model_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    def once(self, messages: Sequence[ChatMessage], **arguments: Any) -> Any:
        """The service's response of one answer. What the class makes of it fails where it counts no tokens."""
        return self._client.responses.create(input=_items(messages), stream=False, **arguments)

    async def aonce(self, messages: Sequence[ChatMessage], **arguments: Any) -> Any:
        """The service's response of one answer."""
        return await self._aclient.responses.create(input=_items(messages), stream=False, **arguments)

    def events(self, messages: Sequence[ChatMessage], **arguments: Any) -> Generator[Any, None, None]:
        """The service's events of one answer; what the class makes of each alone is of no use."""
        for piece in self._stream_chat(messages, **arguments):
            yield piece.raw

    async def aevents(self, messages: Sequence[ChatMessage], **arguments: Any) -> AsyncGenerator[Any, None]:
        """The service's events of one answer."""
        async for piece in await self._astream_chat(messages, **arguments):
            yield piece.raw

    @staticmethod
    def blocks(output: Sequence[Any]) -> list[ContentBlock]:
        """An answer's items as blocks. One at a time: of two messages, the class gives the first one twice."""
        parse = OpenAIResponses._parse_response_output  # noqa: SLF001
        return [block for item in output for block in parse([item]).message.blocks]


def _items(messages: Sequence[ChatMessage]) -> Any:
    return to_openai_message_dicts(messages, is_responses_api=True)
