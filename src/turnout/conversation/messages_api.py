"""What Anthropic's Messages API takes for a limit, tools and their choice: of both frameworks' wires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import messages_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.answer_formats import AnswerFormat

DEFAULT_OUTPUT = 8_192
"""Tokens, for a model that turnout knows nothing of: the service insists on a limit."""

_STRUCTURED = "structured-outputs-2025-11-13"


def messages_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as Messages takes it.

    Args:
        tool: In OpenAI's format, or a tool of the service's own, which stays as it is.
    """
    function: Mapping[str, Any] | None = tool.get("function")
    if function is None:
        return tool
    made: dict[str, Any] = {
        "name": function["name"],
        "input_schema": {"type": "object", **(function.get("parameters") or {"properties": {}})},
    }
    return made | {key: function[key] for key in ("description", "strict") if function.get(key) is not None}


def messages_tool_choice(choice: str | None, *, parallel: bool | None) -> dict[str, Any] | None:
    """Which tool is to be called, as Messages takes it.

    Args:
        choice: `auto`, `none`, `any`, or a tool's name; None where not given.
        parallel: Whether an answer may call several; None where not given.

    Returns:
        What is sent; None for the service's own default.
    """
    if choice is None and parallel is None:
        return None
    made: dict[str, Any] = {"type": choice or "auto"}
    if choice not in {None, "auto", "any", "none"}:
        made = {"type": "tool", "name": choice}
    if parallel is False and choice != "none":
        made["disable_parallel_tool_use"] = True
    return made


def with_format(body: dict[str, Any], form: AnswerFormat | None) -> dict[str, Any]:
    """A request's arguments with the form that the service holds the answer to, if there is one.

    On Foundry that is a beta, of which other places take the header too.
    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, seen 2026-11-21
    """
    if form is None:
        return body
    headers = {"anthropic-beta": _STRUCTURED, **(body.get("extra_headers") or {})}
    return {
        **body,
        "output_config": {**(body.get("output_config") or {}), "format": messages_format(form)},
        **({} if "betas" in body else {"extra_headers": headers}),
    }
