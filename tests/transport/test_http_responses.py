"""A connection's next call gets its own answer, whatever the service sent before; threads, coroutines and Bedrock."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.clients import client_of
from tests.transport.wire_server import Line, serving
from turnout.langchain import ChatTurnout
from turnout.settings import AzureBackend, BedrockBackend
from turnout.transport import greenlets as bridge
from turnout.transport.http_clients import aio_transport_class, thread_transport_class, tls_context
from turnout_emulator import Answer, Emulator, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def threads(url: str, path: str) -> str:
    return str(_client().get(url + path).text)


def coroutines(url: str, path: str) -> str:
    async def ask() -> str:
        return str((await _aclient().get(url + path)).text)

    answered: str = _RUNNER.run(ask())
    return answered


_RUNNER: asyncio.Runner
_CLIENTS: list[Any] = []


def _backend() -> AzureBackend:
    return AzureBackend.model_validate({"endpoint": "http://127.0.0.1:9", "api_key": "x"})


def _client() -> Any:
    if not _CLIENTS:
        _CLIENTS.append(httpx.Client(transport=thread_transport_class(httpx)(_backend(), tls_context(_backend()))))
    return _CLIENTS[0]


def _aclient() -> Any:
    if not _CLIENTS:
        made = aio_transport_class(httpx)(_backend(), tls_context(_backend()))
        _CLIENTS.append(httpx.AsyncClient(transport=made))
    return _CLIENTS[0]


def bedrock_threads(url: str, path: str) -> str:
    return _embedded(url, path)


def bedrock_coroutines(url: str, path: str) -> str:
    return _RUNNER.run(bridge.run(_embedded, url, path))


def _embedded(url: str, path: str) -> str:
    backend = BedrockBackend.model_validate(
        {"region": "us-east-1", "endpoint": url, "access_key_id": "AKIA", "secret_access_key": "x", "timeout": 5}
    )
    answer = client_of(backend).sync.invoke_model(modelId=path.strip("/"), body=b"{}")
    return str(answer["body"].read().decode())


@pytest.fixture(params=[threads, coroutines, bedrock_threads, bedrock_coroutines])
def ask(request: pytest.FixtureRequest) -> Iterator[Any]:
    global _RUNNER
    _CLIENTS.clear()
    with asyncio.Runner() as _RUNNER:
        yield request.param
        for client in _CLIENTS:
            if isinstance(client, httpx.AsyncClient):
                _RUNNER.run(client.aclose())
            else:
                client.close()
    _CLIENTS.clear()


def answer_to(head: bytes) -> bytes:
    path = head.split()[1].removesuffix(b"/invoke").removeprefix(b"/model")
    body = b"answer to " + path
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("late", [False, True])
def test_hints_are_not_the_answer(ask: Callable[[str, str], str], *, late: bool) -> None:
    def answer(line: Line, head: bytes, _: bytes) -> None:
        line.sock.sendall(HINTS)
        if late:
            time.sleep(0.15)
        line.sock.sendall(answer_to(head))

    with serving(answer) as server:
        url = server.url.partition("/v1")[0]
        for name in ("alice", "bob", "carol"):
            assert ask(url, f"/{name}") == f"answer to /{name}"
        assert len(server.lines) == 1  # the connection is good


@pytest.mark.parametrize("together", [True, False])
def test_what_nobody_asked_for_is_nobodys_answer(ask: Callable[[str, str], str], *, together: bool) -> None:
    def answer(line: Line, head: bytes, _: bytes) -> None:
        unasked = answer_to(b"GET /unasked HTTP/1.1")
        if together:
            line.sock.sendall(answer_to(head) + unasked)
        else:
            line.sock.sendall(answer_to(head))
            time.sleep(0.05)
            line.sock.sendall(unasked)

    with serving(answer) as server:
        url = server.url.partition("/v1")[0]
        for name in ("alice", "bob", "carol"):
            try:
                assert ask(url, f"/{name}") == f"answer to /{name}"
            except httpx.RemoteProtocolError:
                assert together  # aiohttp refuses the answer as well
            time.sleep(0.12)
        assert len(server.lines) == 3


def test_hints_without_end_are_no_answer() -> None:
    def answer(line: Line, _: bytes, __: bytes) -> None:
        line.sock.sendall(HINTS * 1000)

    backend = _backend()
    with (
        serving(answer) as server,
        httpx.Client(transport=thread_transport_class(httpx)(backend, tls_context(backend))) as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(server.url)


@pytest.mark.parametrize("backend", ["azure", "azure_dated", "openai", "bedrock"])
def test_three_callers_get_their_own_answers_over_tls(
    backend: str, fresh_emulator: Emulator, tmp_path: Path, settings_file: Path
) -> None:
    settings = tmp_path / "tls.toml"
    text = settings_file.read_text()
    for service in ("azure", "openai", "bedrock", "mantle"):
        endpoint = getattr(fresh_emulator, service)
        text = text.replace(endpoint.url, endpoint.https_url)
    text = text.replace('provider = "', f'ca_bundle = "{fresh_emulator.ca_file}"\nprovider = "')
    settings.write_text(text)
    model = ChatTurnout(backend=backend, settings=str(settings))

    def rule(received: Any) -> Script | None:
        said = json.dumps(received.body)
        name = next((name for name in ("alice", "bob", "carol") if name in said), None)
        if name is None:
            return None
        return Script(
            lambda whole: [HINTS, Wait(0.15), whole.sent + whole.sent.replace(name.encode(), b"eve")],
            Answer(f"to {name}"),
        )

    fresh_emulator.rule(rule)
    for name in ("alice", "bob", "carol"):
        assert model.invoke(f"I am {name}.").content == f"to {name}"


def test_many_threads_at_once_get_their_own_answers() -> None:
    def answer(line: Line, head: bytes, _: bytes) -> None:
        line.sock.sendall(HINTS + answer_to(head))

    backend = _backend()
    transport = thread_transport_class(httpx)(backend, tls_context(backend))
    barrier = threading.Barrier(8)
    with serving(answer) as server, httpx.Client(transport=transport) as client:
        url = server.url.partition("/v1")[0]

        def many(number: int) -> None:
            barrier.wait()
            for turn in range(20):
                assert client.get(f"{url}/{number}-{turn}").text == f"answer to /{number}-{turn}"

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(many, range(8)))
