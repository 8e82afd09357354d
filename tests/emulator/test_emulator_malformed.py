"""Every member of a request replaced by a value of another type: the service's own refusal, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from turnout_emulator import Emulator
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY, OPENAI_KEY

VALUES: list[Any] = [None, [], [1], [{}], {}, {"a": 1}, {"type": "x"}, 5, 2.5, "x", "", True]
PNG = "iVBORw0KGgo="
NAME: Any = {"type": "string", "minLength": 1, "maxLength": 20}
SCHEMA: Any = {
    "type": "object",
    "properties": {
        "name": NAME,
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 3},
        "kind": {"anyOf": [{"enum": ["a", "b"]}, {"$ref": "#/$defs/Other"}]},
    },
    "required": ["name", "sizes", "kind"],
    "additionalProperties": False,
    "$defs": {"Other": {"type": "null"}},
}
CLOSED: Any = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
FUNCTION: Any = {"name": "f", "description": "Get the name.", "parameters": SCHEMA, "strict": False}
ASK = "What is the name of Ada Lovelace, as json?"
CHAT: Any = {
    "model": "gpt-4o",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hello"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Ada"}]},
        {"role": "user", "content": ASK},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": True,
    "response_format": {"type": "json_schema", "json_schema": {"name": "p", "strict": False, "schema": SCHEMA}},
    "temperature": 0.5,
    "max_tokens": 50,
    "n": 1,
    "stop": ["x"],
    "stream": True,
    "stream_options": {"include_usage": True},
}
RESPONSES: Any = {
    "model": "gpt-5",
    "instructions": "Be brief.",
    "input": [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Hello"}, {"type": "input_file", "file_data": "x"}],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "y"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "Ada"}]},
        {"role": "user", "content": ASK},
    ],
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": {"type": "function", "name": "f"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA, "strict": False}, "verbosity": "low"},
    "max_output_tokens": 100,
    "include": ["reasoning.encrypted_content"],
    "previous_response_id": None,
    "metadata": {"a": "b"},
    "top_p": 1,
}
MESSAGES: Any = {
    "model": "claude-prod",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hello"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"name": "Ada"}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Ada"}]},
                {"type": "text", "text": ASK},
            ],
        },
    ],
    "tools": [{"name": "f", "description": "Get the name.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"format": {"type": "json_schema", "schema": CLOSED}},
    "stop_sequences": ["STOP"],
    "top_p": 1,
}
CONVERSE: Any = {
    "system": [{"text": "Be brief."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "Hello"},
                {"image": {"format": "png", "source": {"bytes": PNG}}},
                {"document": {"format": "txt", "name": "doc", "source": {"bytes": "SGVsbG8="}}},
            ],
        },
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "f", "input": {"name": "Ada"}}}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "Ada"}, {"json": {"a": 1}}]}}],
        },
    ],
    "inferenceConfig": {"maxTokens": 100, "stopSequences": ["STOP"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "description": "Get the name.", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"auto": {}},
    },
    "additionalModelRequestFields": {
        "thinking": {"type": "adaptive", "display": "summarized"},
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"},
        "tool_choice": 1,
    },
    "guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1", "trace": "enabled"},
    "outputConfig": {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "p", "schema": json.dumps(CLOSED)}}}
    },
}
NOVA_CONVERSE: Any = {
    **{name: value for name, value in CONVERSE.items() if name != "outputConfig"},
    "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": CLOSED}}}], "toolChoice": {"any": {}}},
}
EMBEDDINGS: Any = {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "float", "dimensions": 8}
TITAN: Any = {"inputText": "a", "dimensions": 256, "normalize": True, "embeddingTypes": ["float", "binary"]}
COHERE: Any = {
    "texts": ["a"],
    "input_type": "search_query",
    "truncate": "END",
    "embedding_types": ["int8"],
    "output_dimension": 256,
    "max_tokens": 10,
}
NOVA: Any = {
    "taskType": "SINGLE_EMBEDDING",
    "singleEmbeddingParams": {
        "embeddingPurpose": "GENERIC_INDEX",
        "embeddingDimension": 256,
        "text": {"value": "a", "truncationMode": "END"},
    },
}
BEARER = {"authorization": f"Bearer {AWS_BEARER}"}
OPENAI = {"authorization": f"Bearer {OPENAI_KEY}"}
FOUNDRY = {"x-api-key": AZURE_KEY, "anthropic-version": "2023-06-01"}
CASES = [
    ("openai", "/v1/chat/completions", OPENAI, CHAT),
    ("openai", "/v1/responses", OPENAI, RESPONSES),
    ("openai", "/v1/embeddings", OPENAI, EMBEDDINGS),
    ("azure", "/anthropic/v1/messages", FOUNDRY, MESSAGES),
    ("bedrock", "/model/us.anthropic.claude-sonnet-4-6/converse", BEARER, CONVERSE),
    ("bedrock", "/model/us.amazon.nova-2-lite-v1:0/converse", BEARER, NOVA_CONVERSE),
    ("bedrock", "/model/amazon.titan-embed-text-v2:0/invoke", BEARER, TITAN),
    ("bedrock", "/model/us.cohere.embed-v4:0/invoke", BEARER, COHERE),
    ("bedrock", "/model/amazon.nova-2-multimodal-embeddings-v1:0/invoke", BEARER, NOVA),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from paths(value[key], (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


@pytest.mark.parametrize(("service", "path", "headers", "body"), CASES, ids=[case[1] for case in CASES])
def test_a_member_of_the_wrong_type_is_the_clients_fault(
    emulator: Emulator, service: str, path: str, headers: dict[str, str], body: Any
) -> None:
    faults: list[Any] = []
    refused = 0
    with httpx.Client(base_url=getattr(emulator, service).url, headers=headers) as client:
        assert client.post(path, json=body).status_code == 200
        for where in paths(body):
            for value in VALUES:
                response = client.post(path, json=replaced(body, where, value))
                refused += response.status_code == 400
                if response.status_code not in (200, 400, 404):
                    faults.append((where, value, response.status_code))
                elif response.status_code == 400 and not response.text.startswith("{"):
                    faults.append((where, value, response.text))
    assert not faults
    assert refused > 10


@pytest.mark.parametrize(
    ("service", "path", "headers", "body", "where", "value", "said"),
    [
        (*CASES[0], ("tools",), 5, "Invalid type for 'tools': expected an array, but got an integer instead."),
        (*CASES[0], ("tools", 0, "function", "parameters", "required"), 5, "'f': 5 is not of type 'array'"),
        (*CASES[0], ("stop",), 5, "expected one of a string or array of strings"),
        (*CASES[1], ("text",), "x", "Invalid type for 'text': expected an object, but got a string instead."),
        (*CASES[3], ("thinking",), "x", "thinking: Input should be a valid dictionary"),
        (*CASES[3], ("tools",), 5, "tools: Input should be a valid list"),
        (*CASES[3], ("messages", 0, "content", 0, "text"), 5, "content.0.text.text: Input should be a valid string"),
        (*CASES[4], ("additionalModelRequestFields",), 5, "Invalid type for parameter additionalModelRequestFields"),
        (*CASES[6], ("embeddingTypes",), 5, "#/embeddingTypes: expected type: JSONArray, found: int"),
    ],
)
def test_what_the_services_say_of_it(
    emulator: Emulator, service: str, path: str, headers: Any, body: Any, where: Any, value: Any, said: str
) -> None:
    url = getattr(emulator, service).url + path
    response = httpx.post(url, headers=headers, json=replaced(body, where, value))
    assert response.status_code == 400
    assert said in response.json().get("message", "") or said in response.json().get("error", {}).get("message", "")
