"""A client of Bedrock Runtime in one region."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from turnout.clients.aio_bedrock import AioTransport
from turnout.clients.bridge import on_bridge, wait
from turnout.credentials.aws import choose, found_by, session
from turnout.credentials.base import Chosen
from turnout.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.settings import BedrockBackend


def connect(backend: BedrockBackend) -> tuple[Any, Chosen]:
    """Make the client and say which credential it uses.

    The way of signing is fixed here, so that a stray `AWS_BEARER_TOKEN_BEDROCK` doesn't override keys in the settings.

    Raises:
        SettingsError: No region, no such profile, or a bearer token over plain http.
        CredentialError: No credential was found.
    """
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    chosen = choose(backend)
    bearer = chosen.method == "bearer-token"
    if bearer and backend.endpoint and backend.endpoint.startswith("http://"):
        msg = f"a Bedrock bearer token needs an https endpoint (botocore refuses plain http), not {backend.endpoint}"
        raise SettingsError(msg)
    made = session(backend, chosen)
    options: dict[str, Any] = {
        "connect_timeout": backend.connect_timeout,
        "read_timeout": backend.timeout,
        "max_pool_connections": backend.max_connections,
        "tcp_keepalive": True,
    }
    if backend.proxy:
        proxy = backend.proxy.get_secret_value()
        options["proxies"] = {"http": proxy, "https": proxy}
    config = Config(auth_scheme_preference="httpBearerAuth") if bearer else Config(signature_version="v4")

    def create(**other: Any) -> Any:
        return made.create_client(
            "bedrock-runtime",
            endpoint_url=backend.endpoint,
            verify=backend.ca_bundle,
            config=config.merge(Config(**options, **other)),
        )

    try:
        client = create(retries={"total_max_attempts": backend.max_retries + 1, "mode": "standard"})
    except NoRegionError:
        msg = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"
        raise SettingsError(msg) from None
    if chosen.method == "default-chain":
        chosen = Chosen(chosen.method, f"found by boto3's {found_by(made)!r}")
    return Runtime(client, create, backend, None if bearer else made.get_credentials()), chosen


class Runtime:
    """Bedrock Runtime for threads and for coroutines, one object for both.

    Off the bridge it is botocore's client. On the bridge it is a second one from the same session, whose requests are
    carried by the event loop and whose own retries, which would sleep on the loop's thread, are off: the transport
    repeats instead.
    """

    def __init__(self, client: Any, create: Callable[..., Any], backend: BedrockBackend, credentials: Any) -> None:
        self._client = client
        self._create = create
        self._backend = backend
        self._credentials = credentials
        self._lock = threading.Lock()
        self._on_loop: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aio() if on_bridge() else self._client, name)

    def _aio(self) -> Any:
        if self._credentials is not None and getattr(self._credentials, "refresh_needed", lambda: False)():
            wait(asyncio.to_thread(self._credentials.get_frozen_credentials))
        if self._on_loop is None:
            with self._lock:
                if self._on_loop is None:
                    made = self._create(retries={"total_max_attempts": 1})
                    made.meta.events.register("before-send.bedrock-runtime", AioTransport(self._backend).before_send)
                    self._on_loop = made
        return self._on_loop

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self._client.close()
        if self._on_loop is not None:
            self._on_loop.close()
