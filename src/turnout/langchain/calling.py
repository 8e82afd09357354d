"""What a call of `ChatTurnout` does: route, request, history and attempts, and the answer brought into one shape.

A module of its own, loaded with the first call: importing the class alone loads no more than LangChain's base classes.
"""

from __future__ import annotations

from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import SystemMessage
from langchain_core.messages.utils import count_tokens_approximately

from turnout.calls.context import new_attempts
from turnout.calls.streams import astream, stream
from turnout.conversation import media
from turnout.conversation.parameters import PARAMETERS, tool_choice_name
from turnout.errors import UnsupportedError
from turnout.langchain.answers import Stream, has_content, portable_result, used_tokens
from turnout.langchain.errors import translate, translated
from turnout.langchain.history import aportable_history, portable_history
from turnout.langchain.requests import Request, form_bound, form_given
from turnout.langchain.tools import offered
from turnout.langchain.usage import Counted
from turnout.langchain.wires import agenerate, begin_astream, begin_stream, built, delegate, wire
from turnout.routing import resolve
from turnout.settings.fields import resolved_settings
from turnout.transport.blocking import off_loop, within_deadline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator, Sequence

    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from turnout.calls.attempts import Attempts
    from turnout.langchain.chat import ChatTurnout
    from turnout.routing import Route
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
    settings = resolved_settings(model.settings)
    return resolve(name or model.model, backend=backend or model.backend, settings=settings), settings


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call before anything is sent.

    Attributes:
        route: Where it goes.
        settings: The settings.
        backend: The backend's settings for this call.
        arguments: What the delegate is given besides the history.
        request: What was asked for.
        attempts: Its attempts and its deadline.
    """

    route: Route
    settings: Settings
    backend: Backend
    arguments: dict[str, Any]
    request: Request
    attempts: Attempts

    @property
    def has_tools(self) -> bool:
        """Whether the model is offered tools."""
        return bool(self.request.asked.tools)

    def delegate(self) -> BaseChatModel:
        """LangChain's own class, which carries the call.

        A backend's first call imports its SDK and makes its client, which may ask for credentials: within the deadline.
        """
        found = built(self.route, self.backend)
        if found is not None:
            return found
        with self.attempts.within():
            return within_deadline(f"the client of backend {self.route.backend!r}", delegate, self.route, self.backend)

    async def adelegate(self) -> BaseChatModel:
        """Likewise, without blocking the event loop."""
        found = built(self.route, self.backend)
        if found is not None:
            return found
        return await self.attempts.awithin(off_loop(delegate, self.route, self.backend))

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

    def portable(self, result: ChatResult) -> ChatResult:
        """An answer in the one shape."""
        called = _called(result)
        portable_result(result, self.route, self.attempts.report(), self.request.asked.answer_tool)
        self.check(called=called)
        return result

    def history(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as the wire takes it."""
        fetch = partial(media.fetch, allow_private=True) if self.settings.allow_private_media else None
        with self.attempts.within():
            return portable_history(self.told(messages), self.route, has_tools=self.has_tools, fetch=fetch)

    async def ahistory(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Likewise; what must be fetched doesn't block the event loop."""
        fetch = partial(media.afetch, allow_private=True) if self.settings.allow_private_media else None
        history = aportable_history(self.told(messages), self.route, has_tools=self.has_tools, fetch=fetch)
        return await self.attempts.awithin(history)


def _prepared(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> Call:
    route, settings = resolved(model, kwargs)
    request = _request(model, settings, stop, kwargs)
    arguments = wire(route).arguments(route, request)
    attempts = new_attempts(
        route,
        settings,
        lambda error: translate(error, route, settings),
        max_retries=kwargs.get("max_retries", model.max_retries),
        deadline=kwargs.get("deadline", model.deadline),
        tokens=lambda: count_tokens_approximately(messages) + (request.parameters["max_tokens"] or 0),
        used=used_tokens,
    )
    return Call(route, settings, _backend(model, route, settings, kwargs), arguments, request, attempts)


async def _aprepared(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> Call:
    """Likewise; a backend's first call imports the file of its wire, which would block the event loop."""
    route, settings = resolved(model, kwargs)
    if built(route, _backend(model, route, settings, kwargs)) is not None:
        return _prepared(model, messages, stop, kwargs)
    return await off_loop(_prepared, model, messages, stop, kwargs)


def _backend(model: ChatTurnout, route: Route, settings: Settings, kwargs: dict[str, Any]) -> Backend:
    """The backend's settings; another timeout means another client."""
    backend = settings.backends[route.backend]
    timeout = kwargs.get("timeout", model.timeout)
    if timeout is not None and timeout != backend.timeout:
        backend = backend.model_copy(update={"timeout": timeout})
    return backend


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
    call = _prepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history, attempts = call.delegate(), call.history(messages), call.attempts

        def once() -> ChatResult:
            return call.portable(carrier._generate([*history], **call.arguments))  # noqa: SLF001

        return attempts.run(once)


async def agenerate_one(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatResult:
    """One answer, without blocking the event loop."""
    call = await _aprepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history, attempts = await call.adelegate(), await call.ahistory(messages), call.attempts

        async def once() -> ChatResult:
            return call.portable(await agenerate(call.route, carrier, [*history], call.arguments))

        return await attempts.arun(once)


def generate_stream(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> Generator[ChatGenerationChunk]:
    """One answer in pieces."""
    call = _prepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history, attempts = call.delegate(), call.history(messages), call.attempts

        def once() -> Generator[ChatGenerationChunk]:
            shape = Stream(call.route, attempts.report, call.request.asked.answer_tool)
            with closing(begin_stream(carrier, [*history], call.arguments)) as pieces:
                for chunk in pieces:
                    yield shape.portable(chunk)
            shape.end()
            call.check(called=shape.called)

        usage = Counted()
        for chunk in stream(attempts, once, has_content):
            yield usage.take(chunk)


async def agenerate_stream(
    model: ChatTurnout, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> AsyncGenerator[ChatGenerationChunk]:
    """One answer in pieces, without blocking the event loop."""
    call = await _aprepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history, attempts = await call.adelegate(), await call.ahistory(messages), call.attempts

        async def once() -> AsyncGenerator[ChatGenerationChunk]:
            shape = Stream(call.route, attempts.report, call.request.asked.answer_tool)
            pieces = begin_astream(call.route, carrier, [*history], call.arguments)
            async with aclosing(pieces):
                async for chunk in pieces:
                    yield shape.portable(chunk)
            shape.end()
            call.check(called=shape.called)

        usage = Counted()
        async with aclosing(astream(attempts, once, has_content)) as chunks:
            async for chunk in chunks:
                yield usage.take(chunk)
