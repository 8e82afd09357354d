"""Tools as the application has them → OpenAI's format, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from turnout.conversation.caching import cache_control, mark_in
from turnout.conversation.parameters import tool_choice_name
from turnout.conversation.tools import check_choice, check_tool
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_choice(tools: Sequence[Any], tool_choice: Any, *, strict: bool | None) -> dict[str, Any]:
    """Tools and the choice among them, as arguments of a call."""
    converted = offered(tools, strict=strict)
    choice = tool_choice_name(tool_choice)
    check_choice(choice, converted)
    return {"tools": converted} | ({"tool_choice": choice} if choice is not None else {})


class _Checked(dict[str, Any]):
    """A tool that has been through this once, when it was bound."""


def offered(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in OpenAI's format, and a `cache_control` on each up to which the prompt is to be cached.

    They are pydantic classes, functions, LangChain tools, and dicts in OpenAI's, Anthropic's or Converse's format, with
    Converse's `cachePoint` among them.
    """
    if all(isinstance(tool, _Checked) for tool in tools):
        return list(tools)
    made: list[dict[str, Any]] = []
    for number, tool in enumerate(tools):
        mark = mark_in(tool if isinstance(tool, Mapping) else {"extras": getattr(tool, "extras", None)})
        if mark is None or not mark.converse:
            made.append(_Checked(_converted(tool, number, strict=strict)))
        if mark is not None and made:
            made[-1]["cache_control"] = cache_control(mark)
    return made


def _converted(tool: Any, number: int, *, strict: bool | None) -> dict[str, Any]:
    try:
        made = convert_to_openai_tool(tool, strict=strict)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise UnsupportedError(
            f"tool {number} is {tool!r:.80}, which is no tool: give a function with type hints, a pydantic class, a "
            f"LangChain tool, or a dict with name, description and parameters"
        ) from error
    check_tool(made, number)
    return made
