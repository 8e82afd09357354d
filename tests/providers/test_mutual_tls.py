"""A private network: every service and every endpoint of credentials is behind a gateway that knows its clients.

It has a certificate of a private authority, and lets in only who shows one of that authority.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trustme
from llama_index.core.base.llms.types import ChatMessage

from turnout import runtime
from turnout.errors import SettingsError, TurnoutError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutLLM
from turnout.settings import Settings
from turnout_emulator.accounts import AWS_BEARER, ROLE_ARN, TENANT, WEB_IDENTITY_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

AZURE = {"deployment": "gpt-5-prod", "model": "gpt-5"}
NOVA = "amazon.nova-micro-v1:0"


class Network:
    """The gateways of one test, and what gets through them."""

    def __init__(self, emulator: Emulator, folder: Path, stack: ExitStack) -> None:
        self.emulator = emulator
        self._stack = stack
        self._authority = trustme.CA()
        self._server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("localhost").configure_cert(self._server)
        self._authority.configure_trust(self._server)
        self._server.verify_mode = ssl.CERT_REQUIRED
        self.folder = folder
        self._authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        self._authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
        self.trust = {"ca_bundle": str(folder / "authority.pem")}
        self.known = {**self.trust, "tls_certificate": str(folder / "client.pem")}
        self.passed: list[str] = []  # what a gateway stands before, for each connection that it let in

    def before(self, name: str, url: str) -> str:
        """The address of a gateway before another address."""
        there = ssl.create_default_context(cafile=self.emulator.ca_file)
        return self._stack.enter_context(_gateway(self._server, there, url, lambda: self.passed.append(name)))


@contextmanager
def _gateway(here: ssl.SSLContext, there: ssl.SSLContext, url: str, on_pass: Callable[[], object]) -> Iterator[str]:
    behind = urlsplit(url)
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        on_pass()
        back, on = await asyncio.open_connection(behind.hostname, behind.port, ssl=there)
        try:
            await asyncio.wait(
                [asyncio.ensure_future(_pump(*pair)) for pair in ((reader, on), (back, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            on.transport.abort()
            writer.transport.abort()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=here)

    async def end(server: asyncio.Server) -> None:
        server.close()
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0.05)  # in which transports over TLS close their sockets

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def _pump(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await one.read(65536):
            other.write(part)
            await other.drain()


@pytest.fixture
def network(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    runtime.close()
    with ExitStack() as stack:
        yield Network(fresh_emulator, tmp_path, stack)
        runtime.close()


def _keys(network: Network) -> dict[str, str]:
    found = network.emulator.environment("bedrock")
    return {"access_key_id": found["AWS_ACCESS_KEY_ID"], "secret_access_key": found["AWS_SECRET_ACCESS_KEY"]}


def _bedrock(network: Network, **options: Any) -> dict[str, Any]:
    emulator = network.emulator
    return {
        "provider": "bedrock",
        "region": "us-east-1",
        "endpoint": network.before("bedrock", emulator.bedrock.https_url),
        "mantle_endpoint": network.before("mantle", emulator.mantle.https_url),
        "sts_endpoint": network.before("sts", emulator.sts.https_url),
        **options,
    }


def _azure(network: Network, **options: Any) -> dict[str, Any]:
    return {"provider": "azure", "endpoint": network.before("azure", network.emulator.azure.https_url), **options}


def _entra(network: Network) -> dict[str, str]:
    found = network.emulator.environment("entra")
    path = urlsplit(found["AZURE_AUTHORITY_HOST"]).path
    authority = network.before("entra", network.emulator.entra.https_url) + path
    return {"tenant_id": TENANT, "client_id": found["AZURE_CLIENT_ID"], "authority_host": authority}


def _secret(network: Network) -> dict[str, Any]:
    secret = network.emulator.environment("entra")["AZURE_CLIENT_SECRET"]
    return _azure(network, **_entra(network), client_secret=secret)


def _chain(network: Network, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in network.emulator.environment("entra").items():
        patch.setenv(name, value)
    options = _entra(network)
    return _azure(network, authority_host=options["authority_host"], auth="default")


def _web_identity(network: Network) -> dict[str, Any]:
    (network.folder / "token").write_text(WEB_IDENTITY_TOKEN)
    token = network.folder / "token"
    (network.folder / "config").write_text(
        f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {token}\nregion = us-east-1\n"
    )
    return _bedrock(network, profile="team")


CALLS: dict[str, tuple[Callable[[Network, pytest.MonkeyPatch], dict[str, Any]], Any, set[str]]] = {
    "a key on Azure": (lambda n, _: _azure(n, api_key="turnout-emulator-azure-key"), AZURE, {"azure"}),
    "Claude on Azure": (
        lambda n, _: _azure(n, api_key="turnout-emulator-azure-key"),
        {"deployment": "claude-prod", "model": "claude-sonnet-4-6"},
        {"azure"},
    ),
    "a service principal": (lambda n, _: _secret(n), AZURE, {"azure", "entra"}),
    "the default chain": (_chain, AZURE, {"azure", "entra"}),
    "keys on Bedrock": (lambda n, _: _bedrock(n, **_keys(n)), NOVA, {"bedrock"}),
    "a Bedrock API key": (lambda n, _: _bedrock(n, bearer_token=AWS_BEARER), NOVA, {"bedrock"}),
    "a role": (
        lambda n, _: _bedrock(n, **_keys(n), role_arn=ROLE_ARN, auth="assumed-role"),
        NOVA,
        {"bedrock", "sts"},
    ),
    "a web identity": (lambda n, _: _web_identity(n), NOVA, {"bedrock", "sts"}),
    "Mantle": (lambda n, _: _bedrock(n, **_keys(n)), {"model": "openai.gpt-5.5"}, {"mantle"}),
}


def _settings(backend: dict[str, Any], target: Any, tls: dict[str, str]) -> Settings:
    name = backend["provider"]
    made = {"backends": {name: {**backend, **tls, "max_retries": 0}}, "chat": {"default": {name: target}}}
    return Settings.model_validate(made)


@pytest.mark.parametrize("call", CALLS)
def test_a_client_with_a_certificate_is_let_in(network: Network, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    make, target, places = CALLS[call]
    settings = _settings(make(network, monkeypatch), target, network.known)
    assert ChatTurnout(settings=settings).invoke("x").text
    assert set(network.passed) == places
    assert TurnoutLLM(settings=settings).chat([ChatMessage("x")]).message.content


async def test_asynchronously(network: Network) -> None:
    settings = _settings(_secret(network), AZURE, network.known)
    assert (await ChatTurnout(settings=settings).ainvoke("x")).text
    settings = _settings(_bedrock(network, **_keys(network)), NOVA, network.known)
    assert (await TurnoutLLM(settings=settings).achat([ChatMessage("x")])).message.content


@pytest.mark.parametrize("call", ["a key on Azure", "a service principal", "keys on Bedrock", "a role"])
@pytest.mark.parametrize("tls", ["without a certificate", "without the authority"])
def test_others_are_not(network: Network, monkeypatch: pytest.MonkeyPatch, call: str, tls: str) -> None:
    make, target, _ = CALLS[call]
    shown = network.trust if tls == "without a certificate" else {"tls_certificate": network.known["tls_certificate"]}
    with pytest.raises(TurnoutError):
        ChatTurnout(settings=_settings(make(network, monkeypatch), target, shown)).invoke("x")
    assert not network.emulator.requests


def test_embeddings_as_well(network: Network) -> None:
    backend = {**_bedrock(network, **_keys(network)), **network.known}
    routes = {"default": {"bedrock": "amazon.titan-embed-text-v2:0"}}
    settings = Settings.model_validate({"backends": {"bedrock": backend}, "embedding": routes})
    assert len(TurnoutEmbeddings(settings=settings).embed_query("x")) == 1024


@pytest.mark.parametrize("content", [None, "nothing", "locked"])
def test_a_certificate_that_cannot_be_read_is_named(network: Network, content: str | None) -> None:
    file = network.folder / "other.pem"
    if content == "locked":
        from cryptography.hazmat.primitives import serialization

        pem = (network.folder / "client.pem").read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        form, locked = serialization.PrivateFormat.TraditionalOpenSSL, serialization.BestAvailableEncryption(b"x")
        begin = pem.index(b"-----BEGIN CERTIFICATE")
        file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked) + pem[begin:])
    elif content is not None:
        file.write_text(content)
    why = "No such file" if content is None else "it is no PEM file with a certificate and its key without a password"
    settings = _settings(
        _azure(network, api_key="turnout-emulator-azure-key"), AZURE, {**network.trust, "tls_certificate": str(file)}
    )
    with pytest.raises(SettingsError, match=rf"tls_certificate = '.*other\.pem' can't be read: {why}"):
        ChatTurnout(settings=settings).invoke("x")
