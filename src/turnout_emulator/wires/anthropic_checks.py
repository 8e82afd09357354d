"""What Anthropic Messages refuses, in the service's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.refusals import RequestInvalid
from turnout_emulator.seals import Seals
from turnout_emulator.wires.anthropic_content_checks import blocks_of, check_messages
from turnout_emulator.wires.anthropic_tool_checks import check_tools

_ARGUMENTS = frozenset(
    [
        *("cache_control", "container", "context_management", "inference_geo", "max_tokens", "mcp_servers", "messages"),
        *("metadata", "model", "output_config", "service_tier", "stop_sequences", "stream", "system", "temperature"),
        *("thinking", "tool_choice", "tools", "top_k", "top_p"),
    ]
)
LEAST_TOP_P = 0.95
"""While Claude thinks. Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, seen 2026-11-21."""
TOP_P_WHILE_THINKING = f"`top_p` must be greater than or equal to {LEAST_TOP_P} or unset when thinking is enabled."
_UNHELD = frozenset(
    ["minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"]
)
_FEWEST_THOUGHTS = 1024  # tokens
_MOST_CACHE_MARKS = 4


def check(body: Mapping[str, Any], model: AnthropicModel, seals: Seals, *, counting: bool) -> None:
    """Check a request.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    for argument in body:
        if argument not in _ARGUMENTS:
            raise RequestInvalid(f"{argument}: Extra inputs are not permitted")
    for argument in ("messages",) if counting else ("max_tokens", "messages"):
        if body.get(argument) is None:
            raise RequestInvalid(f"{argument}: Field required")
    if not counting:
        _check_length(body, model)
    _check_sampling(body, model)
    _check_thinking(body, model)
    _check_system(body.get("system"))
    check_messages(body["messages"], seals, prefill=model.prefill)
    check_tools(body)
    _check_format(body)
    _check_cache_marks(body)


def _check_length(body: Mapping[str, Any], model: AnthropicModel) -> None:
    longest = body["max_tokens"]
    if isinstance(longest, bool) or not isinstance(longest, int):
        raise RequestInvalid("max_tokens: Input should be a valid integer")
    if longest < 1:
        raise RequestInvalid("max_tokens: Input should be greater than or equal to 1")
    if longest > model.output:
        raise RequestInvalid(
            f"max_tokens: {longest} > {model.output}, which is the maximum allowed number of output tokens for "
            f"{model.served}"
        )


def _check_sampling(body: Mapping[str, Any], model: AnthropicModel) -> None:
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestInvalid(f"{name}: Input should be a valid number")
        if not 0 <= value <= 1:
            word = "greater than or equal to 0" if value < 0 else "less than or equal to 1"
            raise RequestInvalid(f"{name}: Input should be {word}")
    if model.either_sampling and body.get("temperature") is not None and body.get("top_p") is not None:
        raise RequestInvalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    stops = body.get("stop_sequences")
    if stops is not None and not (isinstance(stops, list) and all(isinstance(stop, str) for stop in stops)):
        raise RequestInvalid("stop_sequences: Input should be a valid list")
    for index, stop in enumerate(stops or ()):
        if not stop.strip():
            raise RequestInvalid(f"stop_sequences: each stop sequence must contain non-whitespace ({index})")


def _check_thinking(body: Mapping[str, Any], model: AnthropicModel) -> None:
    thinking = body.get("thinking") or {}
    kind = thinking.get("type", "disabled")
    if kind not in ("enabled", "disabled", "adaptive"):
        raise RequestInvalid(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'adaptive', "
            "'disabled', 'enabled'"
        )
    if kind == "disabled":
        return
    if not model.thinking:
        raise RequestInvalid(f"'{model.name}' does not support thinking.")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if budget is None:
            raise RequestInvalid("thinking.enabled.budget_tokens: Field required")
        if budget < _FEWEST_THOUGHTS:
            raise RequestInvalid(
                f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_FEWEST_THOUGHTS}"
            )
        if budget >= body.get("max_tokens", budget + 1):
            raise RequestInvalid(
                "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at "
                "https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
            )
    if body.get("temperature") not in (None, 1):
        raise RequestInvalid(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )
    if body.get("top_p", 1) < LEAST_TOP_P:
        raise RequestInvalid(TOP_P_WHILE_THINKING)
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise RequestInvalid("Thinking may not be enabled when tool_choice forces tool use.")


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise RequestInvalid("system: Input should be a valid list")
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise RequestInvalid(f"system.{index}.type: Input should be 'text'")
        if not isinstance(block.get("text"), str):
            raise RequestInvalid(f"system.{index}.text: Field required")
        if not block["text"]:
            raise RequestInvalid("system: text content blocks must be non-empty")


def _check_format(body: Mapping[str, Any]) -> None:
    form = (body.get("output_config") or {}).get("format")
    if form is None:
        return
    if form.get("type") != "json_schema":
        raise RequestInvalid("output_config.format.type: Input should be 'json_schema'")
    schema = form.get("schema")
    if not isinstance(schema, dict):
        raise RequestInvalid("output_config.format.schema: Field required")
    problem = unheld(schema)
    if problem is not None:
        raise RequestInvalid(f"output_config.format.schema: {problem}")


def unheld(schema: Any) -> str | None:
    """What Claude can't be held to in a schema, anywhere in it.

    Source: https://github.com/BerriAI/litellm/issues/29624, https://github.com/vercel/ai/issues/17197
    """
    if isinstance(schema, list):
        return next((found for one in schema if (found := unheld(one)) is not None), None)
    if not isinstance(schema, dict):
        return None
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    # A minLength of 1 was taken of Claude Sonnet 4.5 on Converse, as recorded.
    limits = sorted(
        name for name in _UNHELD & schema.keys() if isinstance(kind, str) and (name, schema[name]) != ("minLength", 1)
    )
    if limits:
        return f"For '{kind}' type, properties {', '.join(limits)} are not supported"
    named = [one for key in ("properties", "$defs") for one in (schema.get(key) or {}).values()]
    return unheld([*named, schema.get("items"), *(schema.get("anyOf") or ()), *(schema.get("allOf") or ())])


def _check_cache_marks(body: Mapping[str, Any]) -> None:
    system = body.get("system")
    places: list[Mapping[str, Any]] = list(system) if isinstance(system, list) else []
    places += body.get("tools") or []
    for message in body["messages"]:
        places += blocks_of(message)
    count = _marked(places)
    if count > _MOST_CACHE_MARKS:
        raise RequestInvalid(
            f"A maximum of {_MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {count}."
        )


def _marked(places: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 for place in places if place.get("cache_control"))
