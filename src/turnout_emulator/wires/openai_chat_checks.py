"""What OpenAI and Azure OpenAI refuse in a chat request, in the services' words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.refusals import RequestInvalid
from turnout_emulator.wires.openai_tool_checks import check_format, check_tools

_ARGUMENTS = frozenset(
    [
        *("audio", "data_sources", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "n"),
        *("parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_retention"),
        *("reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store"),
        *("stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
        *("user_security_context", "verbosity", "web_search_options"),
    ]
)
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
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
    check_tools(body)
    check_format(body)


def _check_parameters(body: Mapping[str, Any], model: OpenAIModel) -> None:
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise RequestInvalid(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
            param="max_tokens",
        )
    if model.reasoning:
        _check_reasoning_model(body)
    elif body.get("reasoning_effort") is not None and not model.open_weight:
        raise RequestInvalid("Unrecognized request argument supplied: reasoning_effort")
    for name, (low, high) in RANGES.items():
        if body.get(name) is not None:
            check_decimal(name, body[name], low, high)
    for name in ("max_tokens", "max_completion_tokens", "n", "seed"):
        if body.get(name) is not None:
            check_integer(name, body[name], lowest=None if name == "seed" else 1)
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        raise RequestInvalid(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length "
            f"{len(stop)} instead.",
            code="array_above_max_length",
            param="stop",
        )
    if body.get("stream_options") is not None and not body.get("stream"):
        raise RequestInvalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )


def check_decimal(name: str, value: object, low: float, high: float) -> None:
    """Check a number.

    Raises:
        RequestInvalid: It is none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a decimal", value)
    if low <= value <= high:
        return
    side, bound, relation = ("below minimum", low, ">=") if value < low else ("above maximum", high, "<=")
    raise RequestInvalid(
        f"Invalid '{name}': decimal {side} value. Expected a value {relation} {bound}, but got {value} instead.",
        code=f"decimal_{'below_min' if value < low else 'above_max'}_value",
        param=name,
    )


def check_integer(name: str, value: object, lowest: int | None) -> None:
    """Check a whole number.

    Raises:
        RequestInvalid: It is none, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if lowest is not None and value < lowest:
        raise RequestInvalid(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {lowest}, but got {value} instead.",
            code="integer_below_min_value",
            param=name,
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
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise RequestInvalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            code="empty_array",
            param="messages",
        )
    asked: list[str] = []
    answered: list[str] = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            raise wrong_type(where, "an object", message)
        role = message.get("role")
        if role not in _ROLES:
            raise RequestInvalid(
                f"Invalid value: '{role}'. Supported values are: "
                f"{', '.join(repr(one) for one in _ROLES[:-1])}, and '{_ROLES[-1]}'.",
                code="invalid_value",
                param=f"{where}.role",
            )
        if role == "tool":
            answered.append(_answered_call(message, where, asked))
            continue
        _check_answered(asked, answered)
        asked, answered = _check_content(message, where), []
    _check_answered(asked, answered)


def _answered_call(message: Mapping[str, Any], where: str, asked: list[str]) -> str:
    call = message.get("tool_call_id")
    if call is None:
        raise RequestInvalid(
            f"Missing required parameter: '{where}.tool_call_id'.",
            code="missing_required_parameter",
            param=f"{where}.tool_call_id",
        )
    if call not in asked:
        raise RequestInvalid(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=f"{where}.role",
        )
    return str(call)


def _check_answered(asked: list[str], answered: list[str]) -> None:
    missing = [call for call in asked if call not in answered]
    if missing:
        raise RequestInvalid(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}",
            param="messages",
        )


def _check_content(message: Mapping[str, Any], where: str) -> list[str]:
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
        raise wrong_type(f"{where}.content", "one of a string or array of objects", content)
    for number, part in enumerate(content if isinstance(content, list) else ()):
        _check_part(part, f"{where}.content[{number}]")
    return [call["id"] for call in calls or ()] if message["role"] == "assistant" else []


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
        raise wrong_type(f"{where}.function.arguments", "a string", function["arguments"])


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
        raise wrong_type(f"{where}.text", "a string", part.get("text"))


def wrong_type(name: str, expected: str, value: object) -> RequestInvalid:
    """A member of the wrong JSON type."""
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
