"""A deadline is one point in time: what a call waits for besides its answer ends with it too.

Credentials, connections, names and images, in threads and in coroutines, whose `asyncio.run` ends with their call.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import azure.identity  # noqa: F401 - what the first call loads isn't counted
import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage, ImageBlock

from tests.transport.wire_server import LONG, Line, serving
from turnout import runtime
from turnout.errors import ServiceTimeoutError, TurnoutError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer, Emulator, Failure, Raw, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

DEADLINE = 0.4  # seconds
LATE = DEADLINE + 2.0  # a second, and one for a busy machine
FRAMEWORKS = ("langchain", "llama_index")
SILENT = Script(lambda _: [Wait(LONG)])

AZURE = """
backend = "azure"
[backends.azure]
provider = "azure"
endpoint = "{emulator.azure.url}"
tenant_id = "{AZURE_TENANT_ID}"
client_id = "{AZURE_CLIENT_ID}"
client_secret = "{AZURE_CLIENT_SECRET}"
authority_host = "{AZURE_AUTHORITY_HOST}"
ca_bundle = "{emulator.ca_file}"
{version}
[chat.default]
azure = {{ deployment = "mini", model = "gpt-5-mini" }}
[chat.claude]
azure = {{ deployment = "claude-prod", model = "claude-sonnet-4-6" }}
[embedding.default]
azure = {{ deployment = "embed-small", model = "text-embedding-3-small" }}
"""

BEDROCK = """
backend = "bedrock"
[backends.bedrock]
provider = "bedrock"
region = "us-east-1"
endpoint = "{emulator.bedrock.url}"
mantle_endpoint = "{emulator.mantle.url}"
{credential}
[chat.default]
bedrock = "amazon.nova-micro-v1:0"
[chat.mantle]
bedrock = "openai.gpt-5.5"
[chat.messages]
bedrock = {{ model = "us.anthropic.claude-sonnet-4-6", wire = "anthropic-messages" }}
[embedding.default]
bedrock = {{ model = "amazon.titan-embed-text-v2:0", dimensions = 256 }}
"""

ROLE = """
access_key_id = "{AWS_ACCESS_KEY_ID}"
secret_access_key = "{AWS_SECRET_ACCESS_KEY}"
auth = "assumed-role"
role_arn = "{role}"
sts_endpoint = "{sts}"
"""


@pytest.fixture(autouse=True)
def _no_client_from_before() -> Iterator[None]:
    runtime.close()
    yield
    runtime.close()


def asking(framework: str, what: str, settings: Path | str, **options: Any) -> tuple[Callable[[], Any], Any]:
    """A call of a thread and one of a coroutine."""
    given: dict[str, Any] = {"settings": str(settings), "deadline": DEADLINE, **options}
    if what == "embedding":
        if framework == "langchain":
            embeddings = TurnoutEmbeddings(**given)
            return lambda: embeddings.embed_query("hi"), lambda: embeddings.aembed_query("hi")
        embedding = TurnoutEmbedding(**given)
        return lambda: embedding.get_text_embedding("hi"), lambda: embedding.aget_text_embedding("hi")
    if framework == "langchain":
        model = ChatTurnout(model=what, **given)
        return lambda: model.invoke("hi"), lambda: model.ainvoke("hi")
    llm = TurnoutLLM(what, **given)
    return lambda: llm.chat([ChatMessage("hi")]), lambda: llm.achat([ChatMessage("hi")])


@contextmanager
def in_time(error: type[TurnoutError] = ServiceTimeoutError) -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(error):
        yield
    assert time.monotonic() - began < LATE


def both_end_in_time(framework: str, what: str, settings: Path | str) -> None:
    ask, aask = asking(framework, what, settings)
    with in_time():
        ask()
    runtime.close()
    with in_time():
        asyncio.run(aask())


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes requests and answers none."""

    def say_nothing(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.recv(1)

    with serving(say_nothing) as server:
        yield server.url.partition("/v1")[0]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("version", ["", 'api_version = "2024-10-21"'], ids=["v1", "dated"])
@pytest.mark.parametrize("what", ["default", "claude", "embedding"])
def test_a_silent_entra(framework: str, version: str, what: str, fresh_emulator: Emulator, tmp_path: Path) -> None:
    settings = tmp_path / "turnout.toml"
    variables = fresh_emulator.environment("entra")
    settings.write_text(AZURE.format(emulator=fresh_emulator, version=version, **variables))
    fresh_emulator.rule(lambda received: SILENT if received.operation == "token" else None)
    both_end_in_time(framework, what, settings)
    fresh_emulator.clear()
    runtime.close()
    ask, _ = asking(framework, what, settings, deadline=LONG)
    ask()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("what", ["default", "mantle", "messages", "embedding"])
def test_a_silent_sts(framework: str, what: str, silent: str, fresh_emulator: Emulator, tmp_path: Path) -> None:
    settings = tmp_path / "turnout.toml"
    role = ROLE.format(role=fresh_emulator.accounts.roles[0], sts=silent, **fresh_emulator.environment("bedrock"))
    settings.write_text(BEDROCK.format(emulator=fresh_emulator, credential=role))
    both_end_in_time(framework, what, settings)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("what", ["default", "mantle", "messages", "embedding"])
@pytest.mark.parametrize("kind", ["instance", "container"])
def test_silent_metadata(
    framework: str,
    what: str,
    kind: str,
    silent: str,
    fresh_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = tmp_path / "turnout.toml"
    settings.write_text(BEDROCK.format(emulator=fresh_emulator, credential=""))
    if kind == "instance":
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent)
        monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "9")
    else:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{silent}/credentials")
    both_end_in_time(framework, what, settings)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("wire", ["chat", "converse"])
def test_waiting_for_a_connection_and_for_its_answer_is_one_time(
    framework: str, wire: str, fresh_emulator: Emulator, tmp_path: Path
) -> None:
    settings = tmp_path / "turnout.toml"
    backend = "azure" if wire == "chat" else "bedrock"
    text = fresh_emulator.settings_toml()
    settings.write_text(text.replace(f"[backends.{backend}]", f"[backends.{backend}]\nmax_connections = 1"))
    ask, _ = asking(framework, "default", settings, backend=backend)
    slow, _ = asking(framework, "default", settings, backend=backend, deadline=LONG)
    fresh_emulator.queue(Answer("first", delay=0.3), Failure.hang(LONG), Failure.hang(LONG))
    first = threading.Thread(target=slow)
    first.start()
    while not any(received.model for received in fresh_emulator.requests):  # a token's may be an earlier call's
        time.sleep(0.01)
    with in_time():
        ask()
    first.join()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("what", ["default", "embedding"])
@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_a_name_that_is_not_found_in_time(
    framework: str, what: str, backend: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "turnout.toml"
    settings.write_text(emulator.settings_toml().replace("http://127.0.0.1", "https://slow.turnout.example"))
    release = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:  # no name server can be had that is slow
        release.wait(LONG)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        ask, aask = asking(framework, what, settings, backend=backend)
        with in_time():
            ask()
        with in_time():
            asyncio.run(aask())
    finally:
        release.set()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_picture_that_does_not_come(framework: str, silent: str, fresh_emulator: Emulator, tmp_path: Path) -> None:
    settings = tmp_path / "turnout.toml"
    settings.write_text("allow_private_media = true\n" + fresh_emulator.settings_toml())
    given: dict[str, Any] = {"settings": str(settings), "deadline": DEADLINE, "backend": "bedrock"}
    picture = f"{silent}/picture.png"
    if framework == "langchain":
        model: Any = ChatTurnout(**given)
        said: Any = [HumanMessage([{"type": "image", "url": picture}])]
        ask, aask = model.invoke, model.ainvoke
    else:
        model = TurnoutLLM(**given)
        said = [ChatMessage(blocks=[ImageBlock(url=picture)])]
        ask, aask = model.chat, model.achat
    with in_time():
        ask(said)
    with in_time():
        asyncio.run(aask(said))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_query_with_a_deadline_is_repeated_as_often_as_was_said(
    framework: str, fresh_emulator: Emulator, tmp_path: Path
) -> None:
    settings = tmp_path / "turnout.toml"
    settings.write_text(fresh_emulator.settings_toml())
    ask, aask = asking(framework, "embedding", settings, backend="azure", deadline=LONG, max_retries=1)
    for call in (ask, lambda: asyncio.run(aask())):
        fresh_emulator.clear()
        fresh_emulator.queue(*[Failure.rate_limited(retry_after=0)] * 5)
        with pytest.raises(TurnoutError):
            call()
        asked = [request for request in fresh_emulator.requests if request.operation == "embeddings"]
        assert len(asked) == 2  # another test's credential may still be asked for


@pytest.mark.parametrize("said", ["nan", "inf", "-5", "1e300", "Mon, 99 Foo 2026 99:99:99 GMT", "soon"])
@pytest.mark.parametrize(
    ("framework", "what", "backend"),  # each framework, kind of call and service; what is read of a wait has one place
    [("langchain", "default", "azure"), ("llama_index", "default", "bedrock"), ("llama_index", "embedding", "azure")],
)
def test_a_wait_that_is_none_stops_nobody(
    said: str, framework: str, what: str, backend: str, fresh_emulator: Emulator, tmp_path: Path
) -> None:
    settings = tmp_path / "turnout.toml"
    settings.write_text(fresh_emulator.settings_toml())
    headers = {"Retry-After": said, "retry-after-ms": said, "x-amz-retry-after": said}
    throttled = Raw(429, headers | {"x-amzn-errortype": "ThrottlingException"}, {"message": "Slow down"})
    ask, aask = asking(framework, what, settings, backend=backend, deadline=5.0, max_retries=1)

    async def beside() -> float:
        """The longest that a timer of the loop is late while the call waits."""
        call = asyncio.ensure_future(aask())
        late = 0.0
        while not call.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - began)
        if not isinstance(call.exception(), TurnoutError | None):
            await call
        return late

    ask()
    for call in (ask, lambda: asyncio.run(beside())):
        fresh_emulator.queue(throttled)
        began = time.monotonic()
        try:
            late = call()
        except TurnoutError:
            late = 0
        assert time.monotonic() - began < 4
        assert not isinstance(late, float) or late < 2


def test_an_asynchronous_loop_ends_though_its_credentials_never_come(
    silent: str, fresh_emulator: Emulator, tmp_path: Path
) -> None:
    """Cancelled by the application instead of by a deadline."""
    settings = tmp_path / "turnout.toml"
    role = ROLE.format(role=fresh_emulator.accounts.roles[0], sts=silent, **fresh_emulator.environment("bedrock"))
    settings.write_text(BEDROCK.format(emulator=fresh_emulator, credential=role))
    _, aask = asking("langchain", "default", settings, deadline=None)

    async def given_up() -> None:
        await asyncio.wait_for(aask(), DEADLINE)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(given_up())
    assert time.monotonic() - began < LATE
