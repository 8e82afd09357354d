"""What OpenAI, Azure OpenAI and Mantle refuse in a Responses request, in the services' words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import RequestInvalid
from turnout_emulator.wires.openai_chat_checks import RANGES, check_decimal, check_integer, wrong_type
from turnout_emulator.wires.openai_tool_checks import TOOL_NAME, bad_schema, check_strict, missing

_ARGUMENTS = frozenset(
    [
        *("background", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls"),
        *("metadata", "model", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key"),
        *("prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream"),
        *("stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation"),
        "user",
    ]
)
_MOVED = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens", "messages": "input"} | {
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_SHORTEST = 16  # tokens: the service takes no smaller max_output_tokens


def check(body: Mapping[str, Any], model: OpenAIModel) -> None:
    """Check everything but the input.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    for argument in body:
        if argument in _ARGUMENTS:
            continue
        if argument in _MOVED:
            new = _MOVED[argument]
            raise RequestInvalid(
                f"Unsupported parameter: '{argument}'. In the Responses API, this parameter has moved to '{new}'. Try "
                "again with the new parameter. See https://platform.openai.com/docs/api-reference/responses/create.",
                code="unsupported_parameter",
                param=argument,
            )
        raise RequestInvalid(f"Unknown parameter: '{argument}'.", code="unknown_parameter", param=argument)
    _check_parameters(body, model)
    _check_reasoning(body, model)
    _check_tools(body)
    _check_format(body)


def _check_parameters(body: Mapping[str, Any], model: OpenAIModel) -> None:
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is None:
            continue
        low, high = RANGES[name]
        check_decimal(name, value, low, high)
        if model.reasoning and value != 1:
            raise RequestInvalid(f"Unsupported parameter: '{name}' is not supported with this model.", param=name)
    longest = body.get("max_output_tokens")
    if longest is not None:
        check_integer("max_output_tokens", longest, lowest=_SHORTEST)
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise wrong_type("instructions", "a string", instructions)
    if body.get("background"):
        raise RequestInvalid("Background mode is not available here.", param="background")


def _check_reasoning(body: Mapping[str, Any], model: OpenAIModel) -> None:
    reasoning = body.get("reasoning") or {}
    if not isinstance(reasoning, dict):
        raise wrong_type("reasoning", "an object", reasoning)
    if any(value is not None for value in reasoning.values()) and not (model.reasoning or model.open_weight):
        name = next(name for name, value in reasoning.items() if value is not None)
        raise RequestInvalid(
            f"Unsupported parameter: 'reasoning.{name}' is not supported with this model.",
            code="unsupported_parameter",
            param=f"reasoning.{name}",
        )
    effort = reasoning.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise _not_one_of(effort, _EFFORTS, "reasoning.effort")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools: Sequence[Any] = body.get("tools") or ()
    names = [_check_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
    choice = body.get("tool_choice")
    match choice:
        case None | "none" | "auto":
            return
        case "required" if names:
            return
        case {"type": "allowed_tools", "mode": "auto" | "required"}:
            return
        case {"type": "function", "name": str(name)}:
            if name not in names:
                raise RequestInvalid("Tool choice 'function' not found in 'tools' parameter.", param="tool_choice")
        case {"type": "function"}:
            raise missing("tool_choice.name")
        case "required":
            raise RequestInvalid(
                "Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice"
            )
        case _:
            shown = choice if isinstance(choice, str) else json.dumps(choice)
            raise _not_one_of(shown, ("none", "auto", "required"), "tool_choice")


def _check_tool(tool: object, where: str) -> str:
    if not isinstance(tool, dict):
        raise wrong_type(where, "an object", tool)
    if tool.get("type") != "function":
        raise RequestInvalid(
            f"Tool type '{tool.get('type')}' is not available here; there are no hosted tools.", param=f"{where}.type"
        )
    name = tool.get("name")
    if not isinstance(name, str):
        raise missing(f"{where}.name")
    if TOOL_NAME.fullmatch(name) is None:
        raise RequestInvalid(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=f"{where}.name",
        )
    schema = tool.get("parameters")
    if schema is not None:
        what, param = f"function '{name}'", f"{where}.parameters"
        if schema.get("type") != "object":
            got = json.dumps(schema.get("type"))
            raise bad_schema(what, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.", param)
        if tool.get("strict"):
            check_strict(schema, what, param)
    return name


def _check_format(body: Mapping[str, Any]) -> None:
    form = (body.get("text") or {}).get("format")
    if form is None:
        return
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise _not_one_of(kind, ("json_object", "json_schema", "text"), "text.format.type")
    if kind == "json_object" and "json" not in json.dumps(body.get("input", "")).lower():
        raise RequestInvalid(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'.",
            param="input",
        )
    if kind == "json_schema":
        for name in ("name", "schema"):
            if form.get(name) is None:
                raise missing(f"text.format.{name}")
        if form.get("strict"):
            check_strict(form["schema"], f"response_format '{form['name']}'", "text.format.schema")


def _not_one_of(value: object, allowed: Sequence[str], param: str) -> RequestInvalid:
    listed = f"{', '.join(repr(one) for one in allowed[:-1])}, and '{allowed[-1]}'"
    return RequestInvalid(
        f"Invalid value: '{value}'. Supported values are: {listed}.", code="invalid_value", param=param
    )
