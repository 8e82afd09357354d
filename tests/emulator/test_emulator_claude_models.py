"""What Claude refuses in the parameters of a call, by model: the same on Messages and on Converse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from turnout_emulator import Emulator
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY
from turnout_emulator.catalogue import ANTHROPIC_MODELS, BEDROCK_MODELS

PARAMETERS: Any = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FORCED = {"tools": True, "forced": True}
ADAPTIVE = {"thinking": {"type": "adaptive"}}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ENDS_WITH_ASSISTANT = [("user", "Say a colour."), ("assistant", "The colour is")]


@pytest.fixture(scope="module")
def models() -> Iterator[Emulator]:
    """An emulator whose Azure resource has a deployment of every Claude model, under the model's name."""
    with Emulator(deployments={name: name for name in ANTHROPIC_MODELS}) as emulator:
        yield emulator


def ask_messages(emulator: Emulator, model: str, asked: dict[str, Any]) -> str:
    """What Messages says of a request; nothing if it answers."""
    turns = asked.get("turns", [("user", "Hello")])
    body: dict[str, Any] = {"model": model, "max_tokens": asked.get("max_tokens", 2000)}
    body["messages"] = [{"role": role, "content": text} for role, text in turns]
    if asked.get("called"):
        call = {"type": "tool_use", "id": "t1", "name": "find", "input": {}}
        body["messages"].append({"role": "assistant", "content": [call]})
        body["messages"].append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]})
    body |= {
        name: asked[name] for name in ("temperature", "top_p", "top_k", "thinking", "stop_sequences") if name in asked
    }
    config: dict[str, Any] = {"effort": asked["effort"]} if "effort" in asked else {}
    if "schema" in asked:
        config["format"] = {"type": "json_schema", "schema": asked["schema"]}
    body |= {"output_config": config} if config else {}
    if asked.get("tools"):
        strict = {"strict": True} if asked.get("strict") else {}
        body["tools"] = [{"name": "find", "input_schema": asked.get("parameters", PARAMETERS), **strict}]
        body |= {"tool_choice": {"type": "any"}} if asked.get("forced") else {}
    headers = {"x-api-key": AZURE_KEY, "anthropic-version": "2023-06-01"}
    response = httpx.post(f"{emulator.azure.url}/anthropic/v1/messages", json=body, headers=headers)
    return "" if response.status_code == 200 else str(response.json()["error"]["message"])


def ask_converse(emulator: Emulator, model: str, asked: dict[str, Any]) -> str:
    """What Converse says of the same request, without the words that it puts before the model's."""
    turns = asked.get("turns", [("user", "Hello")])
    inference = {
        to: asked[of]
        for of, to in (("temperature", "temperature"), ("top_p", "topP"), ("stop_sequences", "stopSequences"))
        if of in asked
    }
    extra: dict[str, Any] = {name: asked[name] for name in ("top_k", "thinking") if name in asked}
    extra |= {"output_config": {"effort": asked["effort"]}} if "effort" in asked else {}
    body: dict[str, Any] = {
        "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns],
        "inferenceConfig": {"maxTokens": asked.get("max_tokens", 2000), **inference},
        "additionalModelRequestFields": extra,
    }
    if asked.get("called"):
        call = {"toolUse": {"toolUseId": "t1", "name": "find", "input": {}}}
        result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "x"}]}}
        body["messages"] += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    if "schema" in asked:
        form = {"jsonSchema": {"name": "thing", "schema": json.dumps(asked["schema"])}}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": form}}
    if asked.get("tools"):
        strict = {"strict": True} if asked.get("strict") else {}
        spec = {"name": "find", "inputSchema": {"json": asked.get("parameters", PARAMETERS)}, **strict}
        body["toolConfig"] = {"tools": [{"toolSpec": spec}]}
        body["toolConfig"] |= {"toolChoice": {"any": {}}} if asked.get("forced") else {}
    found = next(one for one in BEDROCK_MODELS.values() if one.claude is not None and one.claude.name == model)
    identity = found.id if found.on_demand else f"us.{found.id}"
    url = f"{emulator.bedrock.url}/model/{identity}/converse"
    response = httpx.post(url, json=body, headers={"authorization": f"Bearer {AWS_BEARER}"})
    said = "" if response.status_code == 200 else str(response.json()["message"])
    return said.removeprefix("The model returned the following errors: ")


def closed(**properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": [], "additionalProperties": False}


@pytest.mark.parametrize("ask", [ask_messages, ask_converse])
@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("claude-haiku-4-5", {"temperature": 0.2, "top_p": 0.9}, "cannot both be specified"),
        ("claude-sonnet-4", {"temperature": 0.2, "top_p": 0.9}, ""),
        ("claude-opus-4-7", {"temperature": 0.2}, "`temperature` is deprecated for this model."),
        ("claude-opus-5-5", {"top_p": 0.9}, "`top_p` is deprecated for this model."),
        ("claude-mythos-5-1", {"top_k": 5}, "`top_k` is deprecated for this model."),
        ("claude-sonnet-4-6", {"top_k": 5}, ""),
        ("claude-3-haiku", BUDGET, "'claude-3-haiku' does not support thinking."),
        ("claude-haiku-4-5", ADAPTIVE, "adaptive thinking is not supported on this model"),
        ("claude-sonnet-4-5", BUDGET, ""),
        ("claude-sonnet-4-6", {**BUDGET, "max_tokens": 1024}, "must be greater than `thinking.budget_tokens`"),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1023}}, "or equal to 1024"),
        ("claude-sonnet-4-6", BUDGET, ""),
        ("claude-opus-4-7", BUDGET, '"thinking.type.enabled" is not supported for this model.'),
        ("claude-opus-4-7", ADAPTIVE, ""),
        ("claude-sonnet-4-6", {**ADAPTIVE, "temperature": 0.2}, "may only be set to 1"),
        ("claude-sonnet-4-6", {**ADAPTIVE, "top_p": 0.5}, "greater than or equal to 0.95"),
        ("claude-sonnet-4-6", {**ADAPTIVE, **FORCED}, "Thinking may not be enabled when tool_choice forces tool use."),
        ("claude-opus-4-8", {**ADAPTIVE, **FORCED}, ""),
        ("claude-fable-5-2", FORCED, 'tool_choice: type "tool" and "any" are not supported for this model.'),
        ("claude-opus-5-5", FORCED, 'tool_choice: type "tool" and "any" are not supported for this model.'),
        ("claude-haiku-5-5", FORCED, ""),
        ("claude-haiku-4-5", {"effort": "high"}, "This model does not support the effort parameter."),
        ("claude-sonnet-4-6", {"effort": "minimal"}, "Input should be 'low', 'medium', 'high' or 'max'"),
        ("claude-sonnet-4-6", {"effort": "xhigh"}, "output_config.effort"),
        ("claude-opus-4-7", {"effort": "xhigh"}, ""),
        ("claude-sonnet-4-5", {"turns": ENDS_WITH_ASSISTANT}, ""),
        ("claude-sonnet-4-6", {"turns": ENDS_WITH_ASSISTANT}, "does not support assistant message prefill"),
        ("claude-opus-4-7", {"turns": ENDS_WITH_ASSISTANT}, "does not support assistant message prefill"),
        ("claude-sonnet-4-6", {"stop_sequences": ["\n"]}, "each stop sequence must contain non-whitespace"),
        ("claude-sonnet-4-6", {"schema": closed(n={"type": "integer", "maximum": 3})}, "property 'maximum' is not"),
        ("claude-sonnet-4-6", {"schema": closed(n={"type": "array", "minItems": 2})}, "'minItems' values other than"),
        ("claude-sonnet-4-6", {"schema": PARAMETERS}, "must be explicitly set to false"),
        ("claude-sonnet-4-6", {"schema": {"anyOf": [closed()]}}, "at the top level"),
        ("claude-sonnet-4-6", {"schema": closed(n={"type": "array", "minItems": 1})}, ""),
        (
            "claude-sonnet-4-6",
            {"tools": True, "parameters": {**PARAMETERS, "anyOf": [{"required": ["name"]}]}},
            "input_schema does not support oneOf, allOf, or anyOf at the top level",
        ),
        (
            "claude-sonnet-4-6",
            {"tools": True, "strict": True, "parameters": closed(n={"type": "array", "maxItems": 2})},
            "For 'array' type, property 'maxItems' is not supported",
        ),
        ("claude-sonnet-4-6", {"tools": True, "parameters": closed(n={"type": "array", "maxItems": 2})}, ""),
    ],
)
def test_parameters(models: Emulator, ask: Any, model: str, asked: Any, said: str) -> None:
    answer = ask(models, model, asked)
    assert said in answer
    assert bool(answer) == bool(said)


@pytest.mark.parametrize(("model", "thinking"), [("claude-sonnet-4-5", BUDGET), ("claude-sonnet-4-6", ADAPTIVE)])
def test_a_call_without_thinking_before_it(models: Emulator, model: str, thinking: Any) -> None:
    answers = [ask_messages(models, model, {**thinking, "tools": True, "called": True})]
    answers.append(ask_converse(models, model, {**thinking, "tools": True, "called": True}))
    expected = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    assert [answer[: len(expected)] for answer in answers] == [expected if thinking is BUDGET else ""] * 2


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-opus-4-7", "tools.0.custom.strict: Extra inputs are not permitted"),
        ("claude-opus-5-5", "tools.0.custom.strict: Extra inputs are not permitted"),
        ("claude-sonnet-4-5", ""),
        ("claude-fable-5-2", ""),
    ],
)
def test_strict_tools_are_taken_by_messages_and_by_some_models_on_converse(
    models: Emulator, model: str, said: str
) -> None:
    asked = {"tools": True, "strict": True, "parameters": closed()}
    assert ask_messages(models, model, asked) == ""
    assert ask_converse(models, model, asked) == said
