"""What all wires do alike: send a prepared conversation, and read what is answered, whole or event by event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock

from turnout.conversation.answers import broken_off, check_filter, token_counts
from turnout.conversation.request import Fitted
from turnout.conversation.turns import Turn
from turnout.routing import Route


@dataclass(frozen=True, slots=True)
class Wire:
    """Carries the calls of one route.

    Answers have usage as OpenAI names it (`prompt_tokens`, …) in `additional_kwargs` and under `usage` in `raw`. The
    last chunk of a streamed one, and a whole one, have `raw_finish_reason` in `additional_kwargs`.

    Attributes:
        route: The route.
        reader: Makes what reads one answer.
        request: Turns, arguments and `stream` → the keyword arguments of `create`.
        create: Asks the service; of a stream, gives a context manager with its events.
        acreate: Likewise, without blocking the event loop.
    """

    route: Route
    reader: Callable[[Route], Reader]
    request: Callable[..., dict[str, Any]]
    create: Callable[..., Any]
    acreate: Callable[..., Any]

    def chat(self, turns: Sequence[Turn], fitted: Fitted) -> ChatResponse:
        """One answer."""
        return self.reader(self.route).whole(self.create(**self.request(turns, fitted.arguments, stream=False)))

    async def achat(self, turns: Sequence[Turn], fitted: Fitted) -> ChatResponse:
        """One answer, without blocking the event loop."""
        answer = await self.acreate(**self.request(turns, fitted.arguments, stream=False))
        return self.reader(self.route).whole(answer)

    def stream(self, turns: Sequence[Turn], fitted: Fitted) -> Generator[ChatResponse, None, None]:
        """One answer in chunks, each with all so far; the last one has the usage."""
        reader = self.reader(self.route)
        with self.create(**self.request(turns, fitted.arguments, stream=True)) as events:
            for event in events:
                if (chunk := reader.chunk(event)) is not None:
                    yield chunk
        reader.end()

    async def astream(self, turns: Sequence[Turn], fitted: Fitted) -> AsyncGenerator[ChatResponse, None]:
        """One answer in chunks, without blocking the event loop."""
        reader = self.reader(self.route)
        async with await self.acreate(**self.request(turns, fitted.arguments, stream=True)) as events:
            async for event in events:
                if (chunk := reader.chunk(event)) is not None:
                    yield chunk
        reader.end()


class Reader(ABC):
    """Reads one answer."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._blocks: dict[Any, Any] = {}  # of a streamed answer, by their place in it
        self._begun = False
        self._finish: str | None = None
        self._findings: Mapping[str, Any] = {}

    def whole(self, answer: Any) -> ChatResponse:
        """A whole answer."""
        response = self._read(answer)
        check_filter(self._route, self._finish, self._findings)
        return response

    def chunk(self, event: Any) -> ChatResponse | None:
        """The answer so far, if the event adds to it."""
        self._begun = True
        return self._take(event)

    def end(self) -> None:
        """Refuse what was streamed if it is not a whole answer, or a filter or guardrail stopped it."""
        if self._finish is None:
            raise broken_off(self._route, begun=self._begun)
        check_filter(self._route, self._finish, self._findings)

    @abstractmethod
    def _read(self, answer: Any) -> ChatResponse:
        """A whole answer."""

    @abstractmethod
    def _take(self, event: Any) -> ChatResponse | None:
        """A piece of a streamed answer."""

    def _so_far(self, raw: Any, delta: str = "", thought: str = "") -> ChatResponse:
        """The blocks so far, and what is new of its text and of its reasoning."""
        blocks = (self._blocks[place] for place in sorted(self._blocks))
        kept = [block.model_copy() for block in blocks if not isinstance(block, TextBlock) or block.text]
        response = response_of(kept, raw, delta)
        if thought:
            response.additional_kwargs["thinking_delta"] = thought  # where agents look for it
        return response

    def _finished(
        self,
        response: ChatResponse,
        reason: str,
        model: str | None,
        request_id: str | None,
        findings: Mapping[str, Any],
        usage: Mapping[str, Any] | None = None,
    ) -> ChatResponse:
        """An answer, or its last chunk, changed in place; `turnout.conversation.answers.found` reads the findings.

        What it used is there in the service's own words and in OpenAI's.
        """
        self._finish, self._findings = reason, findings
        if usage:
            counts = token_counts(usage)
            response.additional_kwargs |= counts
            response.raw = {**(response.raw or {}), "usage": {**usage, **counts}}
        metadata = {"raw_finish_reason": reason, "model": model, "request_id": request_id}
        response.additional_kwargs |= {name: value for name, value in metadata.items() if value}
        return response


def response_of(blocks: Iterable[Any], raw: Any, delta: str | None = None) -> ChatResponse:
    """Blocks as an answer."""
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=list(blocks))
    return ChatResponse(message=message, delta=delta, raw=raw)
