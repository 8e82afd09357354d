"""A client of Bedrock Runtime in one region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout import __version__
from turnout.errors import SettingsError
from turnout.providers.credentials.aws import choose, current, found_by, needs_refresh, session
from turnout.providers.credentials.aws_session import variants
from turnout.providers.credentials.base import Chosen
from turnout.transport.answers import readable
from turnout.transport.asyncio_bedrock import AioTransport
from turnout.transport.blocking import off_loop
from turnout.transport.deadline import remaining
from turnout.transport.greenlets import on_bridge, wait
from turnout.transport.threads_bedrock import ThreadTransport, tls_context

if TYPE_CHECKING:
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
        msg = "a Bedrock bearer token needs an https endpoint (botocore refuses plain http)"
        raise SettingsError(msg)
    made = session(backend, chosen)
    config = Config(auth_scheme_preference="httpBearerAuth") if bearer else Config(signature_version="v4")

    try:
        client = made.create_client(
            "bedrock-runtime",
            endpoint_url=backend.endpoint,
            verify=backend.ca_bundle,
            config=config.merge(
                Config(
                    retries={"total_max_attempts": 1},
                    user_agent=_user_agent(made),
                    **variants(made, backend.endpoint),
                )
            ),
        )
    except NoRegionError:
        msg = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"
        raise SettingsError(msg) from None
    if chosen.method == "default-chain":
        chosen = Chosen(chosen.method, f"found by boto3's {found_by(made)!r}")
    return Runtime(client, None if bearer else made.get_credentials(), backend), chosen


def _user_agent(session: Any) -> str:
    """Made once: botocore's own form, of what may differ from call to call, is made twice for each (60 µs)."""
    app = session.get_config_variable("user_agent_appid")
    return " ".join([session.user_agent(), f"lib/turnout#{__version__}", *([f"app/{app}"] if app else [])])


class _Transport:
    """Sends botocore's requests: on the event loop where the code that asks runs on the bridge."""

    def __init__(self, backend: BedrockBackend) -> None:
        self._loop = AioTransport(backend)
        self._thread = ThreadTransport(backend)
        self.close = self._thread.close
        if not (backend.endpoint or "").startswith("http://"):
            tls_context(backend.ca_bundle)  # takes 45 ms, which the event loop is spared here

    def before_send(self, request: Any, **_: Any) -> Any:
        return (self._loop if on_bridge() else self._thread).before_send(request)


class Runtime:
    """Bedrock Runtime for threads and for coroutines.

    It is one botocore client; where the code that asks runs on the bridge, the event loop carries its requests.

    Args:
        client: botocore's client.
        credentials: What it signs with; None for a bearer token.
        backend: The timeouts, proxy and connection limits.
    """

    def __init__(self, client: Any, credentials: Any, backend: BedrockBackend) -> None:
        self._client = client
        self._credentials = credentials
        self._transport = _Transport(backend)
        client.meta.events.register("before-send.bedrock-runtime", self._transport.before_send)

    def __getattr__(self, name: str) -> Any:
        if on_bridge():
            if needs_refresh(self._credentials):
                wait(off_loop(self._credentials.get_frozen_credentials))
        elif remaining() is not None:
            current(self._credentials)
        return getattr(self._client, name)

    def converse(self, **request: Any) -> Any:
        """Converse.

        Raises:
            UnreadableAnswerError: The service's answer is none.
        """
        return readable.converse(self.__getattr__("converse")(**request))

    def converse_stream(self, **request: Any) -> Any:
        """ConverseStream; reading it raises likewise."""
        answer = self.__getattr__("converse_stream")(**request)
        return {**answer, "stream": readable.ConverseEvents(answer["stream"])}

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self._client.close()
        self._transport.close()
