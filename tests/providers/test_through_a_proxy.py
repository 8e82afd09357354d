"""Credentials are fetched through the settings' proxy, and STS where the settings say: by every method that asks it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport.wire_server import Line, serving
from turnout import runtime
from turnout.langchain import ChatTurnout
from turnout.settings import Settings
from turnout_emulator.accounts import ROLE_ARN, WEB_IDENTITY_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator


@contextmanager
def proxy(seen: list[str]) -> Iterator[str]:
    """A proxy on loopback that opens tunnels, and passes on what isn't encrypted; `seen` has whom it was asked for."""

    def answer(line: Line, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        seen.append(f"{method.decode()} {target.decode().partition('?')[0]}")
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                line.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(there, line.sock), daemon=True)
                back.start()
                _pump(line.sock, there)
                back.join(10)
            return
        host, _, port = target.decode().split("/")[2].partition(":")
        path = "/" + target.decode().split("/", 3)[3]
        with socket.create_connection((host, int(port))) as there:
            lines = [one for one in head.split(b"\r\n")[1:] if not one.lower().startswith((b"proxy-", b"connection"))]
            first = f"{method.decode()} {path} HTTP/1.1".encode()
            there.sendall(b"\r\n".join([first, b"Connection: close", *lines]).rstrip(b"\r\n") + b"\r\n\r\n" + body)
            while part := there.recv(65536):
                line.sock.sendall(part)
        line.sock.shutdown(socket.SHUT_WR)

    with serving(answer) as server:
        yield server.url.partition("/v1")[0]


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while part := one.recv(65536):
            other.sendall(part)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


def settings(emulator: Emulator, **more: Any) -> Settings:
    bedrock = {
        "provider": "bedrock",
        "region": "us-east-1",
        "endpoint": emulator.bedrock.url,
        "sts_endpoint": emulator.sts.url,
        **more,
    }
    chat = {"default": {"bedrock": "us.anthropic.claude-sonnet-4-6"}}
    return Settings.model_validate({"backends": {"bedrock": bedrock}, "chat": chat})


METHODS = {
    "a role of a profile": f"[profile team]\nrole_arn = {ROLE_ARN}\nsource_profile = base\n",
    "a web identity": f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {{token}}\n",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_proxy", [False, True])
def test_sts_is_asked_where_the_settings_say(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, *, by_proxy: bool
) -> None:
    keys = fresh_emulator.environment("bedrock")
    (tmp_path / "token").write_text(WEB_IDENTITY_TOKEN)
    base = f"[profile base]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
    base += f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    (tmp_path / "config").write_text(base + METHODS[method].format(token=tmp_path / "token"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    runtime.close()  # another's client is of equal settings
    seen: list[str] = []
    with proxy(seen) as address:
        made = settings(fresh_emulator, profile="team", **({"proxy": address} if by_proxy else {}))
        assert ChatTurnout(settings=made).invoke("x").text
    asked = [request for request in fresh_emulator.requests if request.service == "sts"]
    assert asked
    assert bool(seen) == by_proxy
    assert not by_proxy or any(fresh_emulator.sts.url.partition("//")[2] in one for one in seen)


def test_entra_is_asked_through_the_proxy(fresh_emulator: Emulator) -> None:
    from tests.providers.test_clients import entra

    seen: list[str] = []
    with proxy(seen) as address:
        azure = {"provider": "azure", "endpoint": fresh_emulator.azure.url, "proxy": address, **entra(fresh_emulator)}
        chat = {"default": {"azure": {"deployment": "mini", "model": "gpt-5-mini"}}}
        made = Settings.model_validate({"backends": {"azure": azure}, "chat": chat})
        assert ChatTurnout(settings=made).invoke("x").text
    authority = entra(fresh_emulator)["authority_host"].partition("//")[2]
    assert any(one.startswith(f"CONNECT {authority}") for one in seen)
