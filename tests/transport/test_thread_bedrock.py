"""botocore's requests from threads: what goes over the wire, and what comes of it when that breaks."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore import exceptions as b
from botocore.config import Config
from botocore.session import Session

from tests.transport.wire_server import CHUNKED, LONG, Line, serving
from turnout import __version__
from turnout.providers.bedrock import connect
from turnout.settings import BedrockBackend
from turnout.transport.deadline import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout_emulator import Emulator

ASKED: Any = {
    "modelId": "us.amazon.nova-lite-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Grüß Gott"}]}],
    "inferenceConfig": {"maxTokens": 7},
}
ANSWER = json.dumps(
    {"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "end_turn"}
).encode()
KEYS = {"access_key_id": "AKIATEST", "secret_access_key": "secret"}


def ok(line: Line, _head: bytes, _body: bytes) -> None:
    line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)


@contextmanager
def runtime(endpoint: str, **options: Any) -> Iterator[Any]:
    backend = BedrockBackend.model_validate(
        {"region": "us-east-1", "endpoint": endpoint, "timeout": LONG, **KEYS, **options}
    )
    made = connect(backend).sync
    try:
        yield made
    finally:
        made.close()


@contextmanager
def answering(answer: Callable[[Line, bytes, bytes], None], **options: Any) -> Iterator[Any]:
    with serving(answer) as server, runtime(server.url.partition("/v1")[0], **options) as made:
        yield made


def lines(head: bytes) -> dict[str, str]:
    first, *rest = head.decode().strip().split("\r\n")
    return {"": first} | {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}


def test_what_is_sent_is_what_botocore_sends() -> None:
    seen: list[tuple[bytes, bytes]] = []

    def answer(line: Line, head: bytes, body: bytes) -> None:
        seen.append((head, body))
        ok(line, head, body)

    with serving(answer) as server:
        endpoint = server.url.partition("/v1")[0]
        with runtime(endpoint) as made:
            ours = made.converse(**ASKED)
        plain = Session().create_client(
            "bedrock-runtime",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEYS["access_key_id"],
            aws_secret_access_key=KEYS["secret_access_key"],
            config=Config(signature_version="v4", retries={"total_max_attempts": 1}),
        )
        theirs = plain.converse(**ASKED)
        plain.close()
    (head, body), (their_head, their_body) = seen
    assert ours["output"] == theirs["output"]
    assert body == their_body
    sent, expected = lines(head), lines(their_head)
    assert list(sent) == list(expected)
    for name in expected:
        if name not in {"user-agent", "x-amz-date", "authorization", "amz-sdk-invocation-id"}:
            assert sent[name] == expected[name]
    assert sent["user-agent"].startswith("Botocore/")
    assert sent["user-agent"].endswith(f"lib/turnout#{__version__}")


def test_the_applications_name_for_itself_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def answer(line: Line, head: bytes, body: bytes) -> None:
        seen.append(lines(head)["user-agent"])
        ok(line, head, body)

    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "tides")
    with answering(answer) as made:
        made.converse(**ASKED)
    assert seen[0].endswith(" app/tides")


def test_a_service_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with runtime(f"http://127.0.0.1:{port}") as made, pytest.raises(b.EndpointConnectionError):
        made.converse(**ASKED)


def test_a_service_that_says_nothing() -> None:
    with answering(lambda *_: None, timeout=0.2) as made, pytest.raises(b.ReadTimeoutError):
        made.converse(**ASKED)
    with answering(lambda *_: None) as made, until(time.monotonic() + 0.2), pytest.raises(b.ReadTimeoutError):
        made.converse(**ASKED)


def test_an_answer_that_breaks_off() -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        line.close()

    with answering(answer) as made, pytest.raises(b.ConnectionClosedError):
        made.converse(**ASKED)


def test_a_line_that_is_hung_up_without_an_answer() -> None:
    with answering(lambda line, *_: line.close()) as made, pytest.raises(b.ConnectionClosedError):
        made.converse(**ASKED)


def test_no_connection_comes_free() -> None:
    begun, end = threading.Event(), threading.Event()

    def answer(line: Line, head: bytes, body: bytes) -> None:
        begun.set()
        end.wait(LONG)
        ok(line, head, body)

    with answering(answer, max_connections=1) as made:
        first = threading.Thread(target=lambda: made.converse(**ASKED))
        first.start()
        try:
            assert begun.wait(LONG)
            with until(time.monotonic() + 0.1), pytest.raises(b.ConnectTimeoutError):
                made.converse(**ASKED)
        finally:
            end.set()
            first.join(LONG)


def test_a_proxy_is_asked_and_its_password_is_not_told() -> None:
    seen: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        seen.append(head)
        line.sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with serving(answer) as server:
        host = server.url.removeprefix("http://").partition("/")[0]
        with runtime("https://bedrock.invalid", proxy=f"http://user:pass@{host}") as made:
            with pytest.raises(b.ProxyConnectionError) as caught:
                made.converse(**ASKED)
            assert "pass@" not in str(caught.value)
    assert seen[0].startswith(b"CONNECT bedrock.invalid:443 HTTP/1.")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in seen[0].lower()


def test_connections_are_kept() -> None:
    with serving(ok) as server, runtime(server.url.partition("/v1")[0]) as made:
        for _ in range(3):
            made.converse(**ASKED)
        assert len(server.lines) == 1


def test_a_forgotten_stream_gives_its_place_back() -> None:
    def answer(line: Line, head: bytes, body: bytes) -> None:
        if b"converse-stream" in head:
            line.sock.sendall(CHUNKED + b"3\r\none\r\n")
        else:
            ok(line, head, body)

    with answering(answer, max_connections=1) as made:
        stream = made.converse_stream(**ASKED)
        del stream
        gc.collect()
        with until(time.monotonic() + LONG):
            assert made.converse(**ASKED)["output"]


def test_a_body_is_read_in_pieces(fresh_emulator: Emulator) -> None:
    asked = {"modelId": "amazon.titan-embed-text-v2:0", "body": json.dumps({"inputText": "a"})}
    variables = fresh_emulator.environment("bedrock")
    with runtime(
        fresh_emulator.bedrock.url,
        access_key_id=variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    ) as made:
        whole = made.invoke_model(**asked)["body"].read()
        body = made.invoke_model(**asked)["body"]
        pieces = [body.read(5), body.read(1000)]
        while piece := body.read(1000):
            pieces.append(piece)
        assert [len(piece) for piece in pieces[:2]] == [5, 1000]
        assert b"".join(pieces) == whole
        assert b"".join(made.invoke_model(**asked)["body"].iter_chunks(100)) == whole
        assert json.loads(whole)["embedding"]
