"""Chat Completions: Azure v1 and dated, OpenAI, compatible servers, and Mantle."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatResponse

from turnout.conversation.parameters import api_lacks
from turnout.conversation.turns import Turn
from turnout.facts.providers import PROVIDERS
from turnout.llama_index.messages import write
from turnout.llama_index.upstream import openai_llm
from turnout.llama_index.wires.base import Reader, Wire
from turnout.providers.clients import client_for
from turnout.routing import Route
from turnout.settings import Backend


def build(route: Route, backend: Backend) -> Wire:
    """LlamaIndex's class with the shared client; of Azure's dated API the client makes the paths."""
    llm = openai_llm(client_for(route, backend), PROVIDERS[route.provider].llama_index)
    request = partial(_request, usage=not api_lacks(route, "stream_options"))
    return Wire(route, _Reader, request, llm.send, llm.asend)


def _request(turns: Iterable[Turn], arguments: dict[str, Any], *, stream: bool, usage: bool) -> dict[str, Any]:
    counted = {"stream_options": {"include_usage": True}} if stream and usage else {}
    return {"messages": write(turns), **counted, **arguments, "stream": stream}


class _Reader(Reader):
    """Reads what the class makes of an answer; Azure's filters speak in any chunk of a streamed one."""

    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self._reason: str | None = None
        self._choices: list[Any] = []

    def _read(self, answer: ChatResponse) -> ChatResponse:
        raw = answer.raw
        choices = raw.choices if raw is not None else ()
        if choices:
            self._reason = choices[0].finish_reason or self._reason
            self._choices += [choice.model_extra for choice in choices if choice.model_extra]
        if self._reason is None or raw is None:
            return answer
        return self._finished(answer, self._reason, raw.model, raw.id, {"choices": self._choices})

    def _take(self, event: ChatResponse) -> ChatResponse:
        return self._read(event)
