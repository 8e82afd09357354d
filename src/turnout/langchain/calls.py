"""What a call of `ChatTurnout` is: its route, its request, and what is LangChain's about it.

A module of its own, loaded with the first call: importing the class alone loads no more than LangChain's base classes.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages.utils import count_tokens_approximately

from turnout.calls.chat import ChatCall
from turnout.calls.failover import FailoverCall, at_places
from turnout.conversation.answer_formats import AnswerFormat, answer_format
from turnout.conversation.parameters import LIMITS, take_parameters
from turnout.conversation.request import Request
from turnout.conversation.tools import tool_choice_name
from turnout.langchain.answers import AnswerShape, cached, has_content, length, used_tokens
from turnout.langchain.errors import as_langchain
from turnout.langchain.messages.reading import read
from turnout.langchain.tools import offered
from turnout.langchain.wires import wires
from turnout.routing import resolve_places
from turnout.settings.fields import resolved_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from turnout.routing import Route
    from turnout.settings import Settings


_NOT_SENT = frozenset({"backend", "model", "ls_structured_output_format", "run_manager", *LIMITS})


_BEGINNING = 2  # messages by which a conversation is known: its system prompt, and what was asked first

_Resolved = tuple[tuple["Route", ...], "Settings"]
_resolved: ContextVar[tuple[object, dict[tuple[Any, Any], _Resolved]] | None] = ContextVar(
    "turnout_resolved", default=None
)


class ResolvingOnce:
    """A context in which a call looks at its settings once: LangChain asks a model what it is several times a call."""

    __slots__ = ("_model", "_token")

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model

    def __enter__(self) -> None:
        self._token = _resolved.set((self._model, {}))

    def __exit__(self, *_: object) -> None:
        _resolved.reset(self._token)


def resolved(model: BaseChatModel, kwargs: dict[str, Any]) -> _Resolved:
    """Where a call may go, the first place before the others, and the settings that say so."""
    seen, asked = _resolved.get(), (kwargs.get("model"), kwargs.get("backend"))
    if seen is None or seen[0] is not model:
        return _resolve(model, *asked)
    if asked not in seen[1]:
        seen[1][asked] = _resolve(model, *asked)
    return seen[1][asked]


def _resolve(model: BaseChatModel, name: str | None, backend: str | None) -> _Resolved:
    own = vars(model)
    settings = resolved_settings(own["settings"])
    return resolve_places(name or own["model"], backend=backend or own["backend"], settings=settings), settings


def new_call(
    model: BaseChatModel, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatCall[ChatResult, ChatGenerationChunk] | FailoverCall[ChatResult, ChatGenerationChunk]:
    """A call, before anything is sent."""
    places, settings = resolved(model, kwargs)
    own = vars(model)
    request = _request(own, settings, stop, kwargs)
    limits = {name: kwargs.get(name, own[name]) for name in LIMITS}

    call = partial(
        ChatCall,
        settings=settings,
        request=request,
        limits=limits,
        wires=wires,
        read=partial(read, messages),
        shape=AnswerShape,
        convert=as_langchain,
        tokens=partial(count_tokens_approximately, messages),
        used=used_tokens,
        has_content=has_content,
        length=length,
    )
    return at_places(
        places,
        settings,
        call,
        deadline=limits["deadline"],
        conversation=lambda: str([message.content for message in messages[:_BEGINNING]]),
        cached=cached,
        hook=own["on_failover"],
    )


def _request(own: Mapping[str, Any], settings: Settings, stop: list[str] | None, kwargs: Mapping[str, Any]) -> Request:
    """What a call asks for; its own arguments win over the model's attributes."""
    kwargs = {name: value for name, value in kwargs.items() if name not in _NOT_SENT}
    kwargs |= {"stop": stop} if stop else {}
    parameters = take_parameters(kwargs, own)
    tools, choice = kwargs.pop("tools", None) or [], tool_choice_name(kwargs.pop("tool_choice", None))
    extra = {**own["extra"], **kwargs.pop("extra", {}), **kwargs}
    bound = extra.pop("structured_output", None)
    response_format = extra.pop("response_format", None)
    return Request(
        parameters=parameters,
        policy=settings.unsupported,
        tools=offered(tools),
        tool_choice=choice,
        form=_bound_form(bound) if bound else answer_format(response_format),
        method=bound["method"] if bound else None,
        strict=bound["strict"] if bound else None,
        as_text=not bound,
        extra=extra,
    )


def _bound_form(bound: dict[str, Any]) -> AnswerFormat:
    """The form that `with_structured_output` bound: a schema in OpenAI's function format.

    Left out, a class is held to exactly where the service can, as OpenAI's own SDK does.
    """
    function, strict = bound["schema"], bound["strict"]
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    strict = True if strict is None and bound["of_class"] else strict
    return AnswerFormat(function["name"], schema, function.get("description", ""), strict)
