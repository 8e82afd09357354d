"""One set of parameters for every wire: which of them a wire and a model take, and what happens with the rest."""

from __future__ import annotations

import re
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

_O_SERIES = re.compile(r"o\d")

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def unsupported(route: Route, what: str, why: str, policy: Policy) -> None:
    """Say, or refuse, that something is left out.

    Raises:
        UnsupportedError: The policy is `error`.
    """
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
    """The parameters that the route's wire and model take, under turnout's names; the others go as the policy says.

    Raises:
        UnsupportedError: A value is out of range, or the policy is `error` and something can't be taken.
    """
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
