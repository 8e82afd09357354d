"""A call that fails shows no credential: on every wire, in both frameworks, in threads, coroutines and streams."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import socket
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from tests.canaries.planted import AZURE, BEARER, OPENAI, PROXY, SECRET_KEY, SESSION, found_in, shown_by
from tests.transport.wire_server import Line, serving
from turnout.errors import AuthenticationError, ModelCallError, ServiceConnectionError, ServiceTimeoutError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
[backends.azure]
endpoint = "{url}"
api_key = "{azure}"
max_retries = 0
{more}
[backends.dated]
provider = "azure"
endpoint = "{url}"
api_key = "{azure}"
api_version = "2024-10-21"
max_retries = 0
{more}
[backends.openai]
base_url = "{url}/v1"
api_key = "{openai}"
max_retries = 0
{more}
[backends.bedrock]
region = "us-east-1"
endpoint = "{url}"
mantle_endpoint = "{url}"
access_key_id = "AKIACANARY8QM2ZR7WX1"
secret_access_key = "{secret}"
session_token = "{session}"
max_retries = 0
{more}
[backends.bearer]
provider = "bedrock"
region = "us-east-1"
mantle_endpoint = "{url}"
bearer_token = "{bearer}"
max_retries = 0
{more}
[chat.default]
azure = {{ deployment = "chat", model = "gpt-5-mini" }}
dated = {{ deployment = "chat", model = "gpt-5-mini" }}
openai = "gpt-5-mini"
bedrock = "us.anthropic.claude-sonnet-4-6"
bearer = {{ model = "openai.gpt-oss-120b", wire = "openai-chat" }}

[chat.responses]
azure = {{ deployment = "chat", model = "gpt-5-mini", wire = "openai-responses" }}
openai = {{ model = "gpt-5-mini", wire = "openai-responses" }}
bedrock = "openai.gpt-5.5"
bearer = "openai.gpt-5.5"

[chat.claude]
azure = {{ deployment = "claude", model = "claude-sonnet-4-6" }}

[embedding.default]
azure = {{ deployment = "embed", model = "text-embedding-3-small" }}
openai = "text-embedding-3-small"
bedrock = "amazon.titan-embed-text-v2:0"
"""

CHATS = [
    ("default", "azure"),
    ("default", "dated"),
    ("default", "openai"),
    ("default", "bedrock"),
    ("default", "bearer"),
    ("responses", "azure"),
    ("responses", "openai"),
    ("responses", "bedrock"),
    ("responses", "bearer"),
    ("claude", "azure"),
]
EMBEDDINGS = [("default", "azure"), ("default", "openai"), ("default", "bedrock")]


async def _each(pieces: Any) -> None:
    async for _ in pieces:
        pass


async def _each_of(pieces: Any) -> None:
    await _each(await pieces)


_WAYS: dict[type[Any], dict[str, Callable[[Any], object]]] = {
    ChatTurnout: {
        "invoke": lambda made: made.invoke("x"),
        "ainvoke": lambda made: asyncio.run(made.ainvoke("x")),
        "stream": lambda made: list(made.stream("x")),
        "astream": lambda made: asyncio.run(_each(made.astream("x"))),
    },
    TurnoutLLM: {
        "complete": lambda made: made.complete("x"),
        "acomplete": lambda made: asyncio.run(made.acomplete("x")),
        "stream": lambda made: list(made.stream_complete("x")),
        "astream": lambda made: asyncio.run(_each_of(made.astream_complete("x"))),
    },
    TurnoutEmbeddings: {
        "embed": lambda made: made.embed_query("x"),
        "aembed": lambda made: asyncio.run(made.aembed_query("x")),
    },
    TurnoutEmbedding: {
        "embed": lambda made: made.get_text_embedding("x"),
        "aembed": lambda made: asyncio.run(made.aget_text_embedding("x")),
    },
}


def _called(kind: type[Any], way: str, model: str, backend: str, file: str) -> object:
    return _WAYS[kind][way](kind(model=model, backend=backend, settings=file))


def calls() -> list[Any]:
    """Every way to call: what calls, given a settings file."""
    return [
        pytest.param(partial(_called, kind, way, model, backend), id=f"{kind.__name__}-{way}-{model}-{backend}")
        for kind, ways in _WAYS.items()
        for way in ways
        for model, backend in (CHATS if kind in {ChatTurnout, TurnoutLLM} else EMBEDDINGS)
    ]


def settings(folder: Path, url: str, more: str = "") -> str:
    path = folder / "turnout.toml"
    path.write_text(
        SETTINGS.format(
            url=url, more=more, azure=AZURE, openai=OPENAI, bearer=BEARER, secret=SECRET_KEY, session=SESSION
        )
    )
    return str(path)


def failed(call: Callable[[str], object], file: str, kind: type[BaseException] = ModelCallError) -> Any:
    with pytest.raises(kind) as caught:
        call(file)
    assert shown_by(caught.value) == {}
    if isinstance(caught.value, ModelCallError):
        assert not found_in(pickle.dumps(caught.value))
        assert caught.value.original is not None
    return caught.value


@pytest.mark.parametrize("call", calls())
def test_a_refused_connection_shows_nothing(call: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failed(call, settings(tmp_path, f"http://127.0.0.1:{port}"), ServiceConnectionError)
    assert error.original.__traceback__ is not None  # its lines are there still


def _echo(line: Line, head: bytes, _body: bytes) -> None:
    """What some gateways do: they say what they refuse."""
    headers = head.decode().splitlines()
    said = json.dumps(
        {
            "error": {"message": f"not for you: {headers}", "code": "401", "type": "authentication_error"},
            "message": f"not for you: {headers}",
        }
    ).encode()
    line.sock.sendall(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nx-amzn-ErrorType: UnrecognizedClientException"
        b"\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said)
    )


@pytest.mark.parametrize("call", calls())
def test_a_service_that_says_what_it_was_sent(call: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving(_echo) as server:
        error = failed(call, settings(tmp_path, server.url.split("/v1")[0]), AuthenticationError)
    assert "not for you" in str(error)
    assert "Signature=" not in str(error) or "Signature=[redacted]" in str(error)
    assert not found_in(caplog.text)


_UNREADABLE = [
    b'{"headers": 1}',
    b'"text"',
    b"{",
    b'{"choices": [{"message": 7}], "output": 5, "content": 5, "data": 5}',
]


@pytest.mark.parametrize(
    ("call", "body"),
    [pytest.param(*call.values, body, id=str(call.id)) for call, body in zip(calls(), cycle(_UNREADABLE))],
)
def test_an_answer_that_cannot_be_read(call: Any, body: bytes, tmp_path: Path) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        line.sock.sendall(head % (len(body), body))

    with serving(answer) as server:
        error = _outcome(call, settings(tmp_path, server.url.split("/v1")[0]))
    if error is not None:  # some of these are read as empty answers
        assert shown_by(error) == {}
        assert not found_in(_pickled(error))


def _outcome(call: Callable[[str], object], file: str) -> Exception | None:
    try:
        call(file)
    except Exception as error:  # noqa: BLE001 - whatever it is, it shows nothing
        return error
    return None


def _pickled(error: Exception) -> bytes:
    try:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001 - what doesn't pickle doesn't travel
        return b""


_REFUSALS = [b"407 Proxy Authentication Required", b"407 Proxy Authentication Required", b"403 Forbidden"]


@pytest.mark.parametrize(
    ("call", "status"),
    [pytest.param(*call.values, said, id=str(call.id)) for call, said in zip(calls(), cycle(_REFUSALS))],
)
def test_a_proxy_that_refuses(call: Any, status: bytes, tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        asked.append(head)
        line.sock.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with serving(answer) as server:
        host = server.url.split("/")[2]
        file = settings(tmp_path, "https://service.invalid", f'proxy = "http://user:{PROXY}@{host}"')
        error = failed(call, file, ServiceConnectionError)
    assert asked[0].startswith(b"CONNECT ")
    assert b"proxy-authorization: basic " in asked[0].lower()
    assert f"the proxy http://{host}" in str(error)
    assert status[:3].decode() in str(error)


@pytest.mark.parametrize("call", calls())
def test_a_proxy_that_is_not_there(call: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    file = settings(tmp_path, "https://service.invalid", f'proxy = "http://user:{PROXY}@{host}"')
    assert f"the proxy http://{host}" in str(failed(call, file, ServiceConnectionError))


_TIMED = [
    call for call in calls() if not str(call.id).endswith(("dated", "bearer")) and "responses" not in str(call.id)
]


@pytest.mark.parametrize("call", _TIMED)
def test_a_deadline_that_passes(call: Any, tmp_path: Path) -> None:
    with serving(lambda *_: None) as server:
        file = settings(tmp_path, server.url.split("/v1")[0], "deadline = 0.3")
        failed(call, file, ServiceTimeoutError)
