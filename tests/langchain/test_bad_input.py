"""Bad input is refused on every wire before anything is sent, and the error says what is wrong."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core import exceptions as lc
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from tests.langchain.history_support import BACKENDS, Bench, weather
from turnout.conversation import media
from turnout.errors import InvalidRequestError, TurnoutError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator


FETCHING = ("bedrock",)  # the others hand an address on, for the service to fetch
CALL: Any = {"name": "weather", "args": {"city": "Oslo"}, "id": "call_1"}


async def _all(model: Any, given: Any) -> list[Any]:
    return [chunk async for chunk in model.astream(given)]


def refused(bench: Bench, model: Any, given: Any, kind: type[TurnoutError], said: str) -> None:
    """Every way of calling is refused, and nothing reaches the service."""
    calls: list[Any] = [
        lambda: model.invoke(given),
        lambda: list(model.stream(given)),
        lambda: asyncio.run(model.ainvoke(given)),
        lambda: asyncio.run(_all(model, given)),
    ]
    for call in calls:
        with pytest.raises(kind, match=said) as caught:
            call()
        if kind is InvalidRequestError:
            assert isinstance(caught.value, lc.ModelInvalidRequestError)
    assert not bench.emulator.requests


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"temperature": 2.5}, r"temperature = 2.5 is out of range for '.*': it takes 0.0 to"),
        ({"top_p": -1}, "top_p = -1 is out of range"),
        ({"max_tokens": 0}, "max_tokens = 0 is out of range"),
        ({"max_tokens": 10_000_000}, "max_tokens = 10000000 is out of range"),
        ({"max_tokens": "many"}, "max_tokens = 'many' is a str; it must be a whole number"),
        ({"stop": ["END", 7]}, "each is a string that isn't empty"),
        ({"reasoning_effort": "hard"}, "'hard' is none of none, minimal"),
        ({"tool_choice": 7, "tools": [weather]}, "tool_choice 7 is none of"),
    ],
)
def test_a_parameter_out_of_range(bench: Bench, backend: str, parameters: Any, said: str) -> None:
    refused(bench, bench.chat(backend).bind(**parameters), "Hi", UnsupportedError, said)


class Plain:
    """No tool, nor a schema."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (7, "tool 1 is 7, which is no tool"),
        ({}, "tool 1 is {}, which is no tool"),
        (Plain(), "tool 1 is .*Plain object.*, which is no tool"),
        ({"type": "function"}, "tool 1 has no name"),
        ({"type": "function", "function": {"parameters": {}}}, "tool 1 has no name"),
        ({"type": "function", "function": {"name": "look up"}}, "tool 1 has the name 'look up'"),
        ({"name": "look", "description": "d", "parameters": "x"}, "tool 'look' has a str for a schema"),
        (
            {"name": "look", "description": "d", "parameters": {"type": "array"}},
            "tool 'look' has a schema of type 'array'",
        ),
    ],
)
def test_a_tool_without_a_schema(bench: Bench, backend: str, tool: Any, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        bench.chat(backend).bind_tools([weather, tool])
    refused(bench, bench.chat(backend).bind(tools=[weather, tool]), "Hi", UnsupportedError, said)


def _schema(**more: Any) -> dict[str, Any]:
    return {"title": "Depot", "type": "object", "properties": {"name": {"type": "string"}}, **more}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (_schema(type="array"), "the schema 'Depot' has a schema of type 'array'"),
        (_schema(properties={"name": {"$ref": "#/$defs/Gone"}}), "refers to '#/.defs/Gone', which isn't in it"),
        (
            _schema(properties={"name": {"$ref": "https://example.com/x.json"}}),
            "refers to 'https://example.com/x.json'",
        ),
        (_schema(properties={"name": {"enum": {"a", "b"}}}), "can't be written as JSON"),
        (_schema(properties={"name": {"const": float("inf")}}), "can't be written as JSON"),
        (Plain(), "can't be used as a schema"),
    ],
)
def test_a_schema_that_no_wire_can_express(bench: Bench, backend: str, schema: Any, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        bench.chat(backend).with_structured_output(schema)
    if isinstance(schema, dict):
        tool = {"name": "Depot", "description": "d", "parameters": schema}
        with pytest.raises(UnsupportedError, match=said.replace("the schema", "tool")):
            bench.chat(backend).bind_tools([tool])
    assert not bench.emulator.requests


@pytest.mark.parametrize("backend", BACKENDS)
def test_schemas_that_every_wire_takes_are_let_through(bench: Bench, backend: str) -> None:
    """Definitions, a schema that holds itself, and a tool without arguments."""

    class Track(BaseModel):
        """A track."""

        name: str
        branches: list[Track] = []

    Track.model_rebuild()
    nothing = {"type": "function", "function": {"name": "now", "description": "Tell the time."}}
    bench.chat(backend).bind_tools([Track, nothing]).invoke("Hi")
    bench.chat(backend).with_structured_output(Track, include_raw=True, method="function_calling").invoke("name: A")
    assert [request.status for request in bench.emulator.requests] == [200, 200]


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """A web server of pictures that can't be used."""

    class Pictures(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, size = (404, 0) if self.path == "/gone.png" else (200, media.DEFAULT_LIMITS.size + 1)
            self.send_response(status)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(size))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _picture(url: str) -> list[Any]:
    return [SystemMessage("Rules."), HumanMessage(["See:", {"type": "image", "url": url}])]


@pytest.mark.parametrize("backend", FETCHING)
def test_a_picture_that_can_not_be_had(bench: Bench, backend: str, web: str) -> None:
    closed = bench.chat(backend)
    refused(
        bench, closed, _picture(f"{web}/a.png"), InvalidRequestError, r"message 1, block 1: .* is a loopback, private"
    )
    text = bench.settings.read_text(encoding="utf-8")
    bench.settings.write_text(f"allow_private_media = true\n{text}", encoding="utf-8")
    allowed = bench.chat(backend)
    refused(bench, allowed, _picture(f"{web}/gone.png"), InvalidRequestError, "the server answered 404")
    refused(bench, allowed, _picture(f"{web}/big.png"), InvalidRequestError, r"big.png is larger than .* bytes")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_that_is_too_large(bench: Bench, backend: str) -> None:
    url = f"data:image/png;base64,{'A' * (media.DEFAULT_LIMITS.size * 4 // 3 + 8)}"
    said = r"message 0, block 0 is larger than 20,971,520 bytes"
    with pytest.raises(InvalidRequestError, match=said):
        bench.chat(backend).invoke([HumanMessage([{"type": "image_url", "image_url": {"url": url}}])])
    assert not bench.emulator.requests


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([HumanMessage("Hi"), ToolMessage("sunny", tool_call_id="call_9")], "message 1 .*'call_9'"),
        ([HumanMessage("Hi"), AIMessage("", tool_calls=[CALL]), HumanMessage("So?")], "message 1"),
        ([HumanMessage("Hi"), AIMessage("", tool_calls=[CALL])], "message 1"),
        ([SystemMessage("")], "nothing to answer"),
        ([HumanMessage(["See:", {"type": "hologram"}])], "message 0, block 1 is of type 'hologram'"),
    ],
)
def test_a_history_that_no_service_accepts(bench: Bench, backend: str, history: list[Any], said: str) -> None:
    model = bench.chat(backend).bind_tools([weather])
    kind = UnsupportedError if "hologram" in said else InvalidRequestError
    refused(bench, model, history, kind, said)
