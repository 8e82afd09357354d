"""The emulator: ten services on listeners of their own, in one thread with one event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import tempfile
import threading
import warnings
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import trustme
from aiohttp import web

from turnout_emulator import catalogue, environment
from turnout_emulator.accounts import CLIENT, TENANT, Accounts
from turnout_emulator.answers import Queueable
from turnout_emulator.control import Control, Operation, Received, Rule
from turnout_emulator.services.azure import AzureService
from turnout_emulator.services.base import Hub, Service
from turnout_emulator.services.bedrock import BedrockService
from turnout_emulator.services.entra import EntraService
from turnout_emulator.services.key_vault import KeyVaultService
from turnout_emulator.services.mantle import MantleService
from turnout_emulator.services.metadata import MetadataService
from turnout_emulator.services.openai import OpenAIService
from turnout_emulator.services.secrets_manager import SecretsManagerService
from turnout_emulator.services.sso import SsoService
from turnout_emulator.services.sts import StsService
from turnout_emulator.tokens import TokenIssuer

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_TURNS_SECONDS = 10.0
# Accepting a connection, reading it and starting its handler take a turn of the loop each, and TLS some more.
_TURNS = 12
_TLS_GOODBYE = 0.05  # seconds that a TLS peer has to answer a close
_BACKLOG = 2048
_LARGEST_BODY = 64 * 1024 * 1024


class EmulatorError(RuntimeError):
    """The emulator can't start; the message says why."""


@dataclass(slots=True)
class Endpoint:
    """Where a service listens.

    Attributes:
        name: The service's name.
        url: Address over http, without a trailing slash.
        https_url: Address over TLS; trust the emulator's `ca_file`.
    """

    name: str
    url: str = ""
    https_url: str = ""


@dataclass(slots=True)
class EntraEndpoint(Endpoint):
    """Where Entra listens, and what a test may do to its tokens."""

    tokens: TokenIssuer = field(default_factory=TokenIssuer)

    def issue(
        self, scope: str = "https://cognitiveservices.azure.com/.default", *, lifetime: float | None = None
    ) -> str:
        """A token for a scope; `lifetime` in seconds, negative for one that has expired already."""
        audience = scope.removesuffix("/.default")
        return self.tokens.issue(client_id=CLIENT, tenant=TENANT, audience=audience, lifetime=lifetime)

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        self.tokens.revoke_all()


@dataclass(slots=True)
class KeyVaultEndpoint(Endpoint):
    """Where Key Vault listens, and what is in it: `secrets`, by name."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class SecretsManagerEndpoint(Endpoint):
    """Where Secrets Manager listens, and what is in it: `secrets`, by name; bytes are base64 of a binary one."""

    secrets: dict[str, str | bytes] = field(default_factory=dict, repr=False)


class Emulator:
    """Local Azure OpenAI and Foundry, OpenAI, Bedrock Runtime, Mantle, Entra, STS, SSO, metadata and secret stores.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        accounts: Who may call; the emulator's demo credentials when left out.
        deployments: Azure deployments: name to model.
        openai_models: Models of Azure OpenAI and OpenAI, by name.
        bedrock_models: Models of Bedrock, by foundation-model id.
        bedrock_profiles: Application inference profiles: ARN or id to foundation-model id.
        anthropic_models: Claude models of Azure Foundry, by name.
        mantle_models: OpenAI models of Mantle, by id.
        runtime_models: OpenAI models that Bedrock Runtime serves by OpenAI's API, by foundation-model id.
        delay: Seconds before each answer.
        chunk_delay: Seconds between the chunks of a stream.
        rate: Calls a second that each deployment answers; it throttles those above, as a quota does.
        token_lifetime: Seconds for which Entra tokens and temporary AWS keys are accepted.
        host: Address to listen on. One that isn't of this machine alone is warned about: the credentials are public.
        ports: Ports for http by service name; free ones when left out.
        keep: How many received requests are remembered.
    """

    def __init__(
        self,
        *,
        accounts: Accounts | None = None,
        deployments: Mapping[str, str] = catalogue.AZURE_DEPLOYMENTS,
        openai_models: Mapping[str, catalogue.OpenAIModel] = catalogue.OPENAI_MODELS,
        bedrock_models: Mapping[str, catalogue.BedrockModel] = catalogue.BEDROCK_MODELS,
        bedrock_profiles: Mapping[str, str] | None = None,
        anthropic_models: Mapping[str, catalogue.AnthropicModel] = catalogue.ANTHROPIC_MODELS,
        mantle_models: Mapping[str, catalogue.OpenAIModel] = catalogue.MANTLE_MODELS,
        runtime_models: Mapping[str, catalogue.OpenAIModel] = catalogue.RUNTIME_MODELS,
        delay: float = 0.0,
        chunk_delay: float = 0.0,
        rate: float | None = None,
        token_lifetime: float = 3600.0,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        keep: int = 50_000,
    ) -> None:
        self.accounts = accounts or Accounts()
        self._control = Control(keep, rate)
        self._hub = Hub(
            control=self._control,
            accounts=self.accounts,
            tokens=TokenIssuer(token_lifetime, self.accounts.clock),
            deployments=deployments,
            openai_models=openai_models,
            bedrock_models=bedrock_models,
            bedrock_profiles=bedrock_profiles or {},
            anthropic_models=anthropic_models,
            mantle_models=mantle_models,
            runtime_models=runtime_models,
            delay=delay,
            chunk_delay=chunk_delay,
        )
        clouds = (AzureService, OpenAIService, BedrockService, MantleService)
        credentials = (EntraService, StsService, SsoService, MetadataService)
        services = (*clouds, *credentials, KeyVaultService, SecretsManagerService)
        self._services: list[Service] = [service(self._hub) for service in services]
        self.azure, self.openai = Endpoint("azure"), Endpoint("openai")
        self.bedrock, self.mantle = Endpoint("bedrock"), Endpoint("mantle")
        self.entra = EntraEndpoint("entra", tokens=self._hub.tokens)
        self.sts, self.sso, self.metadata = Endpoint("sts"), Endpoint("sso"), Endpoint("metadata")
        self.keyvault = KeyVaultEndpoint("keyvault", secrets=self._hub.vault_secrets)
        self.secretsmanager = SecretsManagerEndpoint("secretsmanager", secrets=self._hub.aws_secrets)
        self._host = host
        self._ports = dict(ports or {})
        self._ca_file: Path | None = None
        self._tls: ssl.SSLContext | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None

    @property
    def ca_file(self) -> str:
        """Path of the certificate authority to trust, as PEM."""
        if self._ca_file is None:
            raise EmulatorError("The emulator is not running: start it, or use it in a with statement.")
        return str(self._ca_file)

    @property
    def requests(self) -> list[Received]:
        """The requests received so far, oldest first."""
        return self._control.received()

    @property
    def pending(self) -> int:
        """How many queued items have not been used."""
        return self._control.pending()

    def queue(
        self,
        *items: Queueable,
        service: str | None = None,
        model: str | None = None,
        operation: Operation | None = None,
    ) -> None:
        """Add what to answer next, first in first out among what fits a request.

        Args:
            items: Answers, failures, raw responses or cuts. An answer or a cut is for chat unless `operation` says
                otherwise; a failure or a raw response is for whatever comes first.
            service: Only for this service.
            model: Only for this deployment or model.
            operation: Only for `chat`, `embeddings` or `token`.
        """
        self._control.queue(items, service, model, operation)

    def rule(self, rule: Rule) -> None:
        """Have a function decide what each request is answered with, before the queue, until `clear`.

        Args:
            rule: Gets the request; gives what could be queued, or None to leave it to the queue.
        """
        self._control.rule = rule

    def clear(self) -> None:
        """Forget the queue, the rule and the requests, those included that have arrived and aren't read yet."""
        loop = self._loop
        if loop is not None and loop.is_running():
            asyncio.run_coroutine_threadsafe(_turns(), loop).result(_TURNS_SECONDS)
        self._control.clear()

    def environment(self, target: str) -> dict[str, str]:
        """The variables that lead a cloud's own clients here.

        Args:
            target: `azure`, `foundry`, `bedrock`, `mantle`, `openai`, `entra`, `managed-identity`,
                `azure-instance`, `azure-arc`, `sts`, `container`, `sso`, `instance` or `secretsmanager`.

        Raises:
            ValueError: There is no such target.
        """
        return environment.variables(target, self._hub, self.ca_file)

    def settings_toml(self, *, every_wire: bool = False) -> str:
        """A settings file with every backend of the emulator.

        Args:
            every_wire: Add routes that go by the Responses API (`responses`), Anthropic Messages (`claude`) and
                Mantle's chat (`open-weight`).
        """
        return environment.settings_toml(self._hub, every_wire=every_wire)

    def start(self) -> Self:
        """Listen.

        Raises:
            EmulatorError: It runs already, or a port can't be had.
        """
        if self._thread is not None:
            raise EmulatorError("The emulator is running already.")
        authority = trustme.CA(organization_name="turnout emulator")
        if not _is_local(self._host):
            msg = f"the emulator listens on {self._host}: other machines can call it, and its credentials are public"
            warnings.warn(msg, stacklevel=2)
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # Key Vault's client talks to hosts of that name alone, and gets here by a proxy.
        authority.issue_cert("localhost", "127.0.0.1", "::1", "*.vault.azure.net").configure_cert(self._tls)
        with tempfile.NamedTemporaryFile("wb", prefix="turnout-emulator-", suffix=".pem", delete=False) as file:
            file.write(authority.cert_pem.bytes())
        self._ca_file = Path(file.name)
        self._started.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, name="turnout-emulator", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            self._failure = TimeoutError(f"no answer within {_START_SECONDS:g} s")
        if self._failure is not None:
            failure = self._failure
            self.stop()
            raise EmulatorError(f"The emulator could not start: {failure}") from failure
        return self

    def stop(self) -> None:
        """Close every connection and stop; harmless when it isn't running."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._hub.stopping.set)
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            self._thread = None
        if self._ca_file is not None:
            self._ca_file.unlink(missing_ok=True)
            self._ca_file = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that started this one
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hub.stopping = asyncio.Event()
        try:
            async with AsyncExitStack() as stack:
                for service in self._services:
                    await self._listen(service, stack)
                self._started.set()
                await self._hub.stopping.wait()
        finally:
            # A transport that was closed is released later: over TLS, when the peer had its time to say goodbye.
            await asyncio.sleep(2 * _TLS_GOODBYE)

    async def _listen(self, service: Service, stack: AsyncExitStack) -> None:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.add_routes(list(service.routes()))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        port = self._ports.get(service.name, 0)
        try:
            await web.TCPSite(runner, self._host, port, backlog=_BACKLOG).start()
            assert runner.server is not None
            secure = await asyncio.get_running_loop().create_server(
                runner.server, self._host, 0, ssl=self._tls, backlog=_BACKLOG, ssl_shutdown_timeout=_TLS_GOODBYE
            )
        except OSError as error:
            problem = f"can't listen on {self._host}:{port} for {service.name}: {error.strerror}; choose another port"
            raise EmulatorError(problem) from error
        stack.callback(secure.close)
        endpoint: Endpoint = getattr(self, service.name)
        endpoint.url = f"http://{self._host}:{runner.addresses[0][1]}"
        endpoint.https_url = f"https://localhost:{secure.sockets[0].getsockname()[1]}"
        self._hub.addresses[service.name] = endpoint.url
        self._hub.addresses[f"{service.name}+tls"] = endpoint.https_url


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _turns() -> None:
    """Let the loop read what has arrived."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
