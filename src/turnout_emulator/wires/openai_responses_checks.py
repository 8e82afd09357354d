"""What OpenAI, Azure OpenAI and Mantle refuse in a Responses request beside its input, in the services' words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import refuse
from turnout_emulator.wires.openai_problems import (
    FORMATS,
    check_decimal,
    check_function,
    check_integer,
    check_strict,
    missing,
    not_one_of,
    wrong_type,
)

_ARGUMENTS = frozenset(
    [
        *("background", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls"),
        *("metadata", "model", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key"),
        *("prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream"),
        *("stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation"),
        "user",
    ]
)
_MOVED = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_FEWEST_TOKENS = 16  # the service takes no smaller max_output_tokens


def check(body: Mapping[str, Any], model: OpenAIModel) -> None:
    """Check a request, and raise `RequestInvalid` if the service would refuse it."""
    for argument in body:
        if argument in _MOVED:
            raise refuse("responses.moved", param=argument, new=_MOVED[argument])
        if argument not in _ARGUMENTS:
            raise refuse("responses.unknown", param=argument)
    for name in ("temperature", "top_p"):
        if body.get(name) is not None:
            check_decimal(name, body[name])
            if model.reasoning and body[name] != 1:
                raise refuse("responses.sampling", param=name)
    if body.get("max_output_tokens") is not None:
        check_integer("max_output_tokens", body["max_output_tokens"], least=_FEWEST_TOKENS)
    if not isinstance(body.get("instructions") or "", str):
        raise wrong_type("instructions", "a string", body["instructions"])
    if body.get("background"):
        raise refuse("responses.background", param="background")
    _check_reasoning(body, model)
    _check_tools(body)
    _check_format(body)


def _check_reasoning(body: Mapping[str, Any], model: OpenAIModel) -> None:
    reasoning = body.get("reasoning") or {}
    if not isinstance(reasoning, dict):
        raise wrong_type("reasoning", "an object", reasoning)
    asked = next((name for name, value in reasoning.items() if value is not None), None)
    if asked is not None and not (model.reasoning or model.open_weight):
        raise refuse("openai.unsupported", param=f"reasoning.{asked}", advice="")
    effort = reasoning.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise not_one_of(effort, _EFFORTS, "reasoning.effort")


def _check_tools(body: Mapping[str, Any]) -> None:
    names = [_check_tool(tool, f"tools[{index}]") for index, tool in enumerate(body.get("tools") or ())]
    choice = body.get("tool_choice")
    match choice:
        case None | "none" | "auto" | {"type": "allowed_tools", "mode": "auto" | "required"}:
            return
        case {"type": "function", "name": str(name)}:
            if name not in names:
                raise refuse("responses.unknown_choice", param="tool_choice")
        case {"type": "function"}:
            raise missing("tool_choice.name")
        case "required":
            if not names:
                raise refuse("responses.no_tools", param="tool_choice")
        case _:
            shown = choice if isinstance(choice, str) else json.dumps(choice)
            raise not_one_of(shown, ("none", "auto", "required"), "tool_choice")


def _check_tool(tool: object, where: str) -> str:
    if not isinstance(tool, dict):
        raise wrong_type(where, "an object", tool)
    if tool.get("type") != "function":
        raise refuse("responses.hosted_tool", param=f"{where}.type", type=tool.get("type"))
    if not isinstance(tool.get("name"), str):
        raise missing(f"{where}.name")
    return check_function(tool, where)


def _check_format(body: Mapping[str, Any]) -> None:
    form = (body.get("text") or {}).get("format")
    if form is None:
        return
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in FORMATS:
        raise not_one_of(kind, FORMATS, "text.format.type")
    if kind == "json_object" and "json" not in json.dumps(body.get("input", "")).lower():
        raise refuse("responses.no_json", param="input")
    if kind == "json_schema":
        for name in ("name", "schema"):
            if form.get(name) is None:
                raise missing(f"text.format.{name}")
        if form.get("strict"):
            check_strict(form["schema"], "response_format", form["name"], "text.format.schema")
