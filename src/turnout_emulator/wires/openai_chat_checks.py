"""What OpenAI and Azure OpenAI refuse in a chat request, in the services' words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import refuse, refuse_if
from turnout_emulator.wires.openai_problems import (
    EFFORTS,
    MEMBERS,
    RANGES,
    check_answer_schema,
    check_decimal,
    check_function,
    check_integer,
    check_length,
    check_one_of,
    check_strings,
    enumerate_values,
    expect,
    format_kind,
    missing,
    require,
    wrong_type,
)

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")
_FIXED = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
_LONGEST_ID = 40  # characters


def check(body: Mapping[str, Any], model: OpenAIModel, *, azure: bool) -> None:
    """Check a request, and raise `RequestRefused` if the service would refuse it."""
    for argument in body:
        refuse_if(argument not in MEMBERS["chat"], "chat.unknown", name=argument)
    _check_parameters(body, model)
    _check_messages(body.get("messages"))
    _check_tools(body, model, azure=azure)
    _check_format(body)


def _check_parameters(body: Mapping[str, Any], model: OpenAIModel) -> None:
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise refuse("chat.both_limits", param="max_tokens")
    if model.reasoning:
        _check_reasoning_model(body, model)
    elif body.get("reasoning_effort") is not None and not model.open_weight:
        raise refuse("chat.unknown", name="reasoning_effort")
    for name in RANGES:
        check_decimal(name, body.get(name))
    for name in ("max_tokens", "max_completion_tokens", "n", "seed"):
        check_integer(name, body.get(name), least=None if name == "seed" else 1)
    check_strings(body.get("stop"), "stop", most=4)
    expect(dict, body.get("stream_options"), "stream_options")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise refuse("chat.stream_options", param="stream_options")


def _check_reasoning_model(body: Mapping[str, Any], model: OpenAIModel) -> None:
    effort = body.get("reasoning_effort")
    check_one_of(effort or "none", EFFORTS, "reasoning_effort")
    if effort and model.efforts and effort not in model.efforts:
        listed = enumerate_values(model.efforts)
        raise refuse("chat.wrong_effort", param="reasoning_effort", value=effort, allowed=listed)
    if body.get("max_tokens") is not None:
        raise refuse("openai.unsupported", param="max_tokens", advice=" Use 'max_completion_tokens' instead.")
    # developers.openai.com/api/docs/guides/latest-model: without reasoning these are taken again.
    taken = ("temperature", "top_p", "logprobs", "top_logprobs") if effort == "none" else ()
    for name, default in _FIXED.items():
        value = body.get(name)
        wrong = name not in taken and value is not None and value != default
        refuse_if(wrong, "chat.fixed", param=name, value=value, default=default)
    for name in ("stop", "logprobs", "top_logprobs", "logit_bias"):
        refuse_if(body.get(name) and name not in taken, "openai.unsupported", param=name, advice="")


def _check_messages(messages: object) -> None:
    require(messages, "messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    refuse_if(not messages, "openai.empty_array", param="messages")
    called: list[str] = []
    answered: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise wrong_type(where, "an object", message)
        role = message.get("role")
        check_one_of(role, _ROLES, f"{where}.role")
        if not isinstance(message.get("content"), str | list | None):
            raise wrong_type(f"{where}.content", "one of a string or array of objects", message["content"])
        if role == "tool":
            require(message.get("tool_call_id"), f"{where}.tool_call_id")
            refuse_if(message["tool_call_id"] not in called, "chat.unasked_result", param=f"{where}.role")
            answered.append(message["tool_call_id"])
        else:
            _check_answered(called, answered)
            called, answered = _check_content(message, where), []
    _check_answered(called, answered)


def _check_answered(called: list[str], answered: list[str]) -> None:
    unanswered = [call for call in called if call not in answered]
    refuse_if(unanswered, "chat.unanswered", param="messages", calls=", ".join(unanswered))


def _check_content(message: Mapping[str, Any], where: str) -> list[str]:
    """Check a message, and return the ids of the tools that it calls."""
    content = message.get("content")
    calls = message.get("tool_calls") if message["role"] == "assistant" else None
    if calls is not None:
        if not isinstance(calls, list) or not calls:
            raise refuse("openai.empty_array", param=f"{where}.tool_calls")
        for number, call in enumerate(calls):
            _check_call(call, f"{where}.tool_calls[{number}]")
    elif content is None and not message.get("function_call") and message.get("refusal") is None:
        raise refuse("chat.no_content", param=f"{where}.content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type") if isinstance(part, dict) else None
        check_one_of(kind, _PARTS, f"{where}.content[{number}]")
        if kind == "text" and not isinstance(part.get("text"), str):
            raise wrong_type(f"{where}.content[{number}].text", "a string", part.get("text"))
    return [call["id"] for call in calls or ()]


def _check_call(call: object, where: str) -> None:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        raise missing(f"{where}.id")
    check_length(f"{where}.id", call["id"], _LONGEST_ID)
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise missing(f"{where}.function")
    if not isinstance(function.get("arguments", ""), str):
        raise wrong_type(f"{where}.function.arguments", "a string", function["arguments"])


def _check_tools(body: Mapping[str, Any], model: OpenAIModel, *, azure: bool) -> None:
    if body.get("parallel_tool_calls") is not None and not model.parallel_calls:
        raise refuse("openai.unsupported", param="parallel_tool_calls", advice="")
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools:
        refuse_if(isinstance(tools, list), "openai.empty_array", param="tools")
        for name in ("tool_choice", "parallel_tool_calls"):
            refuse_if(body.get(name) not in (None, "none"), "chat.no_tools", param=name)
        return
    expect(list, tools, "tools")
    names = []
    for index, tool in enumerate(tools):
        where, function = f"tools[{index}].function", tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise missing(where)
        names.append(check_function(function, where, azure=azure))
    effort = body.get("reasoning_effort")
    unasked = effort is None and model.chat_tools != "effort_none"
    if model.chat_tools != "always" and effort != "none" and not unasked:
        raise refuse("chat.tools_and_effort", param="reasoning_effort", model=model.name)
    if isinstance(choice, dict) and "function" in choice:
        function = choice["function"]
        if not isinstance(function, dict) or "name" not in function:
            raise missing("tool_choice.function.name")
        if function["name"] not in (None, *names):
            raise refuse("chat.unknown_choice", param="tool_choice", name=function["name"])
    if isinstance(choice, str):
        check_one_of(choice, ("none", "auto", "required"), "tool_choice")


def _check_format(body: Mapping[str, Any]) -> None:
    form = body.get("response_format")
    if form is None:
        return
    kind = format_kind(form, "response_format")
    if kind == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise refuse("chat.no_json", param="messages")
    if kind == "json_schema":
        spec = form.get("json_schema")
        where = "response_format.json_schema"
        check_answer_schema(spec if isinstance(spec, dict) else {}, where, "response_format")
