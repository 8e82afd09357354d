"""A call as the application meant it, whichever wire will carry it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import AnswerFormat, answer_format
from turnout.conversation.tool_choices import Asked, asked_for
from turnout.langchain.tools import check_schema

if TYPE_CHECKING:
    from turnout.conversation.parameters import Policy
    from turnout.routing import Route


@dataclass(slots=True)
class Request:
    """One call.

    Attributes:
        parameters: Those of `turnout.conversation.parameters.PARAMETERS`; None where not given.
        policy: What happens with a parameter that the model can't take.
        tools: Tools in OpenAI's format.
        tool_choice: `auto`, `none`, `any`, or a tool's name; None where not given.
        form: The form of the answer, if one is asked for.
        method: `json_schema`, `function_calling` or `json_mode`, for the form; None for the strongest.
        as_text: Whether the form came as `response_format`, whose answer is text.
        extra: What else the application passed, for the wire as it is.
        asked: What the wire asks the model for. The wire says so.
    """

    parameters: dict[str, Any]
    policy: Policy = "warn"
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str | None = None
    form: AnswerFormat | None = None
    method: str | None = None
    as_text: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    asked: Asked = field(default_factory=lambda: Asked([]))

    def ask(self, route: Route, *, thinks: bool = False) -> Asked:
        """Settle what the route's model is asked for.

        Args:
            route: Where the call goes.
            thinks: Whether the model thinks in a way that forbids to force it.
        """
        self.asked = asked_for(
            route,
            self.form,
            self.tools,
            self.tool_choice,
            method=self.method,
            strictly=None if self.form is None or self.as_text else self.form.strict,
            as_text=self.as_text,
            thinks=thinks,
        )
        return self.asked


def form_bound(wanted: dict[str, Any]) -> AnswerFormat:
    """The form that `with_structured_output` bound: a schema in OpenAI's function format."""
    function = wanted["schema"]
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return AnswerFormat(function["name"], schema, function.get("description", ""), wanted.get("strict"))


def form_given(given: Any) -> AnswerFormat | None:
    """The form that a call's `response_format` asks for.

    Raises:
        UnsupportedError: It is no form that a service takes.
    """
    form = answer_format(given)
    if form is not None and form.schema is not None:
        check_schema(form.schema, f"the schema {form.name!r}")
    return form
