"""Options: what an application passes besides the parameters that every wire has.

An option has another name on each wire, or no place there. One that the wire doesn't know goes as the policy says, so
that an application which sets one for Bedrock runs on Azure too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from turnout.conversation.parameters import unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from turnout.conversation.parameters import Policy
    from turnout.routing import Route

_SDK = frozenset({"extra_headers", "extra_query", "extra_body"})

NAMES: dict[str, frozenset[str]] = {
    "openai-chat": _SDK
    | {"audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "metadata", "modalities"}
    | {"moderation", "n", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options"}
    | {"prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream_options", "top_logprobs"}
    | {"user", "verbosity", "web_search_options"},
    "openai-responses": _SDK
    | {"background", "context_management", "conversation", "include", "instructions", "max_tool_calls", "metadata"}
    | {"moderation", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options"}
    | {"prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream_options", "text"}
    | {"top_logprobs", "truncation", "user"},
    "anthropic-messages": _SDK
    | {"betas", "cache_control", "container", "context_management", "diagnostics", "inference_geo", "mcp_servers"}
    | {"metadata", "output_config", "service_tier", "speed", "thinking", "top_k", "user_profile_id", "workspace_id"},
    "bedrock-converse": frozenset({"additionalModelRequestFields", "additionalModelResponseFieldPaths"})
    | {"cache_control", "guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata", "serviceTier"},
}
"""What each wire takes besides the conversation, tools, the form of the answer and turnout's own parameters."""

_SAMPLING = frozenset({"frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "top_k", "top_logprobs"})

_TIERS: dict[str, frozenset[str]] = {
    "anthropic-messages": frozenset({"auto", "standard_only"}),
    "bedrock-converse": frozenset({"default", "flex", "priority", "reserved"}),
}


def options_for(backend: str, backends: Container[str], *given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one backend, the later winning.

    A table under a backend's name is for that backend alone: `{"bedrock": {"guardrailConfig": …}}`.
    """
    merged: dict[str, Any] = {}
    for options in given:
        tables = {name: value for name, value in options.items() if name in backends and isinstance(value, Mapping)}
        merged |= {name: value for name, value in options.items() if name not in tables}
        merged |= tables.get(backend, {})
    return merged


def fit_options(options: Mapping[str, Any], route: Route, policy: Policy) -> dict[str, Any]:
    """Options under the names of the route's wire; those that it doesn't know go as the policy says.

    Raises:
        UnsupportedError: The policy is `error`, and there is one that the wire or the model doesn't take.
    """
    sent: dict[str, Any] = {}
    for name, value in _unwrapped(options).items():
        if value is None or (name == "cache_control" and route.wire.startswith("openai-")):  # these cache on their own
            continue
        why = _refusal(route, name)
        written = None if why else _written(route, name, value)
        if written is None:
            unsupported(route, f"the option {name}", why or _unknown(route), policy)
        else:
            _merge(sent, written)
    return sent


def _unwrapped(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without what LangChain's and LlamaIndex's own classes wrap options in, or take for themselves."""
    plain = {name: value for name, value in options.items() if name not in _WRAPPERS}
    for name in _WRAPPERS & options.keys():
        if isinstance(options[name], Mapping):
            plain = {**options[name], **plain}
    return plain


_WRAPPERS = {"model_kwargs", "stream_usage", "disable_streaming"}


def _refusal(route: Route, name: str) -> str | None:
    if name in _SAMPLING and not route.facts.temperature:
        return "the model takes no sampling parameters"
    if _CAMEL.get(name, name) == "guardrailConfig" and route.home == "mantle":
        return "Mantle has no guardrails; Bedrock Runtime has, for an inference profile or with home = 'runtime'"
    if name == "background" and route.home == "runtime":  # userguide/inference-responses-api.html
        return "Bedrock Runtime has no background mode; Mantle has"
    return None


def _unknown(route: Route) -> str:
    hint = "; what a compatible server takes goes into extra_body" if route.provider == "openai" else ""
    return f"the wire {route.wire} has no such option{hint}"


def _written(route: Route, name: str, value: Any) -> dict[str, Any] | None:
    """An option as the wire has it; None where it has none."""
    wire = route.wire
    own = _CAMEL.get(name, name) if wire == "bedrock-converse" else _SNAKE.get(name, name)
    if own in {"service_tier", "serviceTier"}:
        return _tier(wire, value)
    if _CAMEL.get(name, name) == "guardrailConfig" and route.home == "runtime":
        return _guardrail_headers(value)
    translate = _ELSEWHERE.get((wire, own))
    if translate is not None:
        return translate(route, value)
    if own in {"default_headers", "headers"} and "extra_headers" in NAMES[wire]:
        own = "extra_headers"
    return {own: value} if own in NAMES[wire] else None


_CAMEL = {
    "additional_model_request_fields": "additionalModelRequestFields",
    "additional_model_response_field_paths": "additionalModelResponseFieldPaths",
    "guardrail_config": "guardrailConfig",
    "guardrails": "guardrailConfig",
    "performance_config": "performanceConfig",
    "prompt_variables": "promptVariables",
    "request_metadata": "requestMetadata",
    "service_tier": "serviceTier",
}
_SNAKE = {camel: snake for snake, camel in _CAMEL.items()}


def _tier(wire: str, value: Any) -> dict[str, Any] | None:
    tier = value.get("type") if isinstance(value, Mapping) else value
    if wire not in _TIERS:
        return {"service_tier": tier}
    if tier not in _TIERS[wire]:
        return None
    return {"serviceTier": {"type": tier}} if wire == "bedrock-converse" else {"service_tier": tier}


def _guardrail_headers(value: Mapping[str, Any]) -> dict[str, Any]:
    """A guardrail of Converse as the headers that Bedrock Runtime's other APIs have for it.

    Sources: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html and
    docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
    """
    headers = {header: str(value[name]) for name, header in _GUARDRAIL.items() if name in value}
    if "trace" in value:
        headers["X-Amzn-Bedrock-Trace"] = str(value["trace"]).upper()
    return {"extra_headers": headers}


_GUARDRAIL = {
    "guardrailIdentifier": "X-Amzn-Bedrock-GuardrailIdentifier",
    "guardrailVersion": "X-Amzn-Bedrock-GuardrailVersion",
}


def _converse_top_k(route: Route, value: Any) -> dict[str, Any] | None:
    """Where a family has it. Source: docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html."""
    fields: dict[str, Any]
    if route.facts.family in {"claude", "mistral"}:
        fields = {"top_k": value}
    elif route.facts.family == "nova":
        fields = {"inferenceConfig": {"topK": value}}
    else:
        return None
    return {"additionalModelRequestFields": fields}


def _converse_thinking(route: Route, value: Any) -> dict[str, Any] | None:
    return {"additionalModelRequestFields": {"thinking": value}} if route.facts.family == "claude" else None


_ELSEWHERE: dict[tuple[str, str], Callable[[Route, Any], dict[str, Any] | None]] = {
    ("anthropic-messages", "user"): lambda _, value: {"metadata": {"user_id": value}},
    ("openai-responses", "verbosity"): lambda _, value: {"text": {"verbosity": value}},
    ("bedrock-converse", "thinking"): _converse_thinking,
    ("bedrock-converse", "top_k"): _converse_top_k,
    ("bedrock-converse", "topK"): _converse_top_k,
}


def _merge(sent: dict[str, Any], written: Mapping[str, Any]) -> None:
    """Add an option; two that go into one member, like the model's own fields, go there side by side."""
    for name, value in written.items():
        both = isinstance(sent.get(name), Mapping) and isinstance(value, Mapping)
        sent[name] = {**sent[name], **value} if both else value
