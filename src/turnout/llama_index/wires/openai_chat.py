"""Chat Completions: Azure v1 and dated, OpenAI, compatible servers, and Mantle."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from turnout.llama_index.messages.writing import write
from turnout.llama_index.upstream import openai_llm
from turnout.llama_index.wires.base import Reader, Wire
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.llms.types import ChatResponse

    from turnout.conversation.turns import Turn
    from turnout.providers.base import Client
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> Wire:
    """LlamaIndex's class with the shared client; of Azure's dated API the client makes the paths."""
    return _OpenAIChat(route, client_for(route, backend))


class _OpenAIChat(Wire):
    def __init__(self, route: Route, client: Client) -> None:
        super().__init__(route, _Reader)
        self._llm = openai_llm(client, azure=route.provider == "azure")

    def _send(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        if stream:
            return closing(self._llm.chunks(write(turns), _with_usage(arguments)))
        return self._llm.once(write(turns), arguments)

    async def _asend(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        if stream:
            return aclosing(await self._llm.achunks(write(turns), _with_usage(arguments)))
        return await self._llm.aonce(write(turns), arguments)


def _with_usage(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}, **arguments}


class _Reader(Reader):
    """Reads what the class makes of an answer; Azure's filters speak in any chunk of a streamed one."""

    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self._reason: str | None = None
        self._choices: list[Any] = []

    def _read(self, answer: ChatResponse) -> ChatResponse:
        choices = answer.raw.choices if answer.raw is not None else ()
        if choices:
            self._reason = choices[0].finish_reason or self._reason
            self._choices += [choice.model_extra for choice in choices if choice.model_extra]
        if self._reason is None or answer.raw is None:
            return answer
        return self._finished(answer, self._reason, answer.raw.model, answer.raw.id, {"choices": self._choices})

    def _take(self, event: ChatResponse) -> ChatResponse:
        return self._read(event)
