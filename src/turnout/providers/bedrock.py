"""Amazon Bedrock in one region: Bedrock Runtime's own API, and the APIs that `homes` has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.providers.base import Client, Provider
from turnout.providers.credentials.aws import as_found, choose, session
from turnout.providers.credentials.aws_refresh import needs_refresh, note_refusal, refresh, refreshed
from turnout.providers.credentials.aws_sessions import endpoint_variants
from turnout.providers.homes import NO_REGION, Home
from turnout.settings.secrets import plain
from turnout.transport.answers import validation
from turnout.transport.blocking import off_loop

if TYPE_CHECKING:
    from turnout.providers.base import Connect
    from turnout.routing import Route
    from turnout.settings import BedrockBackend


def connect(backend: BedrockBackend) -> Client:
    """Make the client of Bedrock Runtime.

    The way of signing is fixed here, so that a stray `AWS_BEARER_TOKEN_BEDROCK` doesn't override keys in the settings.
    """
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    from turnout.version import __version__

    credential = choose(backend)
    bearer = credential.method == "bearer-token"
    if bearer and backend.endpoint and backend.endpoint.startswith("http://"):
        raise SettingsError("a Bedrock bearer token needs an https endpoint (botocore refuses plain http)")
    made = session(backend, credential)
    # Made once: botocore makes its own form, of what may differ from call to call, twice for each (60 µs).
    app = made.get_config_variable("user_agent_appid")
    user_agent = " ".join([made.user_agent(), f"lib/turnout#{__version__}", *([f"app/{app}"] if app else [])])
    signing = Config(auth_scheme_preference="httpBearerAuth") if bearer else Config(signature_version="v4")
    variants = endpoint_variants(made, backend.endpoint)
    try:
        client = made.create_client(
            "bedrock-runtime",
            endpoint_url=backend.endpoint,
            verify=backend.ca_bundle,
            config=signing.merge(Config(retries={"total_max_attempts": 1}, user_agent=user_agent, **variants)),
        )
    except NoRegionError:
        raise SettingsError(NO_REGION) from None
    credential = as_found(credential, made)
    runtime = _BedrockRuntime(client, None if bearer else made.get_credentials(), backend)
    return Client(runtime, runtime, credential)


class _BedrockRuntime:
    """botocore's client, whose requests the event loop carries where the calling code runs in a greenlet of it.

    It signs with `credentials`; a bearer token needs none.
    """

    def __init__(self, client: Any, credentials: Any, backend: BedrockBackend) -> None:
        from turnout.transport import greenlets
        from turnout.transport.bedrock import BedrockTransport

        self._greenlets = greenlets
        self._client = client
        self._credentials = credentials
        self._transport = BedrockTransport(backend)
        client.meta.events.register("before-send.bedrock-runtime", self._transport.before_send)
        if credentials is not None:
            client.meta.events.register("after-call.bedrock-runtime", partial(_note_refusal, credentials))
        if backend.headers:
            client.meta.events.register("before-sign.bedrock-runtime", partial(_add_headers, backend))

    def __getattr__(self, name: str) -> Any:
        if self._greenlets.in_greenlet():
            if needs_refresh(self._credentials):
                self._greenlets.wait(off_loop(refresh, self._credentials))
        else:
            refreshed(self._credentials)
        return getattr(self._client, name)

    def converse(self, **request: Any) -> Any:
        """Converse."""
        return validation.converse(self.__getattr__("converse")(**request))

    def converse_stream(self, **request: Any) -> Any:
        """ConverseStream; reading it raises likewise."""
        answer = self.__getattr__("converse_stream")(**request)
        return {**answer, "stream": validation.ConverseEvents(answer["stream"])}

    def close(self) -> None:
        """Close the connections that aren't an event loop's."""
        self._client.close()
        self._transport.close()


def _note_refusal(credentials: Any, http_response: Any, parsed: Any, **_: Any) -> None:
    note_refusal(credentials, http_response.status_code, str(parsed.get("Error", {}).get("Code")))


def _add_headers(backend: BedrockBackend, request: Any, **_: Any) -> None:
    for name, value in backend.headers.items():
        request.headers[name] = plain(value)


def _endpoint(backend: BedrockBackend, route: Route | None) -> str:
    region = backend.region or "the default region"
    if route is not None and route.home == "mantle":
        return backend.mantle_endpoint or f"Mantle in {region}"
    return backend.endpoint or f"Bedrock in {region}"


def _connector(_backend: BedrockBackend, route: Route) -> Connect:
    return Home.of(route) if route.home else connect


PROVIDER = Provider(choose, _endpoint, _connector)
