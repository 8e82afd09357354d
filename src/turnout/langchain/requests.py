"""A call's keyword arguments, and the model's own → a request that any wire can be made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import AnswerFormat, answer_format
from turnout.conversation.parameters import LIMITS, take_parameters
from turnout.conversation.request import Request
from turnout.conversation.tools import tool_choice_name
from turnout.langchain.tools import offered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.settings import Settings

_NOT_SENT = frozenset({"backend", "model", "ls_structured_output_format", *LIMITS})


def make_request(
    own: Mapping[str, Any], settings: Settings, stop: list[str] | None, kwargs: Mapping[str, Any]
) -> Request:
    """What a call asks for; its own arguments win over the model's attributes.

    Raises:
        UnsupportedError: A tool, a choice or a form of the answer is none that a service takes.
    """
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
