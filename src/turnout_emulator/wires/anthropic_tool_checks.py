"""What Anthropic Messages refuses in the tools of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from turnout_emulator.refusals import RequestInvalid

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES = ("auto", "any", "tool", "none")


def check_tools(body: Mapping[str, Any]) -> None:
    """Check the tools and the choice among them.

    Raises:
        RequestInvalid: The service would refuse them.
    """
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    names = [_check_tool(tool, index) for index, tool in enumerate(tools)]
    if len(set(names)) < len(names):
        raise RequestInvalid("tools: Tool names must be unique.")
    if choice is None:
        return
    if not isinstance(choice, dict):
        raise RequestInvalid("tool_choice: Input should be an object")
    kind = choice.get("type")
    if kind not in _CHOICES:
        raise RequestInvalid(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'auto', "
            "'any', 'tool', 'none'"
        )
    if not tools:
        raise RequestInvalid("tool_choice: tool_choice may only be specified while providing tools.")
    extra = next((name for name in choice if name not in ("type", "name", "disable_parallel_tool_use")), None)
    if extra is not None:
        raise RequestInvalid(f"tool_choice.{kind}.{extra}: Extra inputs are not permitted")
    if kind == "tool":
        if "name" not in choice:
            raise RequestInvalid("tool_choice.tool.name: Field required")
        if choice["name"] not in names:
            raise RequestInvalid(f"Tool '{choice['name']}' not found in provided tools")


def _check_tool(tool: object, index: int) -> str:
    if not isinstance(tool, dict):
        raise RequestInvalid(f"tools.{index}: Input should be an object")
    if tool.get("type") not in (None, "custom"):
        raise RequestInvalid(f"tools.{index}: '{tool['type']}' is not available here; there are no server tools.")
    where = f"tools.{index}.custom"
    name, schema = tool.get("name"), tool.get("input_schema")
    if name is None:
        raise RequestInvalid(f"{where}.name: Field required")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise RequestInvalid(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(schema, dict):
        raise RequestInvalid(f"{where}.input_schema: Field required")
    if "type" not in schema:
        raise RequestInvalid(f"{where}.input_schema.type: Field required")
    if schema["type"] != "object":
        raise RequestInvalid(f"{where}.input_schema.type: Input should be 'object'")
    return name
