"""A client of Bedrock Runtime in one region."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from turnout.clients import portal
from turnout.clients.aio_bedrock import AioTransport
from turnout.clients.bridge import on_bridge, run, wait
from turnout.credentials.aws import choose, found_by, session
from turnout.credentials.base import Chosen
from turnout.errors import SettingsError
from turnout.resilience.policy import remaining

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
        "retries": {"total_max_attempts": 1},
    }
    if backend.proxy:
        proxy = backend.proxy.get_secret_value()
        options["proxies"] = {"http": proxy, "https": proxy}
    config = Config(auth_scheme_preference="httpBearerAuth") if bearer else Config(signature_version="v4")

    try:
        client = made.create_client(
            "bedrock-runtime",
            endpoint_url=backend.endpoint,
            verify=backend.ca_bundle,
            config=config.merge(Config(**options)),
        )
    except NoRegionError:
        msg = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"
        raise SettingsError(msg) from None
    if chosen.method == "default-chain":
        chosen = Chosen(chosen.method, f"found by boto3's {found_by(made)!r}")
    client.meta.events.register("before-send.bedrock-runtime", AioTransport(backend).before_send)
    return Runtime(client, None if bearer else made.get_credentials()), chosen


def _in_time(left: float, method: Callable[..., Any], **request: Any) -> Any:
    future = portal.submit(run(method, **request))
    try:
        return future.result(left)
    finally:
        future.cancel()


class Runtime:
    """Bedrock Runtime for threads and for coroutines.

    It is one botocore client; where the code that asks runs on the bridge, the event loop carries its requests. So it
    does for a thread's call that has a deadline: botocore's own requests can't be ended before their timeout.
    """

    def __init__(self, client: Any, credentials: Any) -> None:
        self._client = client
        self._credentials = credentials

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if on_bridge():
            if getattr(self._credentials, "refresh_needed", lambda: False)():
                wait(asyncio.to_thread(self._credentials.get_frozen_credentials))
        elif name == "converse" and (left := remaining()) is not None:
            return partial(_in_time, left, method)
        return method

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self._client.close()
