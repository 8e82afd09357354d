"""One set of parameters for every wire: which of them a wire and a model take, and what happens with the rest."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

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

_SINCE = {
    "json_schema": "2024-08-01",
    "stream_options": "2024-09-01",
    "parallel_tool_calls": "2024-09-01",
    "max_completion_tokens": "2024-09-01",
    "reasoning_effort": "2024-12-01",
}
"""What Azure's dated API has had only since a version.

Source: learn.microsoft.com/azure/ai-services/openai/api-version-deprecation, and the specification of 2024-10-21.
"""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def unsupported(route: Route, what: str, why: str, policy: Policy, *, instead: str = "") -> None:
    """Say that something is left out, or what is sent in its place; as an error, if that is the policy."""
    place = f"{route.deployment!r} on backend {route.backend!r}"
    if policy == "error":
        raise UnsupportedError(f"{what} is not possible: {why} ({place}); leave it out, or set unsupported = 'warn'")
    if policy == "warn":
        done = f"is sent as {instead}" if instead else "is left out"
        msg = f"{what} {done}: {why} ({place})"
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
    if route.facts.one_sampling and sent.keys() >= {"temperature", "top_p"}:
        del sent["top_p"]
        unsupported(route, "top_p", "the model takes either it or temperature, not both", policy)
    return sent


def refusal(route: Route, name: str) -> str | None:
    """Why the route's wire or model doesn't take a parameter; None if it does."""
    facts = route.facts
    if name not in TAKES[route.wire]:
        return f"the wire {route.wire} has no such parameter"
    missing = {
        "temperature": "" if facts.temperature else "the model takes no sampling parameters",
        "top_p": "" if facts.temperature else "the model takes no sampling parameters",
        "stop": "" if facts.stop else "the model takes no stop sequences",
        "reasoning_effort": "the model doesn't reason" if facts.known and not facts.reasoning else "",
    }
    if missing.get(name):
        return missing[name]
    if api_lacks(route, name):
        return f"the API version {route.api_version} has no such parameter; leave api_version out"
    one_call = facts.one_call if route.wire == "bedrock-converse" else facts.parallel_calls
    if name == "parallel_tool_calls" and not one_call:
        return f"on {route.wire} the model can't be told to call one tool at most"
    return None


def api_lacks(route: Route, name: str) -> bool:
    """Whether the dated API that the route speaks is older than something that is sent."""
    return route.api_version is not None and route.api_version[:10] < _SINCE.get(name, "")


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
