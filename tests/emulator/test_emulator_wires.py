"""The same small applications on every wire: whichever carries a request, the model behind it reads the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from turnout_emulator import Answer, Emulator, Failure
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY, OPENAI_KEY

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\x00\x00\x00\x40\x00\x00\x00\x20").decode()
RULE = "Backups are kept for 35 days. Lunch is at noon."
STRING, NUMBER = {"type": "string"}, {"type": "number"}


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "parameters": schema}


TOOLS = [
    tool("get_weather", "Get the weather in a city.", city=STRING),
    tool("add", "Add two numbers.", a=NUMBER, b=NUMBER),
    tool("multiply", "Multiply two numbers.", a=NUMBER, b=NUMBER),
    tool("lookup_order", "Look up an order by its id.", order_id=STRING),
]
RUN: dict[str, Callable[..., str]] = {
    "get_weather": lambda city: f"Rain in {city}.",
    "add": lambda a, b: str(a + b),
    "multiply": lambda a, b: str(a * b),
    "lookup_order": lambda order_id: json.dumps({"order_id": order_id, "status": "shipped", "city": "Oslo"}),
}


@dataclass
class Call:
    id: str
    name: str
    arguments: dict[str, Any]


@dataclass
class Said:
    """One message: who, what, a picture or a document with it, calls made, or results given."""

    role: str
    text: str = ""
    image: str | None = None
    document: str | None = None
    calls: list[Call] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Options:
    tools: list[dict[str, Any]] = field(default_factory=list)
    schema: dict[str, Any] | None = None


Outcome = tuple[str, list[Call]]


def chat(model: str, said: list[Said], options: Options) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for one in said:
        content: Any = [{"type": "text", "text": one.text}]
        if one.image:
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one.image}"}})
        if one.document:
            data = base64.b64encode(one.document.encode()).decode()
            content.append(
                {"type": "file", "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{data}"}}
            )
        if one.calls:
            functions = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
                for c in one.calls
            ]
            messages.append({"role": "assistant", "content": None, "tool_calls": functions})
        elif one.results:
            messages += [{"role": "tool", "tool_call_id": name, "content": text} for name, text in one.results]
        else:
            messages.append({"role": one.role, "content": content if len(content) > 1 else one.text})
    body: dict[str, Any] = {"model": model, "messages": messages}
    if options.tools:
        body["tools"] = [{"type": "function", "function": one} for one in options.tools]
    if options.schema:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": options.schema}}
    return body


def from_chat(answer: Any) -> Outcome:
    message = answer["choices"][0]["message"]
    calls = [
        Call(one["id"], one["function"]["name"], json.loads(one["function"]["arguments"]))
        for one in message.get("tool_calls") or ()
    ]
    return message["content"] or "", calls


def responses(model: str, said: list[Said], options: Options) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for one in said:
        content: Any = [{"type": "input_text", "text": one.text}]
        if one.image:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{one.image}"})
        if one.document:
            data = base64.b64encode(one.document.encode()).decode()
            content.append({"type": "input_file", "filename": "a.txt", "file_data": f"data:text/plain;base64,{data}"})
        if one.calls:
            items += [
                {"type": "function_call", "call_id": c.id, "name": c.name, "arguments": json.dumps(c.arguments)}
                for c in one.calls
            ]
        elif one.results:
            items += [{"type": "function_call_output", "call_id": name, "output": text} for name, text in one.results]
        else:
            items.append({"role": one.role, "content": content if len(content) > 1 else one.text})
    body: dict[str, Any] = {"model": model, "input": items}
    if options.tools:
        body["tools"] = [{"type": "function", **one} for one in options.tools]
    if options.schema:
        body["text"] = {"format": {"type": "json_schema", "name": "x", "schema": options.schema}}
    return body


def from_responses(answer: Any) -> Outcome:
    text = "".join(part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"])
    calls = [
        Call(item["call_id"], item["name"], json.loads(item["arguments"]))
        for item in answer["output"]
        if item["type"] == "function_call"
    ]
    return text, calls


def messages(model: str, said: list[Said], options: Options) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    for one in said:
        content: Any = [{"type": "text", "text": one.text}] if one.text else []
        if one.image:
            content.append(
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": one.image}}
            )
        if one.document:
            content.append(
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": one.document}}
            )
        content += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.arguments} for c in one.calls]
        content += [{"type": "tool_result", "tool_use_id": name, "content": text} for name, text in one.results]
        if one.role != "system":
            shown.append({"role": one.role, "content": content})
    body: dict[str, Any] = {"model": model, "max_tokens": 4000, "messages": shown}
    system = "\n".join(one.text for one in said if one.role == "system")
    if system:
        body["system"] = system
    if options.tools:
        body["tools"] = [
            {"name": one["name"], "description": one["description"], "input_schema": one["parameters"]}
            for one in options.tools
        ]
    if options.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": options.schema}}
    return body


def from_messages(answer: Any) -> Outcome:
    text = "".join(block["text"] for block in answer["content"] if block["type"] == "text")
    calls = [
        Call(block["id"], block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"
    ]
    return text, calls


def converse(model: str, said: list[Said], options: Options) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    for one in said:
        content: Any = [{"text": one.text}] if one.text else []
        if one.image:
            content.append({"image": {"format": "png", "source": {"bytes": one.image}}})
        if one.document:
            data = base64.b64encode(one.document.encode()).decode()
            content.append({"document": {"format": "txt", "name": "a", "source": {"bytes": data}}})
        content += [{"toolUse": {"toolUseId": c.id, "name": c.name, "input": c.arguments}} for c in one.calls]
        content += [{"toolResult": {"toolUseId": name, "content": [{"text": text}]}} for name, text in one.results]
        if one.role != "system":
            shown.append({"role": one.role, "content": content})
    body: dict[str, Any] = {"messages": shown}
    system = [{"text": one.text} for one in said if one.role == "system"]
    if system:
        body["system"] = system
    if options.tools:
        specs = [
            {"name": t["name"], "description": t["description"], "inputSchema": {"json": t["parameters"]}}
            for t in options.tools
        ]
        body["toolConfig"] = {"tools": [{"toolSpec": spec} for spec in specs]}
    if options.schema:
        schema = {"name": "x", "schema": json.dumps(options.schema)}
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    return body


def from_converse(answer: Any) -> Outcome:
    content = answer["output"]["message"]["content"]
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    text = "".join(block.get("text", "") for block in content)
    return text, [Call(use["toolUseId"], use["name"], use["input"]) for use in uses]


AZURE = {"api-key": AZURE_KEY, "anthropic-version": "2023-06-01"}
OPENAI, AWS = {"authorization": f"Bearer {OPENAI_KEY}"}, {"authorization": f"Bearer {AWS_BEARER}"}
CHAT, RESPONSES = (chat, from_chat), (responses, from_responses)
MESSAGES, CONVERSE = (messages, from_messages), (converse, from_converse)
WIRES: dict[str, tuple[str, str, dict[str, str], str, tuple[Any, Any]]] = {
    "azure-chat": ("azure", "/openai/v1/chat/completions", AZURE, "gpt-5-prod", CHAT),
    "azure-responses": ("azure", "/openai/v1/responses", AZURE, "gpt-5-prod", RESPONSES),
    "azure-claude": ("azure", "/anthropic/v1/messages", AZURE, "claude-prod", MESSAGES),
    "openai-chat": ("openai", "/v1/chat/completions", OPENAI, "gpt-4o", CHAT),
    "openai-responses": ("openai", "/v1/responses", OPENAI, "gpt-4o", RESPONSES),
    "mantle": ("mantle", "/openai/v1/responses", AWS, "openai.gpt-5.5", RESPONSES),
    "mantle-chat": ("mantle", "/v1/chat/completions", AWS, "openai.gpt-oss-120b", CHAT),
    "mantle-responses": ("mantle", "/v1/responses", AWS, "openai.gpt-oss-120b", RESPONSES),
    **{
        f"converse-{name}": ("bedrock", f"/model/{model}/converse", AWS, model, CONVERSE)
        for name, model in {
            "claude": "us.anthropic.claude-sonnet-4-6",
            "nova": "amazon.nova-lite-v1:0",
            "llama": "us.meta.llama3-3-70b-instruct-v1:0",
            "mistral": "mistral.mistral-large-2407-v1:0",
            "gpt-oss": "openai.gpt-oss-120b-1:0",
        }.items()
    },
}


@dataclass
class Model:
    """One model behind one wire."""

    emulator: Emulator
    wire: str

    def post(self, said: list[Said], options: Options | None = None) -> httpx.Response:
        service, path, headers, model, (write, _) = WIRES[self.wire]
        address = getattr(self.emulator, service).url
        return httpx.post(address + path, headers=headers, json=write(model, said, options or Options()), timeout=30)

    def ask(self, said: list[Said], options: Options | None = None) -> Outcome:
        response = self.post(said, options)
        assert response.status_code == 200, response.text
        outcome: Outcome = WIRES[self.wire][4][1](response.json())
        return outcome

    def run(self, request: str) -> tuple[list[list[str]], str]:
        """An agent: the calls of each round, and the answer."""
        said = [Said("user", request)]
        rounds: list[list[str]] = []
        for _ in range(5):
            text, calls = self.ask(said, Options(tools=TOOLS))
            if not calls:
                return rounds, text
            rounds.append(
                [f"{call.name} {' '.join(str(value) for value in call.arguments.values())}" for call in calls]
            )
            said.append(Said("assistant", calls=calls))
            said.append(Said("user", results=[(call.id, RUN[call.name](**call.arguments)) for call in calls]))
        raise AssertionError("no end")


@pytest.fixture(params=list(WIRES))
def model(request: pytest.FixtureRequest, emulator: Emulator) -> Model:
    return Model(emulator, request.param)


def test_rag_with_sources(model: Model) -> None:
    prompt = f"Context:\n[1] {RULE}\n\n[2] The cafeteria opens at eight.\n\nQuestion: How long are backups kept?"
    assert model.ask([Said("user", prompt)])[0] == "Backups are kept for 35 days. [1]"
    asked = [Said("system", RULE), Said("user", "How long are backups kept?")]
    assert model.ask(asked)[0] == "Backups are kept for 35 days."


def test_memory(model: Model) -> None:
    said = [
        *(Said("user", "My favourite colour is teal."), Said("assistant", "Noted.")),
        *(Said("user", "I work in Oslo."), Said("assistant", "Noted as well.")),
        Said("user", "What is my favourite colour?"),
    ]
    assert model.ask(said)[0] == "My favourite colour is teal."


def test_agent_with_several_rounds(model: Model) -> None:
    assert model.run("Look up order A-1001 and then tell me the weather in the city it goes to.") == (
        [["lookup_order A-1001"], ["get_weather Oslo"]],
        "order_id: A-1001, status: shipped, city: Oslo\nRain in Oslo.",
    )
    assert model.run("What is 3 * 12, and then add 11 to the result?")[0] == [["multiply 3 12"], ["add 11 36"]]


def test_parallel_tools(model: Model) -> None:
    assert model.run("What is the weather in Paris, London and Oslo?") == (
        [["get_weather Paris", "get_weather London", "get_weather Oslo"]],
        "Rain in Paris.\nRain in London.\nRain in Oslo.",
    )


def test_summary(model: Model) -> None:
    text = (
        "The harbour was built in 1883. Ships bring timber and salt to the harbour. Gulls are common. "
        "Today the harbour serves ferries and timber ships."
    )
    summary = model.ask([Said("user", f"Write a concise summary of the following:\n\n{text}\n\nSUMMARY:")])[0]
    assert summary == text.replace("Gulls are common. ", "")


def test_extraction(model: Model) -> None:
    person = {"type": "object", "properties": {"name": STRING, "email": STRING}, "required": ["name", "email"]}
    item = {"type": "object", "properties": {"part": STRING, "quantity": {"type": "integer"}}}
    schema = {
        "type": "object",
        "properties": {
            "customer": {**person, "additionalProperties": False},
            "priority": {"type": "string", "enum": ["low", "normal", "urgent"]},
            "items": {
                "type": "array",
                "items": {**item, "required": ["part", "quantity"], "additionalProperties": False},
            },
            "note": {"anyOf": [STRING, {"type": "null"}]},
        },
        "required": ["customer", "priority", "items", "note"],
        "additionalProperties": False,
    }
    said = [
        Said(
            "user",
            "Urgent order from Ada Lovelace (ada@example.com). Items: part: bolts, quantity: 3; part: washers, quantity: 12.",
        )
    ]
    if model.wire in ("converse-nova", "converse-llama"):
        refused = model.post(said, Options(schema=schema))
        assert (refused.status_code, "outputConfig" in refused.text) == (400, True)
        return
    assert json.loads(model.ask(said, Options(schema=schema))[0]) == {
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "priority": "urgent",
        "items": [{"part": "bolts", "quantity": 3}, {"part": "washers", "quantity": 12}],
        "note": None,
    }


def test_pictures_and_documents(model: Model) -> None:
    picture = [Said("user", "What is in this picture?", image=PNG)]
    document = [Said("user", "How long are backups kept?", document=RULE)]
    if model.wire in ("converse-llama", "converse-mistral", "converse-gpt-oss"):
        assert "doesn't support the image" in model.post(picture).text
    else:
        assert "an image (png, 64 x 32 pixels, 24 bytes)" in model.ask(picture)[0]
    if model.wire == "converse-gpt-oss":
        assert "doesn't support the document" in model.post(document).text
    else:
        assert model.ask(document)[0] == "Backups are kept for 35 days."


@pytest.mark.parametrize(
    ("choice", "takers"),
    [
        ({"auto": {}}, {"claude", "nova", "llama", "mistral"}),
        ({"any": {}}, {"claude", "nova", "mistral"}),
        ({"tool": {"name": "get_weather"}}, {"claude", "nova"}),
    ],
)
def test_tool_choices_of_bedrocks_families(emulator: Emulator, choice: Any, takers: set[str]) -> None:
    models = {name.removeprefix("converse-"): wire for name, wire in WIRES.items() if name.startswith("converse-")}
    models |= {
        name: ("bedrock", f"/model/{model}/converse", AWS, model, CONVERSE)
        for name, model in {"cohere": "cohere.command-r-plus-v1:0", "qwen": "qwen.qwen3-32b-v1:0"}.items()
    }
    took = set()
    for name, (_, path, headers, model, _) in models.items():
        body = converse(model, [Said("user", "What is the weather in Rome?")], Options(tools=TOOLS))
        body["toolConfig"]["toolChoice"] = choice
        response = httpx.post(emulator.bedrock.url + path, headers=headers, json=body)
        if response.status_code == 200:
            took.add(name)
        else:
            assert f"toolChoice.{next(iter(choice))}" in response.json()["message"]
    assert took == takers


def test_too_long(model: Model) -> None:
    expected = {
        **dict.fromkeys(("azure-chat", "openai-chat", "mantle-chat"), "maximum context length"),
        "azure-claude": "prompt is too long: ",
        **dict.fromkeys(
            ("azure-responses", "openai-responses", "mantle", "mantle-responses"), "exceeds the context window"
        ),
    }
    model.emulator.queue(Failure.context_overflow())
    response = model.post([Said("user", "Hello")])
    assert response.status_code == 400
    assert expected.get(model.wire, "Input is too long for requested model.") in response.text


def test_filtered_answers(model: Model) -> None:
    model.emulator.queue(Answer("Half", finish="content_filter", filtered={"hate": "high"}))
    answer = model.post([Said("user", "Hello")]).json()
    match WIRES[model.wire][4][0].__name__:
        case "chat":
            ended = (answer["choices"][0]["finish_reason"], "content_filter")
        case "responses":
            ended = (answer["incomplete_details"]["reason"], "content_filter")
        case "messages":
            ended = (answer["stop_reason"], "refusal")
        case _:
            ended = (answer["stopReason"], "content_filtered")
    assert ended[0] == ended[1]
