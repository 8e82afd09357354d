"""What all wires do alike: send a prepared conversation, and read what is answered, whole or event by event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock

from turnout.conversation.answers import broken_off, check_filter, token_counts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence

    from turnout.conversation.request import Fitted
    from turnout.conversation.turns import Turn
    from turnout.routing import Route


class Wire(ABC):
    """Carries the calls of one route.

    Answers have usage as OpenAI names it (`prompt_tokens`, …) in `additional_kwargs` and under `usage` in `raw`. The
    last chunk of a streamed one, and a whole one, have `raw_finish_reason` in `additional_kwargs`.
    """

    def __init__(self, route: Route, reader: Callable[[Route], Reader]) -> None:
        self._route = route
        self._reader = reader

    @abstractmethod
    def _send(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        """What the service answers; of a stream, a context manager that gives its events."""

    @abstractmethod
    async def _asend(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        """Likewise, without blocking the event loop."""

    def chat(self, turns: Sequence[Turn], fitted: Fitted) -> ChatResponse:
        """One answer."""
        return self._reader(self._route).whole(self._send(turns, fitted.arguments))

    async def achat(self, turns: Sequence[Turn], fitted: Fitted) -> ChatResponse:
        """One answer, without blocking the event loop."""
        return self._reader(self._route).whole(await self._asend(turns, fitted.arguments))

    def stream(self, turns: Sequence[Turn], fitted: Fitted) -> Generator[ChatResponse, None, None]:
        """One answer in chunks, each with all so far; the last one has the usage."""
        reader = self._reader(self._route)
        with self._send(turns, fitted.arguments, stream=True) as events:
            for event in events:
                if (chunk := reader.chunk(event)) is not None:
                    yield chunk
        reader.end()

    async def astream(self, turns: Sequence[Turn], fitted: Fitted) -> AsyncGenerator[ChatResponse, None]:
        """One answer in chunks, without blocking the event loop."""
        reader = self._reader(self._route)
        async with await self._asend(turns, fitted.arguments, stream=True) as events:
            async for event in events:
                if (chunk := reader.chunk(event)) is not None:
                    yield chunk
        reader.end()


class SDKWire(Wire):
    """Asks an SDK's client: `resources` are its resource with `create`, and the asynchronous client's."""

    def __init__(
        self, route: Route, reader: Callable[[Route], Reader], resources: tuple[Any, Any], request: Callable[..., Any]
    ) -> None:
        super().__init__(route, reader)
        self._sync, self._aio = resources
        self._request = request

    def _send(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        return self._sync.create(**self._request(turns, arguments, stream=stream))

    async def _asend(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        return await self._aio.create(**self._request(turns, arguments, stream=stream))


class Reader(ABC):
    """Reads one answer."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._blocks: dict[Any, Any] = {}  # of a streamed answer, by their place in it
        self._begun = False
        self._finish: str | None = None
        self._findings: Mapping[str, Any] = {}

    def whole(self, answer: Any) -> ChatResponse:
        """A whole answer.

        Raises:
            ContentFilterError: A filter or guardrail stopped it.
        """
        response = self._read(answer)
        check_filter(self._route, self._finish, self._findings)
        return response

    def chunk(self, event: Any) -> ChatResponse | None:
        """The answer so far, if the event adds to it."""
        self._begun = True
        return self._take(event)

    def end(self) -> None:
        """Refuse what was streamed if it is not a whole answer.

        Raises:
            ContentFilterError: A filter or guardrail stopped it.
            ServiceConnectionError: The stream ended without a finish reason.
            UnreadableAnswerError: It had nothing in it.
        """
        if self._finish is None:
            raise broken_off(self._route, begun=self._begun)
        check_filter(self._route, self._finish, self._findings)

    @abstractmethod
    def _read(self, answer: Any) -> ChatResponse:
        """A whole answer."""

    @abstractmethod
    def _take(self, event: Any) -> ChatResponse | None:
        """A piece of a streamed answer."""

    def _so_far(self, raw: Any, delta: str = "") -> ChatResponse:
        """The blocks so far."""
        blocks = (self._blocks[place] for place in sorted(self._blocks))
        kept = [block.model_copy() for block in blocks if not isinstance(block, TextBlock) or block.text]
        return response_of(kept, raw, delta)

    def _finished(
        self,
        response: ChatResponse,
        reason: str,
        model: str | None,
        request_id: str | None,
        findings: Mapping[str, Any],
    ) -> ChatResponse:
        """An answer, or its last chunk, changed in place; `turnout.conversation.answers.found` reads the findings."""
        self._finish, self._findings = reason, findings
        metadata = {"raw_finish_reason": reason, "model": model, "request_id": request_id}
        response.additional_kwargs |= {name: value for name, value in metadata.items() if value}
        return response


def add_usage(response: ChatResponse, usage: Mapping[str, Any]) -> None:
    """Add what an answer used, in the service's own words and in OpenAI's."""
    counts = token_counts(usage)
    response.additional_kwargs |= counts
    response.raw = {**(response.raw or {}), "usage": {**usage, **counts}}


def response_of(blocks: Iterable[Any], raw: Any, delta: str | None = None) -> ChatResponse:
    """Blocks as an answer."""
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=list(blocks))
    return ChatResponse(message=message, delta=delta, raw=raw)
