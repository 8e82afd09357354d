"""A call as the application meant it, and what it is for one wire and model; the conversation goes beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.conversation.parameters import fit_parameters, refusal
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.conversation.answer_formats import AnswerFormat
    from turnout.conversation.parameters import Policy
    from turnout.conversation.turns import CachePoint, Turn
    from turnout.routing import Route


@dataclass(slots=True)
class Request:
    """One call, whichever wire carries it."""

    parameters: dict[str, Any] = field(default_factory=dict)
    policy: Policy = "warn"
    tools: list[dict[str, Any]] = field(default_factory=list)  # in OpenAI's format, as `checked_tool` gives them
    tool_choice: str | None = None  # `auto`, `none`, `any`, or a tool's name
    form: AnswerFormat | None = None
    method: str | None = None  # one of `turnout.conversation.tools.METHODS`, for the form; None for the strongest
    strict: bool | None = None  # whether a tool that stands for the form is held to exactly
    as_text: bool = False  # whether the form came as `response_format`, whose answer is text
    # Whether the framework drops an answer's further calls itself, so that a model that can't be told to make one call
    # is no reason for a warning.
    first_call_only: bool = False
    extra: dict[str, Any] = field(default_factory=dict)  # what else the application passed, for the wire as it is


def parameters_of(request: Request, route: Route) -> dict[str, Any]:
    """The request's parameters that the route's wire and model take, under turnout's names."""
    parameters, name = dict(request.parameters), "parallel_tool_calls"
    one_object = request.form is not None and not request.as_text and not request.tools
    if one_object and parameters.get(name) is None:
        parameters[name] = False
    if (one_object or request.first_call_only) and refusal(route, name):
        parameters[name] = None
    return fit_parameters(route, parameters, request.policy)


@dataclass(slots=True)
class Asked:
    """What is asked of a model, before a wire writes it."""

    tools: list[dict[str, Any]]  # in OpenAI's format; the form of the answer may be one of them
    choice: str | None = None  # that is sent: `auto`, `none`, `any`, a tool's name
    form: AnswerFormat | None = None  # what the service holds the answer to itself
    # A tool (or `any`) that the answer must call though the model can't be forced to: it is told to, and an answer that
    # doesn't is an error.
    must_call: str | None = None
    answer_tool: str | None = None  # the tool whose call is the answer, and becomes the answer's text
    in_words: str | None = None  # what the model is told of the answer's form


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as one wire and model take it."""

    arguments: dict[str, Any]  # all that is sent but the conversation, under the wire's own names
    asked: Asked = field(default_factory=lambda: Asked([]))
    cache: CachePoint | None = None  # on Converse, the mark of the whole prompt, to be put into the conversation

    def instruction(self, turns: Iterable[Turn]) -> str | None:
        """What the model is told besides the conversation, if anything."""
        asked = self.asked
        if asked.form is not None and asked.form.schema is None:  # OpenAI's JSON mode wants the word in a message
            return None if any("json" in turn.text.lower() for turn in turns) else asked.form.in_words()
        if asked.must_call is None:
            return asked.in_words
        if asked.must_call == "any" and asked.answer_tool is not None:
            return (
                f"Answer by calling one of the tools. When you know the answer, call {asked.answer_tool!r} with it, "
                "and no other tool. Write no other text."
            )
        tool = "one of the tools" if asked.must_call == "any" else f"the tool {asked.must_call!r}"
        return f"Answer by calling {tool}, with arguments taken from the conversation. Write no other text."

    def check_called(self, route: Route, *, called: bool) -> None:
        """Refuse an answer without the tool call that the model was told to make, because it can't be forced to."""
        if self.asked.must_call is not None and not called:
            raise UnsupportedError(
                f"{route.deployment!r} on backend {route.backend!r} can't be forced to call a tool, was told to call "
                f"{self.asked.must_call!r}, and answered without; use a model that takes tool_choice"
            )
