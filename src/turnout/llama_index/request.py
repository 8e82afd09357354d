"""A call as the application meant it, whichever wire will carry it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from turnout.errors import UnsupportedError
from turnout.llama_index.messages import portable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage

    from turnout.routes import Route

PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed", "reasoning_effort", "timeout")
"""Parameters that every wire is asked for in the same words."""

_ALIASES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "stop_sequences": "stop"}


@dataclass(slots=True)
class Request:
    """One call.

    Attributes:
        messages: The conversation, in messages of the request's own.
        parameters: Those of `PARAMETERS` that are given.
        tools: Tools in OpenAI's format.
        choice: `auto`, `none`, `any` or a tool's name; None where not given.
        parallel: Whether the answer may call several tools; None where not given.
        schema: The class that the answer must be an object of, if one is asked.
        extra: What else the application passed, for the wire as it is.
    """

    messages: list[ChatMessage]
    parameters: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: str | None = None
    parallel: bool | None = None
    schema: type[BaseModel] | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def choice_name(choice: Any) -> str | None:  # noqa: PLR0911 - one line for each way of writing it
    """One vocabulary for the ways of writing a tool choice: `auto`, `none`, `any`, or a tool's name.

    Raises:
        UnsupportedError: It is none of the known ways.
    """
    match choice:
        case None | False:
            return None
        case True | "any" | "required":
            return "any"
        case {"type": "function", "function": {"name": str(name)}} | {"type": "tool", "name": str(name)}:
            return name
        case {"type": "function", "name": str(name)} | {"tool": {"name": str(name)}}:
            return name
        case {"type": "any"} | {"any": _}:
            return "any"
        case {"type": "auto"} | {"auto": _}:
            return "auto"
        case {"type": "none"}:
            return "none"
        case str(name):
            return name
        case _:
            msg = f"tool_choice {choice!r} is none of 'auto', 'none', 'any', True, a tool's name or {{'type': …}}"
            raise UnsupportedError(msg)


def make_request(
    messages: Sequence[ChatMessage],
    defaults: Mapping[str, Any],
    additional: Mapping[str, Any],
    call: Mapping[str, Any],
) -> Request:
    """Bring a call's arguments into one shape; the call's win over the model's own.

    Args:
        messages: The conversation; it is copied.
        defaults: The model's own parameters.
        additional: What the model passes to the wire as it is.
        call: The call's keyword arguments.

    Raises:
        UnsupportedError: tool_choice names a tool that isn't given, or the schema is no pydantic class.
        InvalidRequestError: The conversation can't be sent to any service.
    """
    given = {_ALIASES.get(name, name): value for name, value in call.items()}
    parameters = {name: given.pop(name) if name in given else defaults.get(name) for name in PARAMETERS}
    if isinstance(parameters["stop"], str):
        parameters["stop"] = [parameters["stop"]]
    allowed = given.pop("allow_parallel_tool_calls", None)
    parallel = given.pop("parallel_tool_calls", allowed)
    schema = None
    if isinstance(given.get("response_format"), type):
        schema = given.pop("response_format")
        if not issubclass(schema, BaseModel):
            msg = f"response_format {schema!r} is no pydantic class"
            raise UnsupportedError(msg)
    tools = list(given.pop("tools", None) or [])
    return Request(
        messages=portable(messages),
        parameters={name: value for name, value in parameters.items() if value is not None},
        tools=tools,
        choice=_checked(choice_name(given.pop("tool_choice", None)), tools),
        parallel=parallel,
        schema=schema,
        extra={name: value for name, value in {**additional, **given}.items() if value is not None},
    )


def _checked(choice: str | None, tools: Sequence[dict[str, Any]]) -> str | None:
    if not tools:
        return None
    names = [tool_name(tool) for tool in tools]
    if choice is not None and choice not in {"auto", "none", "any", *names}:
        msg = f"tool_choice {choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
        raise UnsupportedError(msg)
    return choice


def tool_name(tool: Mapping[str, Any]) -> str | None:
    """The name of a tool in OpenAI's format."""
    name: str | None = tool.get("function", {}).get("name")
    return name


def leave_out(route: Route, parameters: dict[str, Any], names: Iterable[str], why: str) -> None:
    """Take parameters out that the model or wire doesn't have, and say so."""
    for name in names:
        if parameters.pop(name, None) is not None:
            warn_left_out(route, name, why)


def warn_left_out(route: Route, what: str, why: str) -> None:
    """Warn that a part of the request was not sent."""
    msg = f"{what} is left out: {why} ({route.deployment!r} on backend {route.backend!r})"
    warnings.warn(msg, UserWarning, stacklevel=2)
