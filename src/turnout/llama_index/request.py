"""A call as the application meant it, whichever wire will carry it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import answer_format
from turnout.conversation.parameters import tool_choice_name
from turnout.conversation.tool_choices import Asked, asked_for
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage

    from turnout.conversation.answer_formats import AnswerFormat
    from turnout.conversation.parameters import Policy
    from turnout.routing import Route

OWN = ("temperature", "top_p", "max_tokens", "stop", "seed", "reasoning_effort")
"""Parameters that the model itself may have, and a call may have otherwise."""

STRUCTURED = "structured_output"
"""Argument of a call that asks for an object, be it as a tool's call."""

_ALIASES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "stop_sequences": "stop"}


@dataclass(slots=True)
class Request:
    """One call.

    Attributes:
        messages: The conversation, in the caller's own messages.
        parameters: Those of `OWN` that are given.
        timeout: Seconds that the call may wait for the service's next bytes, if it says so.
        tools: Tools in OpenAI's format.
        choice: `auto`, `none`, `any` or a tool's name; None where not given.
        parallel: Whether the answer may call several tools; None where not given.
        form: The form of the answer, if one is asked for.
        as_text: Whether the form came as `response_format`, whose answer is text.
        extra: What else the application passed, for the wire as it is.
        policy: What happens with what the model or the wire doesn't take.
        asked: What the wire asks the model for. The wire says so.
    """

    messages: list[ChatMessage]
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: str | None = None
    parallel: bool | None = None
    form: AnswerFormat | None = None
    as_text: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    policy: Policy = "warn"
    asked: Asked = field(default_factory=lambda: Asked([]))

    @property
    def instruction(self) -> str | None:
        """What the model is told besides the conversation."""
        return self.asked.instruction(message.content for message in self.messages)

    def ask(self, route: Route, *, thinks: bool = False) -> Asked:
        """Settle what the route's model is asked for.

        Args:
            route: Where the call goes.
            thinks: Whether the model thinks in a way that forbids to force it.
        """
        self.asked = asked_for(route, self.form, self.tools, self.choice, as_text=self.as_text, thinks=thinks)
        return self.asked


def make_request(
    messages: Sequence[ChatMessage],
    defaults: Mapping[str, Any],
    additional: Mapping[str, Any],
    call: Mapping[str, Any],
    policy: Policy = "warn",
) -> Request:
    """Bring a call's arguments into one shape; the call's win over the model's own.

    Args:
        messages: The conversation; it is not changed.
        defaults: The model's own parameters and timeout.
        additional: What the model passes to the wire as it is.
        call: The call's keyword arguments.
        policy: What happens with what the model or the wire doesn't take.

    Raises:
        UnsupportedError: tool_choice names a tool that isn't given, or the answer's form is none.
    """
    given = {_ALIASES.get(name, name): value for name, value in call.items()}
    parameters = {name: given.pop(name) if name in given else defaults.get(name) for name in (*OWN, "timeout")}
    if isinstance(parameters["stop"], str):
        parameters["stop"] = [parameters["stop"]]
    allowed = given.pop("allow_parallel_tool_calls", None)
    parallel = given.pop("parallel_tool_calls", allowed)
    given = {**additional, **given}
    wanted, asked = given.pop(STRUCTURED, None), given.pop("response_format", None)
    tools = list(given.pop("tools", None) or [])
    return Request(
        messages=list(messages),
        timeout=parameters.pop("timeout"),
        parameters={name: value for name, value in parameters.items() if value is not None},
        tools=tools,
        choice=_checked(tool_choice_name(given.pop("tool_choice", None)), tools),
        parallel=parallel,
        form=answer_format(wanted or asked),
        as_text=wanted is None,
        extra={name: value for name, value in given.items() if value is not None},
        policy=policy,
    )


def _checked(choice: str | None, tools: Sequence[dict[str, Any]]) -> str | None:
    if not tools:
        return None
    names = [tool_name(tool) for tool in tools]
    if choice is not None and choice not in {"auto", "none", "any", *names}:
        msg = f"tool_choice {choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
        raise UnsupportedError(msg)
    return choice


def estimated_tokens(request: Request) -> float:
    """About what a call takes, its answer included: four characters a token."""
    said = sum(len(message.content or "") for message in request.messages)
    return said / 4 + (request.parameters.get("max_tokens") or 0)


def tool_name(tool: Mapping[str, Any]) -> str | None:
    """The name of a tool in OpenAI's format."""
    name: str | None = tool.get("function", {}).get("name")
    return name
