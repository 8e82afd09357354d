"""One set of parameters for every wire: which of them a wire and a model take, and what happens with the rest.

The reasoning effort is said in the words of a model's family, which also takes less while it thinks.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from turnout.routing import Route

Policy = Literal["warn", "error", "drop"]
"""What happens with a parameter that the model or the wire doesn't take (`unsupported` in the settings)."""

PARAMETERS = ("temperature", "top_p", "max_tokens", "stop", "seed", "reasoning_effort", "parallel_tool_calls")

LIMITS = ("timeout", "max_retries", "deadline")
"""What a call may say of its time and repetitions, over the model and the backend."""

_ALIASES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "stop_sequences": "stop"}

TAKES: dict[str, frozenset[str]] = {
    "openai-chat": frozenset(PARAMETERS),
    "openai-responses": frozenset(PARAMETERS) - {"stop", "seed"},
    "bedrock-converse": frozenset(PARAMETERS) - {"seed"},
    "anthropic-messages": frozenset(PARAMETERS) - {"seed"},
}
"""The parameters that each wire has a place for."""

_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "temperature": ((int, float), "a number"),
    "top_p": ((int, float), "a number"),
    "max_tokens": (int, "a whole number"),
    "stop": ((list, tuple), "a list of strings"),
    "seed": (int, "a whole number"),
    "reasoning_effort": (str, "a string"),
    "parallel_tool_calls": (bool, "True or False"),
}

_O_SERIES = re.compile(r"o\d")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# While Claude thinks. Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, seen 2026-11-21.
_LEAST_TOP_P = 0.95


def unsupported(route: Route, what: str, why: str, policy: Policy) -> None:
    """Say that something is left out; as an error, if that is the policy."""
    place = f"{route.deployment!r} on backend {route.backend!r}"
    if policy == "error":
        raise UnsupportedError(f"{what} is not possible: {why} ({place}); leave it out, or set unsupported = 'warn'")
    if policy == "warn":
        msg = f"{what} is left out: {why} ({place})"
        warnings.warn(msg, UserWarning, stacklevel=3)


def take_parameters(arguments: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Take `PARAMETERS` out of a call's arguments; those that it leaves out are the model's own."""
    for alias, name in _ALIASES.items():
        if alias in arguments:
            arguments[name] = arguments.pop(alias)
    parameters = {name: arguments.pop(name) if name in arguments else own.get(name) for name in PARAMETERS}
    if isinstance(parameters["stop"], str):
        parameters["stop"] = [parameters["stop"]]
    return parameters


def fit_parameters(route: Route, parameters: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """The parameters that the route's wire and model take, under turnout's names; the others go as the policy says."""
    sent = {name: value for name, value in parameters.items() if value is not None and value != []}
    if sent:
        _check(route, sent)
    for name in list(sent):
        why = refusal(route, name)
        if why and not (name == "parallel_tool_calls" and sent[name]):  # True is what every service does anyway
            unsupported(route, name, why, policy)
        if why:
            del sent[name]
    return sent


def refusal(route: Route, name: str) -> str | None:
    """Why the route's wire or model doesn't take a parameter; None if it does."""
    facts = route.facts
    if name not in TAKES[route.wire]:
        return f"the wire {route.wire} has no such parameter"
    if name in {"temperature", "top_p"} and not facts.temperature:
        return "the model takes no sampling parameters"
    if name == "stop" and not facts.stop:
        return "the model takes no stop sequences"
    if name == "reasoning_effort" and facts.known and not facts.reasoning:
        return "the model doesn't reason"
    one_call = facts.one_call if route.wire == "bedrock-converse" else _O_SERIES.match(facts.name) is None
    if name == "parallel_tool_calls" and not one_call:
        return f"on {route.wire} the model can't be told to call one tool at most"
    return None


def _check(route: Route, sent: Mapping[str, Any]) -> None:
    for name, value in sent.items():
        kind, called = _KINDS[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and bool is not kind):
            raise UnsupportedError(f"{name} = {value!r:.80} is a {type(value).__name__}; it must be {called}")
    if not all(isinstance(stop, str) and stop for stop in sent.get("stop", ())):
        msg = f"stop = {sent['stop']!r:.80} holds what is no stop sequence; each is a string that isn't empty"
        raise UnsupportedError(msg)
    facts = route.facts
    highest = 1.0 if facts.family in {"claude", "nova", "llama", "mistral"} else 2.0
    ranges = {"temperature": (0.0, highest), "top_p": (0.0, 1.0), "max_tokens": (1, facts.output or float("inf"))}
    for name, (low, high) in ranges.items():
        value = sent.get(name)
        if value is not None and not low <= value <= high:
            msg = f"{name} = {value} is out of range for {facts.name or route.deployment!r}: it takes {low} to {high}"
            raise UnsupportedError(msg)
    effort = sent.get("reasoning_effort")
    if effort is not None and effort not in EFFORTS:
        raise UnsupportedError(f"reasoning_effort = {effort!r} is none of {', '.join(EFFORTS)}")


def settle_effort(
    route: Route, sent: dict[str, Any], extra: Mapping[str, Any], policy: Policy
) -> tuple[dict[str, Any], bool]:
    """Take the effort out of a call's parameters, and with it what the model doesn't take while it thinks.

    Claude then takes no temperature but 1 and no forced tool. Thinking was asked for by name, so it is kept: a
    temperature is left out as the policy says, and the model can be asked for a tool in words. What the application
    itself puts there (`extra`) wins.
    Source: https://github.com/langchain-ai/langchain-aws/issues/925 and 928

    Returns what goes into the request's body on Messages, and into `additionalModelRequestFields` on Converse; and
    whether Claude thinks.
    """
    level = sent.pop("reasoning_effort", None)
    if level is None and "thinking" not in extra:
        return dict(extra), False
    fields = {} if level is None else _fields(route, level, policy)
    if _is_claude(route):
        thinking = extra.get("thinking", fields.get("thinking"))
        thinks = isinstance(thinking, Mapping) and thinking.get("type") in {"enabled", "adaptive"}
        if thinks:
            if sent.get("temperature", 1) != 1:
                _leave_out(route, sent, "temperature", "Claude takes none but 1 while it thinks", policy)
            if sent.get("top_p", 1) < _LEAST_TOP_P:
                _leave_out(route, sent, "top_p", f"Claude takes none below {_LEAST_TOP_P} while it thinks", policy)
        return _merged(fields, extra), thinks
    if fields.get("reasoningConfig", {}).get("maxReasoningEffort") == "high":
        # langchain-aws 1.9.1 leaves out the limit; the service's page on extended thinking names all three.
        for name in ("max_tokens", "temperature", "top_p"):
            if name in sent:
                _leave_out(route, sent, name, "the model takes none with high reasoning effort", policy)
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
            # Since Opus 4.7, which takes no sampling, thinking isn't shown unless that is said.
            # Source: langchain-anthropic 1.7.7, which says so to Messages; seen 2026-11-21.
            hidden = route.wire == "anthropic-messages" and not route.facts.temperature
            thinking = {"type": "adaptive", **({"display": "summarized"} if hidden else {})}
            return {"thinking": thinking, "output_config": {"effort": level}}
        why = "Claude's least effort is 'low'"
    elif family == "nova":
        return {} if level == "none" else {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
    elif family == "gpt-oss":
        return {"reasoning_effort": level}
    unsupported(route, "reasoning_effort", why or "turnout doesn't know how to ask this model", policy)
    return {}


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
