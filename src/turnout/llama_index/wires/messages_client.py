"""The client that the Messages class asks: Anthropic's, with redacted reasoning in a form that the class reads."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self

from anthropic.types import RawContentBlockDeltaEvent, SignatureDelta, ThinkingBlock

from turnout.llama_index.wires.sealed import redacted

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable


class MessagesClient:
    """Passes calls on to the SDK's client.

    Args:
        client: The SDK's synchronous client.
    """

    def __init__(self, client: Any) -> None:
        self._messages = client.messages

    @property
    def messages(self) -> Self:
        """Where the class looks for `create`."""
        return self

    def create(self, **request: Any) -> Any:
        """Create a message, or a stream of its events."""
        answer = self._messages.create(**request)
        return _Events(answer) if request.get("stream") else _sealed(answer)


class AsyncMessagesClient(MessagesClient):
    """Passes calls on to the SDK's asynchronous client."""

    async def create(self, **request: Any) -> Any:
        """Create a message, or a stream of its events."""
        answer = await self._messages.create(**request)
        return _AsyncEvents(answer) if request.get("stream") else _sealed(answer)


def _sealed(message: Any) -> Any:
    for place, block in enumerate(message.content):
        if block.type == "redacted_thinking":
            message.content[place] = ThinkingBlock(type="thinking", thinking="", signature=redacted(block.data))
    return message


class _Held:
    """Events that come after the one that was just given."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._events: deque[Any] = deque()

    def hold(self, event: Any) -> Any:
        """The event; what the class leaves out of it comes with another one, which the class reads."""
        if event.type == "message_start":
            self._of = {"id": event.message.id, "model": event.message.model}
        if event.type == "message_delta":
            return event.model_copy(update=self._of)
        if event.type == "content_block_start" and event.content_block.type == "redacted_thinking":
            delta = SignatureDelta(type="signature_delta", signature=redacted(event.content_block.data))
            held = RawContentBlockDeltaEvent(type="content_block_delta", index=event.index, delta=delta)
            self._events.append(held)
        return event


class _Events(_Held):
    def __init__(self, stream: Iterable[Any]) -> None:
        super().__init__()
        self._stream = iter(stream)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._events.popleft() if self._events else self.hold(next(self._stream))


class _AsyncEvents(_Held):
    def __init__(self, stream: AsyncIterable[Any]) -> None:
        super().__init__()
        self._stream = aiter(stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._events.popleft() if self._events else self.hold(await anext(self._stream))
