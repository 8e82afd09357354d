"""What a call of `ChatTurnout` does: route, request, history and attempts, and the answer brought into one shape.

A module of its own, loaded with the first call: importing the class alone loads no more than LangChain's base classes.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import SystemMessage
from langchain_core.messages.utils import count_tokens_approximately

from turnout import media
from turnout.clients.calls import new_call
from turnout.errors import UnsupportedError
from turnout.given import current
from turnout.langchain.answers import Stream, has_content, portable_result, used_tokens
from turnout.langchain.errors import translate, translated
from turnout.langchain.history import aportable_history, portable_history
from turnout.langchain.requests import Request, form_bound, form_given
from turnout.langchain.tools import offered
from turnout.langchain.wires import agenerate, begin_astream, begin_stream, delegate, is_built, wire
from turnout.parameters import PARAMETERS, tool_choice_name
from turnout.resilience import astream, stream
from turnout.routes import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator, Sequence

    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from turnout import resilience
    from turnout.langchain.chat import ChatTurnout
    from turnout.routes import Route
    from turnout.settings import Backend, Settings

_OF_A_CALL = ("timeout", "max_retries", "deadline")
_HANDLED = frozenset({"backend", "model", "ls_structured_output_format", *_OF_A_CALL})

Resolved = tuple["Route", "Settings"]
_held: ContextVar[tuple[object, dict[tuple[Any, Any], Resolved]] | None] = ContextVar("turnout_held", default=None)


@contextmanager
def held(model: ChatTurnout) -> Iterator[None]:
    """Have one call look at its settings once: LangChain asks a model what it is several times a call."""
    token = _held.set((model, {}))
    try:
        yield
    finally:
        _held.reset(token)


def resolved(model: ChatTurnout, kwargs: dict[str, Any]) -> Resolved:
    """Where a call goes, and the settings that say so."""
    seen, asked = _held.get(), (kwargs.get("model"), kwargs.get("backend"))
    if seen is None or seen[0] is not model:
        return _looked_up(model, *asked)
    found = seen[1].get(asked)
    if found is None:
        found = seen[1][asked] = _looked_up(model, *asked)
    return found


def _looked_up(model: ChatTurnout, name: str | None, backend: str | None) -> Resolved:
    settings = current(model.settings)
    return resolve(name or model.model, backend=backend or model.backend, settings=settings), settings


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call before anything is sent.

    Attributes:
        route: Where it goes.
        settings: The settings.
        arguments: What the delegate is given besides the history.
        request: What was asked for.
        delegate: LangChain's own class, which carries it.
    """

    route: Route
    settings: Settings
    arguments: dict[str, Any]
    request: Request
    delegate: BaseChatModel

    @property
    def has_tools(self) -> bool:
        """Whether the model is offered tools."""
        return bool(self.request.asked.tools)

    def told(self, messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
        """The conversation, with what the model is told because it can't be forced."""
        instruction = self.request.asked.instruction(message.content for message in messages)
        return messages if instruction is None else [*messages, SystemMessage(instruction)]

    def check(self, *, called: bool) -> None:
        """Refuse an answer without the tool call that was asked for.

        Raises:
            UnsupportedError: The model can't be forced to call a tool, was told to, and didn't.
        """
        if self.request.asked.must_call is not None and not called:
            msg = (
                f"{self.route.deployment!r} on backend {self.route.backend!r} can't be forced to call a tool, was told "
                f"to call {self.request.asked.must_call!r}, and answered without; use a model that takes tool_choice"
            )
            raise UnsupportedError(msg)

    def history(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as the wire takes it."""
        fetch = partial(media.fetch, allow_private=True) if self.settings.allow_private_media else None
        return portable_history(self.told(messages), self.route, has_tools=self.has_tools, fetch=fetch)

    async def ahistory(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Likewise; what must be fetched doesn't block the event loop."""
        fetch = partial(media.afetch, allow_private=True) if self.settings.allow_private_media else None
        return await aportable_history(self.told(messages), self.route, has_tools=self.has_tools, fetch=fetch)


def _prepared(model: ChatTurnout, stop: list[str] | None, kwargs: dict[str, Any]) -> Call:
    route, settings = resolved(model, kwargs)
    request = _request(model, settings, stop, kwargs)
    arguments = wire(route).arguments(route, request)
    with translated(route, settings):
        return Call(route, settings, arguments, request, delegate(route, _backend(model, route, settings, kwargs)))


async def _aprepared(model: ChatTurnout, stop: list[str] | None, kwargs: dict[str, Any]) -> Call:
    """Likewise; a backend's first call imports its SDK and makes its client, which would block the event loop."""
    route, settings = resolved(model, kwargs)
    if is_built(route, _backend(model, route, settings, kwargs)):
        return _prepared(model, stop, kwargs)
    return await asyncio.to_thread(_prepared, model, stop, kwargs)


def _backend(model: ChatTurnout, route: Route, settings: Settings, kwargs: dict[str, Any]) -> Backend:
    """The backend's settings; another timeout means another client."""
    backend = settings.backends[route.backend]
    timeout = kwargs.get("timeout", model.timeout)
    if timeout is not None and timeout != backend.timeout:
        backend = backend.model_copy(update={"timeout": timeout})
    return backend


def _attempts(
    model: ChatTurnout, call: Call, messages: Sequence[BaseMessage], kwargs: dict[str, Any]
) -> resilience.Call:
    route, settings = call.route, call.settings
    return new_call(
        route,
        settings,
        lambda error: translate(error, route, settings),
        max_retries=kwargs.get("max_retries", model.max_retries),
        deadline=kwargs.get("deadline", model.deadline),
        tokens=lambda: count_tokens_approximately(messages) + (call.request.parameters["max_tokens"] or 0),
        used=used_tokens,
    )


def _request(model: ChatTurnout, settings: Settings, stop: list[str] | None, kwargs: dict[str, Any]) -> Request:
    kwargs = {k: v for k, v in kwargs.items() if k not in _HANDLED}
    own = vars(model)
    parameters = {name: kwargs.pop(name) if name in kwargs else own.get(name) for name in PARAMETERS}
    parameters["stop"] = stop or parameters["stop"]
    if isinstance(parameters["stop"], str):
        parameters["stop"] = [parameters["stop"]]
    for alias in ("max_completion_tokens", "max_output_tokens"):
        if alias in kwargs:
            parameters["max_tokens"] = kwargs.pop(alias)
    tools, choice = kwargs.pop("tools", None) or [], tool_choice_name(kwargs.pop("tool_choice", None))
    extra = {**model.extra, **kwargs.pop("extra", {}), **kwargs}
    wanted = extra.pop("structured_output", None)
    given = extra.pop("response_format", None)
    return Request(
        parameters=parameters,
        policy=settings.unsupported,
        tools=offered(tools),
        tool_choice=choice,
        form=form_bound(wanted) if wanted else form_given(given),
        method=wanted.get("method") if wanted else None,
        as_text=not wanted,
        extra=extra,
    )


def _called(result: ChatResult) -> bool:
    return any(getattr(generation.message, "tool_calls", None) for generation in result.generations)


def generate(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatResult:
    """One answer."""
    call = _prepared(model, stop, kwargs)
    with translated(call.route, call.settings):
        history = call.history(messages)
        attempts = _attempts(model, call, history, kwargs)
        result = attempts.run(lambda: call.delegate._generate([*history], **call.arguments))  # noqa: SLF001
        called = _called(result)
        portable_result(result, call.route, attempts.report(), call.request.asked.answer_tool)
        call.check(called=called)
        return result


async def agenerate_one(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatResult:
    """One answer, without blocking the event loop."""
    call = await _aprepared(model, stop, kwargs)
    with translated(call.route, call.settings):
        history = await call.ahistory(messages)
        attempts = _attempts(model, call, history, kwargs)
        result = await attempts.arun(lambda: agenerate(call.route, call.delegate, [*history], call.arguments))
        called = _called(result)
        portable_result(result, call.route, attempts.report(), call.request.asked.answer_tool)
        call.check(called=called)
        return result


def generate_stream(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> Generator[ChatGenerationChunk]:
    """One answer in pieces."""
    call = _prepared(model, stop, kwargs)
    with translated(call.route, call.settings):
        history = call.history(messages)
        attempts = _attempts(model, call, history, kwargs)
        shape = Stream(call.route, attempts.report, call.request.asked.answer_tool)
        for chunk in stream(attempts, lambda: begin_stream(call.delegate, [*history], call.arguments), has_content):
            yield shape.portable(chunk)
        shape.end()
        call.check(called=shape.called)


async def agenerate_stream(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> AsyncGenerator[ChatGenerationChunk]:
    """One answer in pieces, without blocking the event loop."""
    call = await _aprepared(model, stop, kwargs)
    with translated(call.route, call.settings):
        history = await call.ahistory(messages)
        attempts = _attempts(model, call, history, kwargs)
        shape = Stream(call.route, attempts.report, call.request.asked.answer_tool)
        pieces = astream(
            attempts, lambda: begin_astream(call.route, call.delegate, [*history], call.arguments), has_content
        )
        async with aclosing(pieces):
            async for chunk in pieces:
                yield shape.portable(chunk)
        shape.end()
        call.check(called=shape.called)
