"""What Claude refuses in the parameters of a call, on Messages and on Converse, in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout_emulator.catalogue import AnthropicModel
from turnout_emulator.refusals import invalid, invalid_if, refuse, refuse_if
from turnout_emulator.wires.anthropic_content_checks import expect, require, wrong_tag
from turnout_emulator.wires.schemas import nodes

_UNSUPPORTED = frozenset(
    ["minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"]
)
_UNIONS = ("oneOf", "allOf", "anyOf")
_FEWEST_THINKING_TOKENS = 1024
_LEAST_TOP_P = 0.95
_GUIDE = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"


def check_parameters(body: Mapping[str, Any], model: AnthropicModel) -> None:
    """Check sampling, stop sequences, thinking, effort and a forced tool; `body` names them as Messages does."""
    _check_sampling(body, model)
    _check_stop(body.get("stop_sequences"))
    _check_thinking(body, model)
    _check_effort((body.get("output_config") or {}).get("effort"), model)
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    refuse_if(forced and model.forced == "never", "messages.never_forced")


def _check_sampling(body: Mapping[str, Any], model: AnthropicModel) -> None:
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(f"{name}: Input should be a valid number")
        if not 0 <= value <= 1:
            bound = "greater than or equal to 0" if value < 0 else "less than or equal to 1"
            raise invalid(f"{name}: Input should be {bound}")
    for name in ("temperature", "top_p", "top_k"):
        refuse_if(model.sampling == "none" and body.get(name) is not None, "messages.no_sampling", param=name)
    both = body.get("temperature") is not None and body.get("top_p") is not None
    refuse_if(both and model.sampling != "both", "messages.both_sampling")


def _check_stop(stops: Any) -> None:
    stops = [] if stops is None else stops
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise invalid("stop_sequences: Input should be a valid list")
    for index, stop in enumerate(stops):
        refuse_if(not stop.strip(), "messages.blank_stop", index=index)


def _check_thinking(body: Mapping[str, Any], model: AnthropicModel) -> None:
    thinking = body.get("thinking") or {}
    kind = thinking.get("type", "disabled")
    if kind not in ("enabled", "disabled", "adaptive"):
        raise wrong_tag("thinking", kind, ("adaptive", "disabled", "enabled"))
    if kind == "disabled":
        return
    invalid_if(not model.thinking, f"'{model.name}' does not support thinking.")
    refuse_if(kind not in model.thinking, "messages.no_adaptive" if kind == "adaptive" else "messages.adaptive_alone")
    if kind == "enabled":
        _check_budget(thinking.get("budget_tokens"), body.get("max_tokens"))
    problem = _thinking_conflict(body.get("temperature"), body.get("top_p"))
    invalid_if(problem is not None, str(problem))
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    refuse_if(forced and model.forced == "not_thinking", "messages.forced_tool")


def _check_budget(budget: Any, longest: int | None) -> None:
    where = "thinking.enabled.budget_tokens"
    require(budget, where)
    expect(int, budget, where)
    if budget < _FEWEST_THINKING_TOKENS:
        raise invalid(f"{where}: Input should be greater than or equal to {_FEWEST_THINKING_TOKENS}")
    refuse_if(longest is not None and budget >= longest, "messages.budget")


def _thinking_conflict(temperature: float | None, top_p: float | None) -> str | None:
    """What Claude says of sampling parameters that it doesn't take while it thinks.

    Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, seen 2026-11-21;
    https://github.com/langchain-ai/langchain-aws/issues/925, https://github.com/n8n-io/n8n/issues/14288
    """
    if temperature not in (None, 1):
        return (
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our "
            f"documentation at {_GUIDE}"
        )
    if top_p is not None and top_p < _LEAST_TOP_P:
        return f"`top_p` must be greater than or equal to {_LEAST_TOP_P} or unset when thinking is enabled."
    return None


def _check_effort(effort: object, model: AnthropicModel) -> None:
    """Check the effort; its words without support: https://github.com/anthropics/claude-code/issues/30795."""
    if effort is None:
        return
    refuse_if(not model.efforts, "messages.no_effort")
    if effort not in model.efforts:
        *first, last = map(repr, model.efforts)
        raise refuse("messages.wrong_effort", allowed=f"{', '.join(first)} or {last}")


def check_last_calls(turns: Sequence[tuple[str, Sequence[str]]], thinking: object) -> None:
    """Check that the last calls come after thinking, where Claude has a budget for it; adaptively it needs none.

    Args:
        turns: Role and kinds of blocks of each message, as Messages names them.
        thinking: What the request says of thinking.
    """
    if not isinstance(thinking, Mapping) or thinking.get("type") != "enabled":
        return
    number, kinds = max(((at, kinds) for at, (role, kinds) in enumerate(turns) if role == "assistant"), default=(0, ()))
    if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
        raise refuse("messages.first_thinking", number=number, block=kinds[0])


def tool_problem(schema: Mapping[str, Any]) -> str | None:
    """What Claude doesn't take at the top of a tool's schema: https://github.com/code-yeongyu/senpi/issues/1947."""
    return str(refuse("messages.tool_union")) if any(name in schema for name in _UNIONS) else None


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """What Claude doesn't support in the schema of an answer or of a strict tool, anywhere in it.

    Source: https://github.com/BerriAI/litellm/issues/29624, https://github.com/vercel/ai/issues/17197,
    https://github.com/BerriAI/litellm/pull/39115 (strict tools),
    docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (minItems)
    """
    if any(name in schema for name in _UNIONS):
        return "Schemas with 'oneOf', 'allOf' or 'anyOf' at the top level are not supported"
    for _, node in nodes(schema):
        kind = node.get("type")
        if kind == "object" and node.get("additionalProperties") is not False:
            return "For 'object' type, 'additionalProperties' must be explicitly set to false"
        # Claude Sonnet 4.5 took a minLength of 1 on Converse, as recorded.
        limits = sorted(name for name in _UNSUPPORTED & node.keys() if (name, node[name]) != ("minLength", 1))
        if limits and isinstance(kind, str):
            named = f"property '{limits[0]}' is" if len(limits) == 1 else f"properties {', '.join(limits)} are"
            return f"For '{kind}' type, {named} not supported"
        if kind == "array" and node.get("minItems", 0) > 1:
            return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    return None
