"""What OpenAI and Azure OpenAI refuse in a chat request, in the services' words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from turnout.emulator.catalogue import OpenAIModel
from turnout.emulator.refusals import RequestInvalid

_ARGUMENTS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "user_security_context",
        "verbosity",
        "data_sources",
        "web_search_options",
    ]
)
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
_FIXED = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}


def check(body: Mapping[str, Any], model: OpenAIModel) -> None:
    """Check a request.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    for argument in body:
        if argument not in _ARGUMENTS:
            raise RequestInvalid(f"Unrecognized request argument supplied: {argument}")
    _check_parameters(body, model)
    _check_messages(body)
    _check_tools(body)
    _check_format(body)


def _check_parameters(body: Mapping[str, Any], model: OpenAIModel) -> None:
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise RequestInvalid(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
            param="max_tokens",
        )
    if model.reasoning:
        _check_reasoning_model(body)
    elif body.get("reasoning_effort") is not None:
        raise RequestInvalid("Unrecognized request argument supplied: reasoning_effort")
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(name, "a decimal", value)
        if not low <= value <= high:
            side, bound, word = ("minimum", low, ">=") if value < low else ("maximum", high, "<=")
            raise RequestInvalid(
                f"Invalid '{name}': decimal {'below minimum' if value < low else 'above maximum'} value. "
                f"Expected a value {word} {bound}, but got {value} instead.",
                code=f"decimal_{'below_min' if side == 'minimum' else 'above_max'}_value",
                param=name,
            )
    for name in ("max_tokens", "max_completion_tokens", "n", "seed"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(name, "an integer", value)
        if name != "seed" and value < 1:
            raise RequestInvalid(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead.",
                code="integer_below_min_value",
                param=name,
            )
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        raise RequestInvalid(
            f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length "
            f"{len(stop)} instead.",
            code="array_above_max_length",
            param="stop",
        )
    if body.get("stream_options") is not None and not body.get("stream"):
        raise RequestInvalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )


def _check_reasoning_model(body: Mapping[str, Any]) -> None:
    if body.get("max_tokens") is not None:
        raise RequestInvalid(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    for name, default in _FIXED.items():
        value = body.get(name)
        if value is not None and value != default:
            raise RequestInvalid(
                f"Unsupported value: '{name}' does not support {value} with this model. "
                f"Only the default ({default}) value is supported.",
                code="unsupported_value",
                param=name,
            )
    for name in ("stop", "logprobs", "top_logprobs", "logit_bias"):
        if body.get(name):
            raise RequestInvalid(
                f"Unsupported parameter: '{name}' is not supported with this model.",
                code="unsupported_parameter",
                param=name,
            )


def _check_messages(body: Mapping[str, Any]) -> None:
    messages = body.get("messages")
    if messages is None:
        raise RequestInvalid(
            "Missing required parameter: 'messages'.", code="missing_required_parameter", param="messages"
        )
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise RequestInvalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            code="empty_array",
            param="messages",
        )
    open_calls: dict[str, None] = {}
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise _wrong_type(where, "an object", message)
        role = message.get("role")
        if role not in _ROLES:
            raise RequestInvalid(
                f"Invalid value: '{role}'. Supported values are: "
                f"{', '.join(repr(one) for one in _ROLES[:-1])}, and '{_ROLES[-1]}'.",
                code="invalid_value",
                param=f"{where}.role",
            )
        if role == "tool":
            _check_tool_message(message, where, open_calls)
            continue
        _check_answered(open_calls)
        open_calls = _check_content(message, where)
    _check_answered(open_calls)


def _check_tool_message(message: Mapping[str, Any], where: str, open_calls: dict[str, None]) -> None:
    call = message.get("tool_call_id")
    if call is None:
        raise RequestInvalid(
            f"Missing required parameter: '{where}.tool_call_id'.",
            code="missing_required_parameter",
            param=f"{where}.tool_call_id",
        )
    if call not in open_calls:
        raise RequestInvalid(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
            param=f"{where}.role",
        )
    open_calls[call] = None
    answered = open_calls.setdefault(f"\0{call}")
    assert answered is None


def _check_answered(open_calls: Mapping[str, None]) -> None:
    missing = [call for call in open_calls if not call.startswith("\0") and f"\0{call}" not in open_calls]
    if missing:
        raise RequestInvalid(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}",
            param="messages",
        )


def _check_content(message: Mapping[str, Any], where: str) -> dict[str, None]:
    content, calls = message.get("content"), message.get("tool_calls")
    if calls is not None and message["role"] == "assistant":
        if not isinstance(calls, list) or not calls:
            raise RequestInvalid(
                f"Invalid '{where}.tool_calls': empty array. Expected an array with minimum length 1, but got an "
                "empty array instead.",
                code="empty_array",
                param=f"{where}.tool_calls",
            )
        for number, call in enumerate(calls):
            _check_call(call, f"{where}.tool_calls[{number}]")
    elif content is None and not message.get("function_call") and message.get("refusal") is None:
        raise RequestInvalid(
            "Invalid value for 'content': expected a string, got null.",
            param=f"{where}.content",
        )
    if content is not None and not isinstance(content, str | list):
        raise _wrong_type(f"{where}.content", "one of a string or array of objects", content)
    for number, part in enumerate(content if isinstance(content, list) else ()):
        _check_part(part, f"{where}.content[{number}]")
    return {call["id"]: None for call in calls or ()} if message["role"] == "assistant" else {}


def _check_call(call: object, where: str) -> None:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        raise RequestInvalid(
            f"Missing required parameter: '{where}.id'.", code="missing_required_parameter", param=where
        )
    if len(call["id"]) > 40:
        raise RequestInvalid(
            f"Invalid '{where}.id': string too long. Expected a string with maximum length 40, but got a string with "
            f"length {len(call['id'])} instead.",
            code="string_above_max_length",
            param=f"{where}.id",
        )
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RequestInvalid(
            f"Missing required parameter: '{where}.function'.",
            code="missing_required_parameter",
            param=f"{where}.function",
        )
    if not isinstance(function.get("arguments", ""), str):
        raise _wrong_type(f"{where}.function.arguments", "a string", function["arguments"])


def _check_part(part: object, where: str) -> None:
    kinds = ("text", "image_url", "input_audio", "refusal", "audio", "file")
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in kinds:
        raise RequestInvalid(
            f"Invalid value: '{kind}'. Supported values are: {', '.join(repr(one) for one in kinds)}.",
            code="invalid_value",
            param=where,
        )
    if isinstance(part, dict) and kind == "text" and not isinstance(part.get("text"), str):
        raise _wrong_type(f"{where}.text", "a string", part.get("text"))


def _check_tools(body: Mapping[str, Any]) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools:
        if isinstance(tools, list):
            raise RequestInvalid(
                "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
                code="empty_array",
                param="tools",
            )
        if choice is not None and choice != "none":
            raise RequestInvalid(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
                param="tool_choice",
            )
        if body.get("parallel_tool_calls") is not None:
            raise RequestInvalid(
                "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
                param="parallel_tool_calls",
            )
        return
    names = set()
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RequestInvalid(
                f"Missing required parameter: 'tools[{index}].function'.",
                code="missing_required_parameter",
                param=f"tools[{index}].function",
            )
        if _NAME.fullmatch(function["name"]) is None:
            raise RequestInvalid(
                f"Invalid 'tools[{index}].function.name': string does not match pattern. Expected a string that "
                "matches the pattern '^[a-zA-Z0-9_-]+$'.",
                code="invalid_value",
                param=f"tools[{index}].function.name",
            )
        names.add(function["name"])
        schema = function.get("parameters")
        if schema is not None and schema.get("type") != "object":
            raise _bad_schema(
                f"function '{function['name']}'",
                f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {json.dumps(schema.get('type'))}'.",
                f"tools[{index}].function.parameters",
            )
        if function.get("strict") and schema is not None:
            _check_strict(schema, f"function '{function['name']}'", f"tools[{index}].function.parameters")
    wanted = choice["function"]["name"] if isinstance(choice, dict) and "function" in choice else None
    if wanted is not None and wanted not in names:
        raise RequestInvalid(f"Tool choice 'function' not found in 'tools' parameter: {wanted}.", param="tool_choice")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise RequestInvalid(
            f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
            code="invalid_value",
            param="tool_choice",
        )


def _check_format(body: Mapping[str, Any]) -> None:
    form = body.get("response_format")
    if form is None:
        return
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise RequestInvalid(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            code="invalid_value",
            param="response_format.type",
        )
    if kind == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise RequestInvalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    if kind == "json_schema":
        inner = form.get("json_schema")
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise RequestInvalid(
                "Missing required parameter: 'response_format.json_schema.name'.",
                code="missing_required_parameter",
                param="response_format.json_schema.name",
            )
        schema = inner.get("schema", {})
        if inner.get("strict"):
            _check_strict(schema, f"response_format '{inner['name']}'", "response_format")


def _check_strict(schema: Mapping[str, Any], what: str, param: str) -> None:
    """Strict schemas close every object and require every property."""
    stack: list[tuple[tuple[str, ...], Any]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, Mapping):
            continue
        context = "(" + ", ".join(repr(part) for part in path) + ("," if len(path) == 1 else "") + ")"
        properties = node.get("properties")
        if node.get("type") == "object" or isinstance(properties, Mapping):
            if node.get("additionalProperties") is not False:
                raise _bad_schema(
                    what,
                    f"In context={context}, 'additionalProperties' is required to be supplied and to be false.",
                    param,
                )
            missing = [name for name in properties or {} if name not in node.get("required", ())]
            if missing:
                raise _bad_schema(
                    what,
                    f"In context={context}, 'required' is required to be supplied and to be an array including every "
                    f"key in properties. Missing '{missing[0]}'.",
                    param,
                )
        for key in ("properties", "$defs", "definitions"):
            for name, child in (node.get(key) or {}).items():
                stack.append(((*path, key, name), child))
        if isinstance(node.get("items"), Mapping):
            stack.append(((*path, "items"), node["items"]))
        for key in ("anyOf", "allOf"):
            for number, child in enumerate(node.get(key) or ()):
                stack.append(((*path, key, str(number)), child))


def _bad_schema(what: str, why: str, param: str) -> RequestInvalid:
    return RequestInvalid(
        f"Invalid schema for {what}: {why}",
        code="invalid_function_parameters" if "function" in what else None,
        param=param,
    )


def _wrong_type(name: str, expected: str, value: object) -> RequestInvalid:
    kinds = {
        str: "a string",
        int: "an integer",
        float: "a decimal",
        bool: "a boolean",
        list: "an array",
        dict: "an object",
    }
    got = "null" if value is None else kinds.get(type(value), type(value).__name__)
    return RequestInvalid(
        f"Invalid type for '{name}': expected {expected}, but got {got} instead.", code="invalid_type", param=name
    )
