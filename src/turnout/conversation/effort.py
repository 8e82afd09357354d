"""How hard a model thinks, in the words of its family; and what it doesn't take while it thinks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from turnout.conversation.parameters import unsupported

if TYPE_CHECKING:
    from turnout.conversation.parameters import Policy
    from turnout.routing import Route

_LEAST_TOP_P = 0.95
"""While Claude thinks. Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, seen 2026-11-21."""


def settle_effort(
    route: Route, sent: dict[str, Any], extra: Mapping[str, Any], policy: Policy
) -> tuple[dict[str, Any], bool]:
    """Take the effort out of a call's parameters, and with it what the model doesn't take while it thinks.

    Claude then takes no temperature but 1 and no forced tool. Thinking was asked for by name, so it is kept: a
    temperature is left out as the policy says, and the model can be asked for a tool in words. What the application
    itself puts there (`extra`) wins.
    Source: https://github.com/langchain-ai/langchain-aws/issues/925 and 928

    Returns:
        What goes into the request's body on Messages, and into `additionalModelRequestFields` on Converse; and whether
        Claude thinks, and so can't be forced to call a tool.
    """
    level = sent.pop("reasoning_effort", None)
    if level is None and "thinking" not in extra:
        return dict(extra), False
    fields = {} if level is None else _fields(route, level, policy)
    if _is_claude(route):
        thinking = extra.get("thinking", fields.get("thinking"))
        thinks = isinstance(thinking, Mapping) and thinking.get("type") in {"enabled", "adaptive"}
        if thinks:
            _leave_out_sampling(route, sent, policy)
        return _merged(fields, extra), thinks
    if fields.get("reasoningConfig", {}).get("maxReasoningEffort") == "high":
        # langchain-aws 1.9.1 leaves out the limit; the service's page on extended thinking names all three.
        for name in ("max_tokens", "temperature", "top_p"):
            if sent.pop(name, None) is not None:
                unsupported(route, name, "the model takes none with high reasoning effort", policy)
    return _merged(fields, extra), False


def _is_claude(route: Route) -> bool:
    return route.wire == "anthropic-messages" or route.facts.family == "claude"


def _fields(route: Route, level: str, policy: Policy) -> dict[str, Any]:
    """How a family is asked. Source: langchain-aws 1.9.1, reasoning_effort_additional_fields; seen 2026-11-21."""
    family, why = route.facts.family, None
    if _is_claude(route):
        if level == "none":
            return {}
        if level != "minimal":
            return {"thinking": _adaptive(route), "output_config": {"effort": level}}
        why = "Claude's least effort is 'low'"
    elif family == "nova":
        return {} if level == "none" else {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
    elif family == "gpt-oss":
        return {"reasoning_effort": level}
    unsupported(route, "reasoning_effort", why or "turnout doesn't know how to ask this model", policy)
    return {}


def _adaptive(route: Route) -> dict[str, str]:
    """Thinking as Claude takes it; since Opus 4.7, which takes no sampling, it isn't shown unless that is said.

    Source: langchain-anthropic 1.7.7, which says so to Messages; seen 2026-11-21.
    """
    shown = route.wire == "anthropic-messages" and not route.facts.temperature
    return {"type": "adaptive", **({"display": "summarized"} if shown else {})}


def _leave_out_sampling(route: Route, sent: dict[str, Any], policy: Policy) -> None:
    if sent.get("temperature", 1) != 1:
        del sent["temperature"]
        unsupported(route, "temperature", "Claude takes none but 1 while it thinks", policy)
    if sent.get("top_p", 1) < _LEAST_TOP_P:
        del sent["top_p"]
        unsupported(route, "top_p", f"Claude takes none below {_LEAST_TOP_P} while it thinks", policy)


def _merged(fields: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the application's own first, with `output_config` member by member."""
    merged = {**fields, **extra}
    both = fields.get("output_config"), extra.get("output_config")
    if all(isinstance(one, Mapping) for one in both):
        merged["output_config"] = {**fields["output_config"], **extra["output_config"]}
    return merged
