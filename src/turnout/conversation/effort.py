"""How hard a model thinks, in the words of its family; and what it doesn't take while it thinks.

`reasoning_effort` means the same on every model: it makes the model think. One that has no such effort is given the
nearest that it has, and the policy says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from turnout.conversation.parameters import EFFORTS, unsupported
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from turnout.conversation.parameters import Policy
    from turnout.routing import Route

# While Claude thinks. Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, seen 2026-11-21.
_LEAST_TOP_P = 0.95
_LEAST_BUDGET = 1_024  # the same page
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576, "max": 31_999}
"""Tokens that Claude may think, on models that take a budget and no effort."""


def fit_effort(route: Route, level: str | None, policy: Policy) -> str | None:
    """The effort that the route's model takes: the one asked for, or the nearest; None for none.

    Raises:
        UnsupportedError: The policy is `error`, and the model hasn't this one.
    """
    taken = _taken(route)
    if level is None or not taken or level in taken:
        return level
    rank = EFFORTS.index(level)
    thinking = [effort for effort in taken if effort != "none"] or taken
    nearest = min(thinking, key=lambda effort: (abs(EFFORTS.index(effort) - rank), EFFORTS.index(effort)))
    unsupported(
        route, f"reasoning_effort = {level!r}", f"the model's nearest is {nearest!r}", policy, instead=repr(nearest)
    )
    return nearest


def effort_beside_tools(route: Route, level: str | None, policy: Policy) -> str | None:
    """The effort that Chat Completions takes beside tools: of some models none, of others `none` alone.

    Source: https://github.com/BerriAI/litellm/issues/34569

    Raises:
        UnsupportedError: The model takes no tools there at all, or the policy is `error` and an effort is left out.
    """
    facts, hint = route.facts, "set wire = 'openai-responses' in the target to have both"
    if facts.chat_tools == "always" or level == "none":
        return level
    if facts.chat_tools == "none_alone" and "none" not in facts.efforts:
        raise UnsupportedError(
            f"{route.deployment!r} on backend {route.backend!r} takes no tools on the wire openai-chat: "
            f"set wire = 'openai-responses' in the target{_of(route)}"
        )
    if level is not None:
        why = f"on the wire openai-chat the model doesn't reason beside tools; {hint}{_of(route)}"
        unsupported(route, f"reasoning_effort = {level!r}", why, policy)
    return "none" if facts.chat_tools == "none_alone" else None


def _of(route: Route) -> str:
    return f" ({route.key})" if route.key else ""


def _taken(route: Route) -> tuple[str, ...]:
    facts = route.facts
    if not facts.efforts and facts.thinking == "budget":
        return ("none", *_BUDGETS)
    off = _says_nothing_to_be_off(route) and not facts.thinks_always
    return ("none", *facts.efforts) if off and facts.efforts else facts.efforts


def _says_nothing_to_be_off(route: Route) -> bool:
    return is_claude(route) or route.facts.family in {"nova", "deepseek"}


def is_claude(route: Route) -> bool:
    """Whether the model is a Claude."""
    return route.wire == "anthropic-messages" or route.facts.family == "claude"


def settle_effort(
    route: Route, sent: dict[str, Any], extra: Mapping[str, Any], policy: Policy
) -> tuple[dict[str, Any], bool]:
    """Take the effort out of a call's parameters, and with it what the model doesn't take while it thinks.

    Claude then takes no temperature but 1 and no forced tool. Thinking was asked for by name, so it is kept: a
    temperature is left out as the policy says, and the model can be asked for a tool in words. What the application
    itself puts there (`extra`) wins. DeepSeek calls no forced tool either.
    Source: https://github.com/langchain-ai/langchain-aws/issues/925 and 928, and pull/1261

    Returns what goes into the request's body on Messages, and into `additionalModelRequestFields` on Converse; and
    whether the model thinks, so that it can't be forced to call a tool.
    """
    level = fit_effort(route, sent.pop("reasoning_effort", None), policy)
    if level is None and not {"thinking", "reasoning_effort"} & extra.keys() and not route.facts.thinks_always:
        return dict(extra), False
    fields = {} if level is None else _fields(route, level, sent, policy)
    if is_claude(route):
        thinking = extra.get("thinking", fields.get("thinking"))
        asked = isinstance(thinking, Mapping) and thinking.get("type") in {"enabled", "adaptive"}
        if asked:
            if sent.get("temperature", 1) != 1:
                _leave_out(route, sent, "temperature", "Claude takes none but 1 while it thinks", policy)
            if sent.get("top_p", 1) < _LEAST_TOP_P:
                _leave_out(route, sent, "top_p", f"Claude takes none below {_LEAST_TOP_P} while it thinks", policy)
        return _merged(fields, extra), asked or route.facts.thinks_always
    if fields.get("reasoningConfig", {}).get("maxReasoningEffort") == "high":
        # As the service's guide says, in its part on extended thinking with Nova 2.
        for name in ("max_tokens", "temperature", "top_p"):
            if name in sent:
                _leave_out(route, sent, name, "the model takes none with high reasoning effort", policy)
    merged = _merged(fields, extra)
    asleep = {None, "none", "low", "medium"}  # langchain-aws 1.9.1, thinking_enabled_in_params; seen 2026-11-27
    return merged, route.facts.family == "deepseek" and merged.get("reasoning_effort") not in asleep


def calls_no_tool(route: Route, fields: dict[str, Any], extra: Mapping[str, Any], policy: Policy) -> bool:
    """Take out of a request that has tools the thinking beside which its model calls none.

    What the application itself put there (`extra`) stays.

    Raises:
        UnsupportedError: The policy is `error`.
    """
    if route.facts.thinking_tools or "reasoning_effort" in extra:
        return False
    del fields["reasoning_effort"]
    unsupported(route, "reasoning_effort", "the model calls no tools while it thinks", policy)
    return True


def _fields(route: Route, level: str, sent: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """How a family is asked. Source: langchain-aws 1.9.1, reasoning_effort_additional_fields; seen 2026-11-27."""
    family = route.facts.family
    if is_claude(route):
        return {} if level == "none" else _claude(route, level, sent, policy)
    if family == "nova":
        return {} if level == "none" else {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
    if family == "deepseek" and level == "none":
        return {}
    if family in {"gpt-oss", "kimi", "glm", "deepseek"}:
        return {"reasoning_effort": level}
    if family == "openai":
        return {"reasoning": {"effort": level}}
    unsupported(route, "reasoning_effort", "turnout doesn't know how to ask this model", policy)
    return {}


def _claude(route: Route, level: str, sent: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """Adaptive thinking since 4.6; before that, a budget of tokens, which is less than `max_tokens`.

    Source: platform.claude.com/docs/en/build-with-claude/extended-thinking and adaptive-thinking, seen 2026-11-27
    """
    facts, effort = route.facts, {}
    if not facts.known or level in facts.efforts:
        effort = {"output_config": {"effort": level}}
    if facts.thinking != "budget":
        # Since Opus 4.7, which takes no sampling, thinking isn't shown unless that is said.
        # Source: langchain-anthropic 1.7.7, which says so to Messages; seen 2026-11-21.
        hidden = route.wire == "anthropic-messages" and not facts.temperature
        return {"thinking": {"type": "adaptive", **({"display": "summarized"} if hidden else {})}, **effort}
    limit = sent.get("max_tokens") or facts.output or _LEAST_BUDGET
    if limit <= _LEAST_BUDGET:
        why = f"the model thinks {_LEAST_BUDGET:,} tokens at least, and max_tokens is {limit:,}"
        unsupported(route, "reasoning_effort", why, policy)
        return {}
    sent["max_tokens"] = limit
    budget = min(_BUDGETS[level], max(_LEAST_BUDGET, limit // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, **effort}


def _leave_out(route: Route, sent: dict[str, Any], name: str, why: str, policy: Policy) -> None:
    del sent[name]
    unsupported(route, name, why, policy)


def _merged(fields: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the application's own first, with `output_config` member by member."""
    merged = {**fields, **extra}
    both = fields.get("output_config"), extra.get("output_config")
    if all(isinstance(one, Mapping) for one in both):
        merged["output_config"] = {**fields["output_config"], **extra["output_config"]}
    return merged
