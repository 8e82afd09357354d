"""One file for each protocol: a neutral request → the integration's class and its arguments → its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from llama_index.core.base.llms.types import ChatResponse

    from turnout.llama_index.request import Request
    from turnout.routes import Route


class Wire(Protocol):
    """What carries calls on one route.

    Answers have usage as OpenAI names it (`prompt_tokens`, …) in `additional_kwargs` and under `usage` in `raw`, and
    `finish_reason` (`stop`, `length`, `tool_calls`, `content_filter`, or the service's own) in `additional_kwargs`.
    A stream that ends without a finish reason raises `ServiceConnectionError`.
    """

    client: Any

    @classmethod
    def connect(cls, route: Route, backend: Any) -> Any:
        """The pooled SDK client for a route, by its backend's settings."""

    @classmethod
    def on(cls, route: Route, client: Any) -> Self:
        """Make one for a route."""

    def chat(self, request: Request) -> ChatResponse:
        """One answer."""

    async def achat(self, request: Request) -> ChatResponse:
        """One answer, without blocking the event loop."""

    def stream(self, request: Request) -> Generator[ChatResponse, None, None]:
        """One answer in pieces."""

    def astream(self, request: Request) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces, without blocking the event loop."""
