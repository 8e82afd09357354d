"""What OpenAI's and Azure's wires refuse of one model and take of another, and what is newer than an API version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from turnout_emulator import Emulator
from turnout_emulator.accounts import AZURE_KEY, OPENAI_KEY
from turnout_emulator.catalogue import OPENAI_MODELS

HELLO: Any = [{"role": "user", "content": "Hello"}]
PARAMETERS: Any = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CLOSED: Any = {**PARAMETERS, "additionalProperties": False}


def function(parameters: Any = PARAMETERS, **more: Any) -> Any:
    return {"name": "find", "parameters": parameters, **more}


def chat_tool(parameters: Any = PARAMETERS, **more: Any) -> Any:
    return {"tools": [{"type": "function", "function": function(parameters, **more)}]}


def responses_tool(parameters: Any = PARAMETERS, **more: Any) -> Any:
    return {"tools": [{"type": "function", **function(parameters, **more)}]}


def strict_format(schema: Any, name: str = "thing") -> Any:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}}


TOOL = chat_tool()


@pytest.fixture(scope="module")
def models() -> Iterator[Emulator]:
    """An emulator whose Azure resource has a deployment of every model, under the model's name."""
    with Emulator(deployments={name: name for name in OPENAI_MODELS}) as emulator:
        yield emulator


def ask(emulator: Emulator, service: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    """The error of a request, and an empty one if it is answered."""
    base = emulator.azure.url + "/openai" if service == "azure" else emulator.openai.url
    auth = {"api-key": AZURE_KEY} if service == "azure" else {"authorization": f"Bearer {OPENAI_KEY}"}
    response = httpx.post(base + path, json=body, headers={**auth, **(headers or {})})
    return {} if response.status_code == 200 else {"status": response.status_code, **response.json()["error"]}


@pytest.mark.parametrize("service", ["azure", "openai"])
@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("gpt-4.1", {"temperature": -0.5}, "Invalid 'temperature': decimal below minimum value."),
        ("gpt-4.1", {"temperature": "hot"}, "Invalid type for 'temperature': expected a decimal"),
        ("gpt-4.1", {"stop": 5}, "Invalid type for 'stop'"),
        ("gpt-4.1", {"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort"),
        ("gpt-5.6-terra", TOOL, "Function tools with reasoning_effort are not supported for gpt-5.6-terra"),
        ("gpt-5.5", {**TOOL, "reasoning_effort": "low"}, "Function tools with reasoning_effort"),
        ("gpt-6-astra", TOOL, "use /v1/responses"),
        ("gpt-5.5", {**TOOL, "reasoning_effort": "none"}, None),
        ("gpt-5.4", {**TOOL, "reasoning_effort": "low"}, "Function tools with reasoning_effort"),
        ("gpt-5.4", TOOL, None),
        ("gpt-5.2", {**TOOL, "reasoning_effort": "low"}, None),
        ("gpt-5", {"reasoning_effort": "none"}, "'none' with this model. Supported values are: 'minimal', 'low', "),
        ("gpt-5.1", {"reasoning_effort": "minimal"}, "'none', 'low', 'medium', and 'high'"),
        ("gpt-5.5", {"reasoning_effort": "max"}, "does not support 'max'"),
        ("gpt-5.6-sol", {"reasoning_effort": "max"}, None),
        ("gpt-6-astra", {"reasoning_effort": "none"}, "does not support 'none'"),
        ("o3", {"reasoning_effort": "xhigh"}, "does not support 'xhigh'"),
        ("gpt-5", {"reasoning_effort": "huge"}, "Invalid value: 'huge'"),
        ("o3-mini", {**TOOL, "parallel_tool_calls": False}, "'parallel_tool_calls' is not supported"),
        ("gpt-5", {**TOOL, "parallel_tool_calls": False}, None),
        ("gpt-5.1", {"temperature": 0.2}, "'temperature' does not support 0.2"),
        ("gpt-5.1", {"temperature": 0.2, "logprobs": True, "reasoning_effort": "none"}, None),
        ("gpt-5.1", {"presence_penalty": 0.2, "reasoning_effort": "none"}, "'presence_penalty'"),
        ("gpt-5", {"logprobs": True}, "'logprobs' is not supported"),
        ("gpt-4.1", {"stop": ["a", "b", "c", "d", "e"]}, "maximum length 4"),
    ],
)
def test_chat(models: Emulator, service: str, model: str, asked: Any, said: str | None) -> None:
    path = "/v1/chat/completions"
    error = ask(models, service, path, {"model": model, "messages": HELLO, **asked})
    assert error.get("status") == (400 if said else None)
    assert (said or "") in error.get("message", "")


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("gpt-5.6-sol", responses_tool(), None),
        ("gpt-5-pro", {}, None),
        ("gpt-5.1", {"reasoning": {"effort": "minimal"}}, "'minimal' is not supported with the 'gpt-5.1' model"),
        ("gpt-5.6-sol", {"reasoning": {"effort": "max"}}, None),
        ("o3", {**responses_tool(), "parallel_tool_calls": True}, "'parallel_tool_calls' is not supported"),
        ("gpt-5", {"max_output_tokens": 15}, "integer below minimum value"),
        ("gpt-5", {"top_logprobs": 2}, "'top_logprobs' is not supported"),
        ("gpt-4.1", {"top_logprobs": 2}, None),
        ("gpt-4.1", {"include": ["reasoning.encrypted_content"]}, "Encrypted content is not supported"),
        ("gpt-5.1", {"temperature": 0.2}, "'temperature' is not supported"),
        ("gpt-5.1", {"temperature": 0.2, "reasoning": {"effort": "none"}}, None),
        ("gpt-5", {"stop": ["x"]}, "Unknown parameter: 'stop'"),
    ],
)
def test_responses(models: Emulator, model: str, asked: Any, said: str | None) -> None:
    error = ask(models, "openai", "/v1/responses", {"model": model, "input": "Hello", **asked})
    assert error.get("status") == (400 if said else None)
    assert (said or "") in error.get("message", "")


@pytest.mark.parametrize("model", ["gpt-5-pro", "gpt-5.3-codex", "o3-pro"])
def test_models_that_only_the_responses_api_serves(models: Emulator, model: str) -> None:
    body = {"model": model, "messages": HELLO}
    error = ask(models, "openai", "/v1/chat/completions", body)
    assert (error["status"], error["param"], error["code"]) == (404, "model", None)
    assert error["message"] == "This model is only supported in v1/responses and not in v1/chat/completions."
    error = ask(models, "azure", "/v1/chat/completions", body)
    assert (error["status"], error["code"]) == (400, "OperationNotSupported")
    assert f"The chatCompletion operation does not work with the specified model, {model}." in error["message"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"type": "object"}, "In context=(), object schema missing properties."),
        ({**PARAMETERS, "anyOf": [{"required": ["name"]}]}, "not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top"),
        (
            {**PARAMETERS, "properties": {"name": {"type": "array"}}},
            "('properties', 'name'), array schema missing items",
        ),
        (
            {**PARAMETERS, "properties": {"name": {"type": "array", "prefixItems": [{"type": "string"}]}}},
            "array schema missing items",
        ),
        ({"$ref": "#/$defs/A", "$defs": {"A": CLOSED}}, "got 'type: null'"),
    ],
)
def test_tools_schemas_strict_or_not(models: Emulator, parameters: Any, said: str) -> None:
    for body, path in ((chat_tool(parameters), "/v1/chat/completions"), (responses_tool(parameters), "/v1/responses")):
        asked = {"messages": HELLO} if "chat" in path else {"input": "Hello"}
        error = ask(models, "openai", path, {"model": "gpt-4.1", **asked, **body})
        assert (error["status"], error["code"]) == (400, "invalid_function_parameters")
        assert said in error["message"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (PARAMETERS, "'additionalProperties' is required"),
        ({**CLOSED, "required": []}, "Missing 'name'"),
        ({**CLOSED, "properties": {"name": {"type": "string", "default": "x"}}}, "'default' is not permitted"),
        ({**CLOSED, "properties": {"name": {"oneOf": [{"type": "string"}]}}}, "'oneOf' is not permitted"),
        (
            {**CLOSED, "properties": {"name": {"type": "array", "prefixItems": [], "items": {"type": "string"}}}},
            "'prefixItems' is not permitted",
        ),
        ({**CLOSED, "anyOf": [CLOSED]}, "at the top level"),
        ({"anyOf": [CLOSED]}, "got 'type: null'"),
        ({"$ref": "#/$defs/A", "$defs": {"A": CLOSED}}, "got 'type: null'"),
        (CLOSED, None),
    ],
)
def test_strict_schemas(models: Emulator, schema: Any, said: str | None) -> None:
    asked: list[tuple[str, Any]] = [
        ("/v1/chat/completions", {"messages": HELLO, **strict_format(schema)}),
        ("/v1/chat/completions", {"messages": HELLO, **chat_tool(schema, strict=True)}),
        ("/v1/responses", {"input": "Hello", **responses_tool(schema, strict=True)}),
    ]
    for path, body in asked:
        error = ask(models, "openai", path, {"model": "gpt-4.1", **body})
        assert error.get("status") == (400 if said else None)
        assert (said or "") in error.get("message", "")


def test_names_of_tools_and_schemas(models: Emulator) -> None:
    path = "/v1/chat/completions"
    for body in (strict_format(CLOSED, "Page[Item]"), chat_tool(name="Page[Item]")):
        error = ask(models, "openai", path, {"model": "gpt-4.1", "messages": HELLO, **body})
        assert "string does not match pattern" in error["message"]
    error = ask(models, "openai", path, {"model": "gpt-4.1", "messages": HELLO, **chat_tool(name="n" * 65)})
    assert "maximum length 64" in error["message"]


def test_azure_limits_the_description_of_a_tool(models: Emulator) -> None:
    wordy = {"description": "x" * 1025}
    for path, body in (
        ("/v1/chat/completions", {"messages": HELLO, **chat_tool(**wordy)}),
        ("/v1/responses", {"input": "Hello", **responses_tool(**wordy)}),
    ):
        assert "maximum length 1024" in ask(models, "azure", path, {"model": "gpt-4.1", **body})["message"]
        assert not ask(models, "openai", path, {"model": "gpt-4.1", **body})


@pytest.mark.parametrize(
    ("version", "asked", "said"),
    [
        ("2024-06-01", {"stream": True, "stream_options": {"include_usage": True}}, "supplied: stream_options"),
        ("2024-06-01", {**TOOL, "parallel_tool_calls": True}, "supplied: parallel_tool_calls"),
        ("2024-08-01-preview", {"max_completion_tokens": 9}, "supplied: max_completion_tokens"),
        ("2024-06-01", strict_format(CLOSED), "only for api versions 2024-08-01-preview and later"),
        ("2024-08-01-preview", strict_format(CLOSED), None),
        ("2024-10-21", {"stream": True, "stream_options": {"include_usage": True}}, None),
        ("2024-09-01-preview", {"max_completion_tokens": 9}, None),
    ],
)
def test_dated_versions(models: Emulator, version: str, asked: Any, said: str | None) -> None:
    path = f"/deployments/gpt-4.1/chat/completions?api-version={version}"
    error = ask(models, "azure", path, {"messages": HELLO, **asked})
    assert error.get("status") == (400 if said else None)
    assert (said or "") in error.get("message", "")


def test_effort_came_with_a_later_version(models: Emulator) -> None:
    body = {"messages": HELLO, "reasoning_effort": "low"}
    path = "/deployments/o3/chat/completions?api-version="
    assert "supplied: reasoning_effort" in ask(models, "azure", f"{path}2024-10-21", body)["message"]
    assert not ask(models, "azure", f"{path}2024-12-01-preview", body)


@pytest.mark.parametrize("header", ["OpenAI-Organization", "OpenAI-Project"])
def test_an_empty_owner_is_refused(models: Emulator, header: str) -> None:
    body = {"model": "gpt-4.1", "messages": HELLO}
    error = ask(models, "openai", "/v1/chat/completions", body, {header: ""})
    assert (error["status"], error["message"]) == (401, f"No such {header.removeprefix('OpenAI-').lower()}: .")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a"] * 2049, "maximum length 2048"),
        (["a", ""], "'$.input' is invalid"),
        (["a " * 8192], "8191 tokens"),
        (["a " * 8000] * 38, "max 300000 tokens per request"),
        (["7 " * 4097], "8191 tokens"),
    ],
)
def test_embeddings(models: Emulator, texts: list[str], said: str) -> None:
    error = ask(models, "openai", "/v1/embeddings", {"model": "text-embedding-3-small", "input": texts})
    assert error["status"] == 400
    assert said in error["message"]


@pytest.mark.parametrize("dimensions", [0, 1537])
def test_a_vector_has_no_more_numbers_than_the_models(models: Emulator, dimensions: int) -> None:
    body = {"model": "text-embedding-3-small", "input": "a", "dimensions": dimensions}
    error = ask(models, "openai", "/v1/embeddings", body)
    assert (error["status"], error["param"]) == (400, "dimensions")
    assert not ask(models, "openai", "/v1/embeddings", {**body, "dimensions": 1536})
