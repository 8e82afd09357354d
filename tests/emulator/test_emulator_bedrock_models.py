"""What Converse refuses of one family of models and takes of another."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from turnout_emulator import Emulator
from turnout_emulator.accounts import AWS_BEARER

SONNET = "us.anthropic.claude-sonnet-4-6"
OLD_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
MISTRAL_3 = "mistral.mistral-large-3-675b-instruct"
DEEPSEEK = "deepseek.v3-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
MINIMAX = "minimax.minimax-m2.5"
R1 = "us.deepseek.r1-v1:0"
LLAMA_3 = "meta.llama3-8b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
GROK = "us.xai.grok-4.7"
PALMYRA = "us.writer.palmyra-x4-v1:0"

HELLO: Any = {"role": "user", "content": [{"text": "Hello"}]}
SCHEMA: Any = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
LAST_ROLE = "requires the last turn in the conversation to be a user message"
STRICT = "doesn't support the toolConfig.tools.0.toolSpec.strict field"
NO_STOP = "This model doesn't support the stopSequences field. Remove stopSequences and try again."
NO_STREAM = "This model doesn't support tool use in streaming mode."
TOGETHER = "messages.2.content: Conversation blocks and tool result blocks cannot be provided in the same turn."
NO_REASONING = "User messages cannot contain reasoning content. Please remove the reasoning content and try again."


def said(emulator: Emulator, model: str, body: Any, operation: str = "converse") -> str:
    """What the service says of a request; nothing if it answers."""
    url = f"{emulator.bedrock.url}/model/{model}/{operation}"
    response = httpx.post(url, json={"messages": [HELLO], **body}, headers={"authorization": f"Bearer {AWS_BEARER}"})
    assert response.status_code in (200, 400)
    return "" if response.status_code == 200 else str(response.json()["message"])


def tools(schema: Any = SCHEMA, choice: str | None = None, **spec: Any) -> Any:
    chosen: Any = {"any": {}, "tool": {"name": "find"}}
    config = {"tools": [{"toolSpec": {"name": "find", "inputSchema": {"json": schema}, **spec}}]}
    return {"toolConfig": {**config, **({"toolChoice": {choice: chosen[choice]}} if choice else {})}}


def after_tool(*beside: Any) -> Any:
    """A conversation that ends with a tool's result, and what stands beside it."""
    call = {"toolUse": {"toolUseId": "t1", "name": "find", "input": {}}}
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "x"}]}}
    messages = [HELLO, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result, *beside]}]
    return {"messages": messages, **tools()}


def with_reasoning(*beside: Any) -> Any:
    reasoning = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}
    return {"messages": [HELLO, {"role": "assistant", "content": [reasoning, *beside]}, HELLO]}


def image() -> Any:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    return {"image": {"format": "png", "source": {"bytes": png}}}


def document(name: str) -> Any:
    return {"document": {"format": "txt", "name": name, "source": {"bytes": "SGVsbG8="}}}


def user(*blocks: Any) -> Any:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


FORM: Any = {
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"name": "x", "schema": json.dumps({**SCHEMA, "additionalProperties": False})}},
        }
    }
}
NO_FORM = "This model doesn't support the outputConfig.textFormat field."
ENDS_WITH_ASSISTANT: Any = {"messages": [HELLO, {"role": "assistant", "content": [{"text": "I"}]}]}


@pytest.mark.parametrize(
    ("model", "body", "problem"),
    [
        *((model, ENDS_WITH_ASSISTANT, LAST_ROLE) for model in (NOVA, LLAMA, MISTRAL, QWEN, GPT_OSS, GROK)),
        (OLD_CLAUDE, ENDS_WITH_ASSISTANT, ""),
        (QWEN, tools(choice="any"), "doesn't support the toolConfig.toolChoice.any field"),
        (MINIMAX, tools(choice="any"), "doesn't support the toolConfig.toolChoice.any field"),
        (LLAMA, tools(choice="any"), "doesn't support the toolConfig.toolChoice.any field"),
        (DEEPSEEK, tools(choice="tool"), "doesn't support the toolConfig.toolChoice.tool field"),
        (DEEPSEEK, tools(choice="any"), ""),
        (MISTRAL, tools(choice="any"), ""),
        (MISTRAL, tools(choice="tool"), "doesn't support the toolConfig.toolChoice.tool field"),
        ("us.mistral.pixtral-large-2502-v1:0", tools(choice="any"), "doesn't support the toolConfig.toolChoice.any"),
        (GROK, tools(choice="tool"), ""),
        *((model, tools(strict=True), STRICT) for model in (NOVA, LLAMA, MISTRAL, DEEPSEEK, QWEN, GROK)),
        (GROK, {"inferenceConfig": {"stopSequences": ["END"]}}, NO_STOP),
        (QWEN, {"inferenceConfig": {"stopSequences": ["END"]}}, NO_STOP),
        (MISTRAL, {"inferenceConfig": {"stopSequences": ["END"]}}, ""),
        (NOVA, tools({**SCHEMA, "$defs": {}}), "toolSpec/inputSchema/json: extraneous key [$defs] is not permitted"),
        (NOVA, tools({**SCHEMA, "description": "x"}), "extraneous key [description] is not permitted"),
        (NOVA, tools({**SCHEMA, "title": "Find", "additionalProperties": False}), ""),
        (LLAMA, tools({**SCHEMA, "description": "x"}), ""),
        (LLAMA, after_tool({"text": "And now?"}), TOGETHER),
        (MISTRAL, after_tool({"text": "And now?"}), TOGETHER),
        (LLAMA, after_tool(), ""),
        (NOVA, after_tool({"text": "And now?"}), ""),
        (QWEN, with_reasoning({"text": "Hi"}), NO_REASONING),
        ("us.deepseek.r1-v1:0", with_reasoning({"text": "Hi"}), NO_REASONING),
        (GPT_OSS, with_reasoning({"text": "Hi"}), ""),
        (SONNET, with_reasoning(), "does not support assistant message prefill"),
        (R1, tools(), "This model doesn't support tool use."),
        (LLAMA_3, tools(), "This model doesn't support tool use."),
        *((model, FORM, NO_FORM) for model in (NOVA, LLAMA, "us.anthropic.claude-3-haiku-20240307-v1:0")),
        *((model, FORM, "") for model in (SONNET, GPT_OSS)),
        (OLD_CLAUDE, with_reasoning(), "messages.1: The final block in an assistant message cannot be `thinking`."),
    ],
)
def test_families(emulator: Emulator, model: str, body: Any, problem: str) -> None:
    answer = said(emulator, model, body)
    assert problem in answer
    assert bool(answer) == bool(problem)


@pytest.mark.parametrize(
    ("model", "problem"),
    [(LLAMA, NO_STREAM), (MISTRAL, NO_STREAM), (PALMYRA, NO_STREAM), (MISTRAL_3, ""), (NOVA, ""), (SONNET, "")],
)
def test_tools_in_a_stream(emulator: Emulator, model: str, problem: str) -> None:
    assert said(emulator, model, tools()) == ""
    assert said(emulator, model, tools(), "converse-stream") == problem
    assert said(emulator, model, {}, "converse-stream") == ""


@pytest.mark.parametrize("unset", [{"maxTokens": 100}, {"temperature": 0.5}, {"topP": 0.5}])
def test_nova_with_high_effort_takes_no_limits(emulator: Emulator, unset: Any) -> None:
    for effort, problem in (("high", f"{next(iter(unset))} must be unset"), ("low", "")):
        reasoning = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
        body = {"inferenceConfig": unset, "additionalModelRequestFields": reasoning}
        answer = said(emulator, NOVA_2, body)
        assert problem in answer
        assert bool(answer) == bool(problem)


@pytest.mark.parametrize(
    ("model", "effort", "choice", "calls"),
    [
        (DEEPSEEK, "high", None, False),
        (DEEPSEEK, "high", "any", False),
        (DEEPSEEK, "low", "any", True),
        ("deepseek.v3.2", "high", "any", False),
        ("deepseek.v3.2", "high", None, True),
    ],
)
def test_what_deepseek_calls_while_it_thinks(
    emulator: Emulator, model: str, effort: str, choice: str | None, calls: bool
) -> None:
    asked = [{"role": "user", "content": [{"text": "Use find: name Xa."}]}]
    body = {"messages": asked, **tools(choice=choice), "additionalModelRequestFields": {"reasoning_effort": effort}}
    url = f"{emulator.bedrock.url}/model/{model}/converse"
    answer = httpx.post(url, json=body, headers={"authorization": f"Bearer {AWS_BEARER}"}).json()
    assert (answer["stopReason"] == "tool_use") is calls


def test_the_first_nova_does_not_reason(emulator: Emulator) -> None:
    reasoning = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    answer = said(emulator, NOVA, {"additionalModelRequestFields": reasoning})
    assert "the provided reasoning config value is invalid" in answer


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (user({"text": "x"}, *[image()] * 21), "too many images and documents: 21 + 0 > 20"),
        (user({"text": "x"}, *[image()] * 20), ""),
        (user({"text": "x"}, *(document(f"d{n}") for n in range(6))), "can't include more than 5 documents"),
        (user({"text": "x"}, *(document(f"d{n}") for n in range(5))), ""),
        (user(document("d")), "A text block must be included when using documents."),
        (
            user({"text": "x"}, document("re_port.txt")),
            "The document file name can only contain alphanumeric characters",
        ),
        (user({"text": "x"}, document("re  port")), "more than one consecutive whitespace character"),
        (user({"text": "x"}, document("d"), document("d")), "Messages can't contain duplicate document names."),
    ],
)
def test_media(emulator: Emulator, body: Any, problem: str) -> None:
    answer = said(emulator, SONNET, body)
    assert problem in answer
    assert bool(answer) == bool(problem)


def test_document_names_are_unique_in_the_whole_conversation(emulator: Emulator) -> None:
    turn = user({"text": "x"}, document("report"))["messages"][0]
    messages = [turn, {"role": "assistant", "content": [{"text": "Hi"}]}, turn]
    assert said(emulator, SONNET, {"messages": messages}) == "Messages can't contain duplicate document names."
