"""A redirect to another origin: nothing arrives there, on any wire, and the error names both."""

from __future__ import annotations

import asyncio
import itertools
import json
import pickle
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as lc
from urllib3 import HTTPHeaderDict

from tests.contract.apps.settings import settings_text
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat, Embedding
from tests.transport.wire_server import Line, Server, serving
from turnout import errors
from turnout.transport.redirects import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WIRES = (
    *("azure", "azure_dated", "azure_responses", "azure_claude", "openai", "bedrock_nova", "bedrock_gpt"),
    *("bedrock_messages", "mantle", "mantle_chat"),
)
EMBEDDING = ("azure", "azure_dated", "openai", "bedrock_nova")
STATUSES = (301, 302, 303, 307, 308)


class Endpoint:
    """A server that answers each request with what is next, and one elsewhere, where nothing may arrive."""

    def __init__(self, server: Server, elsewhere: Server) -> None:
        self.url = server.url.partition("/v1")[0]
        self.elsewhere = elsewhere.url.partition("/v1")[0]
        self.answer = b""
        self.asked: list[tuple[bytes, bytes]] = []
        self.arrived: list[bytes] = []

    def redirect(self, status: int, location: str) -> None:
        self.answer = _redirect(status, location)


def _redirect(status: int, location: str) -> bytes:
    return b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\ngone" % (status, location.encode("latin-1"))


@contextmanager
def _endpoint() -> Iterator[Endpoint]:
    def answer(line: Line, head: bytes, body: bytes) -> None:
        made.asked.append((head, body))
        line.sock.sendall(made.answer)

    def record(line: Line, head: bytes, body: bytes) -> None:
        made.arrived.append(head + body)
        line.sock.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    with serving(answer) as server, serving(record) as elsewhere:
        made = Endpoint(server, elsewhere)
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Endpoint]:
    with _endpoint() as made:
        yield made


@pytest.fixture
def endpoint(shared: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    service = SimpleNamespace(url=shared.url)
    emulator: Any = SimpleNamespace(azure=service, openai=service, bedrock=service, mantle=service)
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(emulator), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    shared.asked.clear()
    return shared


def embed(framework: str, way: str) -> None:
    model = Embedding(framework)
    if way == "many":
        model.texts(["the prompt", "another"])
    elif way == "async":
        asyncio.run(model.aquery("the prompt"))
    else:
        model.query("the prompt")


def is_refused(endpoint: Endpoint, wire: str, call: Callable[[], Any]) -> Any:
    made: Any = None
    for status in STATUSES:
        endpoint.asked.clear()
        endpoint.redirect(status, f"{endpoint.elsewhere.replace('//', '//user:hidden@')}/else?key=hidden")
        with pytest.raises(errors.RedirectError) as caught:
            call()
        made = caught.value
        assert endpoint.arrived == []
        assert f"{endpoint.url} redirected the call to {endpoint.elsewhere}, with status {status}" in str(made)
        assert "hidden" not in repr(made)
        assert (made.status, made.backend, made.retryable, made.attempts) == (status, wire, False, 1)
        assert made.deployment
        again = pickle.loads(pickle.dumps(made))
        assert (type(again), str(again), again.status) == (type(made), str(made), status)
        assert len(endpoint.asked) >= 1
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_chat(framework: str, wire: str, way: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", wire)
    error = is_refused(endpoint, wire, lambda: Chat(framework).ask(way, "the prompt"))
    assert isinstance(error, lc.ModelError) == (framework == "langchain")


@pytest.mark.parametrize("way", ["whole", "many", "async"])
@pytest.mark.parametrize("wire", EMBEDDING)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_embedding(framework: str, wire: str, way: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", wire)
    error = is_refused(endpoint, wire, lambda: embed(framework, way))
    assert isinstance(error, lc.ModelError) == (framework == "langchain")


@pytest.mark.parametrize("wire", ["azure", "azure_dated", "openai", "mantle_chat"])
def test_within_the_origin_a_redirect_is_followed(wire: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from turnout.langchain import ChatTurnout

    chat = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    chat["choices"] = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Here."}}]
    body = json.dumps(chat).encode()
    seen: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        seen.append(head)
        if b"/moved" in head:
            kind = b"Content-Type: application/json\r\n"
            line.sock.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))
        else:
            line.sock.sendall(_redirect(307, "/moved"))

    with serving(answer) as server:
        service = SimpleNamespace(url=server.url.partition("/v1")[0])
        emulator: Any = SimpleNamespace(azure=service, openai=service, bedrock=service, mantle=service)
        path = tmp_path / "turnout.toml"
        path.write_text(settings_text(emulator), encoding="utf-8")
        monkeypatch.setenv("TURNOUT_CONFIG", str(path))
        monkeypatch.setenv("TURNOUT_BACKEND", wire)
        assert ChatTurnout().invoke("x").content == "Here."
        assert asyncio.run(ChatTurnout().ainvoke("x")).content == "Here."
    assert len(seen) == 4


ASKED = "https://contoso.openai.azure.com/openai/v1/chat/completions?api-version=1"


def judged(location: str, asked: str = ASKED, status: int = 307) -> str | None:
    """What the error says after `to`, or nothing if the answer passes."""
    closed: list[bool] = []
    try:
        refuse(status, HTTPHeaderDict(Location=location), asked, lambda: closed.append(True))
    except errors.RedirectError as error:
        assert closed == [True]
        return str(error).partition(" redirected the call to ")[2].partition(", with status")[0]
    assert closed == []
    return None


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/",
        "/else?key=1#part",
        "else/where",
        "./else:where",
        "../v1",
        "?next=https://evil.example/",
        "#https://evil.example",
        "/a//evil.example/",
        "//contoso.openai.azure.com/else",
        "//contoso.openai.azure.com:443",
        "https://contoso.openai.azure.com/else",
        "https://contoso.openai.azure.com:443/else",
        "https://contoso.openai.azure.com:/else",
        "https://contoso.openai.azure.com:0443?x",
        "HTTPS://CONTOSO.OpenAI.azure.com/Else",
    ],
)
def test_an_address_of_the_same_origin(location: str) -> None:
    assert judged(location) is None


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://evil.example/else", "https://evil.example"),
        ("HTTPS://EVIL.example:443/?key=hidden", "https://evil.example"),
        ("//evil.example/openai", "https://evil.example"),
        ("//evil.example:8443", "https://evil.example:8443"),
        ("http://contoso.openai.azure.com/else", "http://contoso.openai.azure.com"),
        ("http://contoso.openai.azure.com:443/else", "http://contoso.openai.azure.com:443"),
        ("https://contoso.openai.azure.com:80/else", "https://contoso.openai.azure.com:80"),
        ("https://contoso.openai.azure.com.evil.example/", "https://contoso.openai.azure.com.evil.example"),
        ("https://contoso.openai.azure.com@evil.example/", "https://evil.example"),
        ("https://contoso.openai.azure.com:hidden@evil.example:1/", "https://evil.example:1"),
        ("https://user:hidden@contoso.openai.azure.com/", "https://contoso.openai.azure.com with a login"),
        ("https://[::1]:8080/", "https://[::1]:8080"),
        *(
            (odd, "an address that can't be read")
            for odd in (
                " https://evil.example/",
                "https:evil.example",
                "https:/evil.example",
                "https:///evil.example",
                "///evil.example",
                "/\\evil.example",
                "\\\\evil.example",
                "https://contoso.openai.azure.com\\@evil.example/",
                "https://a@b@evil.example/",
                "https://contoso.openai.azure.com:443:8443/",
                "https://contoso.openai.azure.com:x/",
                "https://[evil.example/",
                "https://",
                "//",
                "/\t/evil.example",
                "https://contoso。openai.azure.com/",
                "javascript:alert(1)",
                "else:where",
                "\N{FULLWIDTH SOLIDUS}evil.example",
            )
        ),
    ],
)
def test_another_origin_and_what_cannot_be_read(location: str, named: str) -> None:
    assert judged(location) == named


def test_only_a_redirect_is_judged() -> None:
    for status in (200, 201, 300, 304, 400, 500):
        assert judged("https://evil.example/", status=status) is None
    refuse(307, {}, ASKED, lambda: None)


_PARTS = ["http", "https", ":", "/", "//", "\\", "@", "?", "#", "[", "]", ".", "..", " ", "\t", "%2f", "%00", "é", "。"]
_PARTS += [
    "contoso.openai.azure.com",
    "evil.example",
    ":443",
    ":80",
    "a",
    "::1",
    ",",
    ";",
    "|",
    "\N{FULLWIDTH SOLIDUS}",
]


@given(st.lists(st.sampled_from(_PARTS), max_size=8).map("".join))
def test_what_passes_leads_to_the_same_origin_in_the_library_that_follows(location: str) -> None:
    if judged(location) is not None:
        return
    for library in (httpx, httpx2):
        url: Any = library.URL(location)
        if url.is_relative_url:
            url = library.URL(ASKED).join(url)
        assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "contoso.openai.azure.com", None, b"")


def test_every_status_that_the_libraries_follow_is_judged() -> None:
    followed = {
        status
        for status, library in itertools.product(range(300, 400), (httpx, httpx2))
        if library.Response(status, headers={"location": "/"}).has_redirect_location
    }
    assert followed == set(STATUSES)
    assert all(judged("https://evil.example", status=status) for status in followed)
