"""One file for each protocol: a neutral request → the integration's class and its arguments → its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from turnout.conversation.filters import found_in_answer
from turnout.conversation.finish import finish_reason

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.llama_index.request import Request
    from turnout.routing import Route


class Wire(Protocol):
    """What carries calls on one route.

    Answers have usage as OpenAI names it (`prompt_tokens`, …) in `additional_kwargs` and under `usage` in `raw`, and
    what `ended` and `served` give in `additional_kwargs`. A stream that ends without a finish reason raises
    `ServiceConnectionError`.
    """

    client: Any

    @classmethod
    def connect(cls, route: Route, backend: Any) -> Any:
        """The pooled SDK client for a route, by its backend's settings."""

    @classmethod
    def on(cls, route: Route, client: Any) -> Self:
        """Make one for a route."""

    def arguments(self, request: Request) -> dict[str, Any]:
        """All that is sent but the conversation; tools, if any, under `tools`. Has the request `ask`."""

    def chat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer. The messages are the call's own, arranged for the wire."""

    async def achat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer, without blocking the event loop."""

    def stream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer in pieces."""

    def astream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces, without blocking the event loop."""


def ended(reason: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Why an answer ended, and what a filter found if one stopped it.

    Args:
        reason: The service's own finish reason.
        said: What the service says of filters, as `turnout.conversation.filters` reads it.
    """
    why: dict[str, Any] = finish_reason(reason)
    if why["finish_reason"] == "content_filter":
        why["stage"], why["categories"] = found_in_answer(reason, said)
    return why


def served(model: str | None, request_id: str | None) -> dict[str, str]:
    """Which model answered, and the service's own name for the answer, as far as it says."""
    said = {"model": model, "request_id": request_id}
    return {name: value for name, value in said.items() if value}
