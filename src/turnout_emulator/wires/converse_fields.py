"""What Bedrock refuses beside messages and tools: sampling, thinking, stop sequences and the form of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnout_emulator.catalogue import AnthropicModel, BedrockModel
from turnout_emulator.refusals import RequestRefused, refuse, refuse_if
from turnout_emulator.wires.claude_checks import check_last_calls, check_parameters, schema_problem
from turnout_emulator.wires.schemas import schema_fault

EXTRA = "additionalModelRequestFields"
_OWN = {"anthropic": ("thinking", "output_config"), "nova": ("reasoningConfig",)}
_KINDS = {"toolUse": "tool_use", "reasoningContent": "thinking"}
_UNSET = ("maxTokens", "temperature", "topP")  # by Nova's high effort


def extra_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is passed on to the model as it is."""
    return body.get(EXTRA) or {}


def thinks(body: Mapping[str, Any]) -> bool:
    """Whether Claude is to think."""
    return (extra_fields(body).get("thinking") or {}).get("type") in ("enabled", "adaptive")


def effort_thinks(body: Mapping[str, Any], model: BedrockModel) -> bool:
    """Whether DeepSeek V3 is to think: not by a lower effort than high, as langchain-aws 1.9.1 has it."""
    effort = extra_fields(body).get("reasoning_effort")
    return model.family == "deepseek" and effort not in (None, "none", "low", "medium")


def check_fields(body: Mapping[str, Any], model: BedrockModel) -> None:
    """Check the parameters of a request, those that are passed on to the model among them."""
    extra, inference = extra_fields(body), body.get("inferenceConfig") or {}
    for member in _OWN.get(model.family, ()):
        if not isinstance(extra.get(member), dict | None):
            raise refuse("converse.model", problem=f"{member}: Input should be a valid dictionary")
    refuse_if(inference.get("stopSequences") and not model.stop, "converse.no_stop")
    if model.claude is not None:
        _check_claude(body, model.claude)
    if model.family == "nova":
        _check_nova(extra.get("reasoningConfig") or {}, inference, model)
    _check_output(body, model)


def _check_claude(body: Mapping[str, Any], claude: AnthropicModel) -> None:
    extra, inference = extra_fields(body), body.get("inferenceConfig") or {}
    chosen = next(iter((body.get("toolConfig") or {}).get("toolChoice") or {}), "auto")
    parameters = {
        "temperature": inference.get("temperature"),
        "top_p": inference.get("topP"),
        "top_k": extra.get("top_k"),
        "max_tokens": inference.get("maxTokens"),
        "stop_sequences": inference.get("stopSequences"),
        "thinking": extra.get("thinking"),
        "output_config": extra.get("output_config"),
        "tool_choice": {"type": chosen},
    }
    try:
        check_parameters(parameters, claude)
        check_last_calls([_turn(message) for message in body["messages"]], extra.get("thinking"))
    except RequestRefused as refused:
        raise refuse("converse.model", problem=refused) from None


def _turn(message: Mapping[str, Any]) -> tuple[str, list[str]]:
    return message["role"], [_KINDS.get(kind, kind) for block in message["content"] for kind in block]


def _check_nova(reasoning: Mapping[str, Any], inference: Mapping[str, Any], model: BedrockModel) -> None:
    refuse_if(reasoning.get("type") == "enabled" and not model.reasoning, "converse.nova_reasoning")
    if reasoning.get("maxReasoningEffort") == "high":
        present = next((name for name in _UNSET if inference.get(name) is not None), None)
        refuse_if(present is not None, "converse.nova_effort", name=present)


def _check_output(body: Mapping[str, Any], model: BedrockModel) -> None:
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is None:
        return
    if model.family in ("nova", "llama") or "claude-3" in model.id or "claude-v2" in model.id:
        raise refuse("converse.no_text_format")
    try:
        schema = json.loads(form["structure"]["jsonSchema"]["schema"])
    except (KeyError, ValueError):
        schema = None
    if not isinstance(schema, Mapping) or schema_fault(schema) is not None:
        raise refuse("converse.no_schema")
    problem = schema_problem(schema)
    refuse_if(problem is not None, "converse.model", problem=f"output_config.format.schema: {problem}")
