"""What Anthropic Messages refuses in a request beside its messages, in the service's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.memory import Signatures
from turnout_emulator.refusals import invalid, invalid_if, refuse, refuse_if
from turnout_emulator.wires.anthropic_content_checks import blocks_of, check_messages, expect, require, wrong_tag
from turnout_emulator.wires.claude_checks import check_last_calls, check_parameters, schema_problem, tool_problem
from turnout_emulator.wires.openai_problems import MEMBERS
from turnout_emulator.wires.schemas import schema_fault

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_CACHE_MARKS = 4


def check(body: Mapping[str, Any], model: AnthropicModel, signatures: Signatures, *, counting: bool) -> None:
    """Check a request, and raise `RequestRefused` if the service would refuse it."""
    for argument in body:
        invalid_if(argument not in MEMBERS["messages"], f"{argument}: Extra inputs are not permitted")
    for name, kind in (("thinking", dict), ("tools", list), ("output_config", dict)):
        expect(kind, body.get(name), name)
    invalid_if(not isinstance(body.get("tool_choice"), dict | None), "tool_choice: Input should be an object")
    for argument in ("messages",) if counting else ("max_tokens", "messages"):
        require(body.get(argument), argument)
    longest = 1 if counting else body["max_tokens"]
    expect(int, longest, "max_tokens")
    invalid_if(longest < 1, "max_tokens: Input should be greater than or equal to 1")
    if longest > model.output:
        raise refuse("messages.too_many_output_tokens", value=longest, most=model.output, model=model.served)
    check_parameters(body, model)
    _check_system(body.get("system"))
    check_messages(body["messages"], signatures, prefill=model.prefill)
    _check_tools(body)
    _check_format(body)
    _check_cache_marks(body)
    turns = [(one["role"], [block["type"] for block in blocks_of(one)]) for one in body["messages"]]
    check_last_calls(turns, body.get("thinking"))


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system: Input should be a valid list")
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise invalid(f"system.{index}.type: Input should be 'text'")
        if not isinstance(block.get("text"), str):
            raise invalid(f"system.{index}.text: Field required")
        invalid_if(not block["text"], "system: text content blocks must be non-empty")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    names = [_check_tool(tool, index) for index, tool in enumerate(tools)]
    invalid_if(len(set(names)) < len(names), "tools: Tool names must be unique.")
    if choice is None:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise wrong_tag("tool_choice", kind, ("auto", "any", "tool", "none"))
    invalid_if(not tools, "tool_choice: tool_choice may only be specified while providing tools.")
    for name in choice:
        if name not in ("type", "name", "disable_parallel_tool_use"):
            raise invalid(f"tool_choice.{kind}.{name}: Extra inputs are not permitted")
    if kind == "tool":
        if "name" not in choice:
            raise invalid("tool_choice.tool.name: Field required")
        invalid_if(choice["name"] not in names, f"Tool '{choice['name']}' not found in provided tools")


def _check_tool(tool: object, index: int) -> str:
    if not isinstance(tool, dict):
        raise invalid(f"tools.{index}: Input should be an object")
    refuse_if(tool.get("type") not in (None, "custom"), "messages.server_tool", index=index, type=tool.get("type"))
    where = f"tools.{index}.custom"
    name, schema = tool.get("name"), tool.get("input_schema")
    require(name, f"{where}.name")
    if not isinstance(name, str) or _TOOL_NAME.fullmatch(name) is None:
        raise invalid(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    expect(str, tool.get("description"), f"{where}.description")
    if not isinstance(schema, dict):
        raise invalid(f"{where}.input_schema: Field required")
    if "type" not in schema:
        raise invalid(f"{where}.input_schema.type: Field required")
    invalid_if(schema["type"] != "object", f"{where}.input_schema.type: Input should be 'object'")
    refuse_if(schema_fault(schema) is not None, "messages.wrong_schema", where=f"{where}.input_schema")
    problem = tool_problem(schema)
    invalid_if(problem is not None, f"{where}.input_schema: {problem}")
    problem = schema_problem(schema) if tool.get("strict") else None
    invalid_if(problem is not None, f"{where}: {problem}")
    return name


def _check_format(body: Mapping[str, Any]) -> None:
    form = (body.get("output_config") or {}).get("format")
    if form is None:
        return
    expect(dict, form, "output_config.format")
    invalid_if(form.get("type") != "json_schema", "output_config.format.type: Input should be 'json_schema'")
    if not isinstance(form.get("schema"), dict):
        raise invalid("output_config.format.schema: Field required")
    refuse_if(schema_fault(form["schema"]) is not None, "messages.wrong_schema", where="output_config.format.schema")
    problem = schema_problem(form["schema"])
    invalid_if(problem is not None, f"output_config.format.schema: {problem}")


def _check_cache_marks(body: Mapping[str, Any]) -> None:
    system = body.get("system")
    marked: list[Mapping[str, Any]] = [*(system if isinstance(system, list) else ()), *(body.get("tools") or ())]
    marked += [block for message in body["messages"] for block in blocks_of(message)]
    count = sum(1 for one in marked if one.get("cache_control"))
    refuse_if(count > _MOST_CACHE_MARKS, "messages.cache_marks", most=_MOST_CACHE_MARKS, count=count)
