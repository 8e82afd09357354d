"""Azure: an API key, a service principal, or azure-identity's default chain.

`auth = "auto"` takes a service principal if one is configured, then an API key, then `DefaultAzureCredential`
(workload identity, managed identity, `az login`, …).
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from turnout.errors import CredentialError, ServiceTimeoutError, SettingsError
from turnout.providers.credentials import Credential
from turnout.redaction import shown, without_secrets
from turnout.settings.secrets import plain
from turnout.settings.variables import certificates
from turnout.transport.blocking import begin, result_in_time

if TYPE_CHECKING:
    from concurrent.futures import Future

    from azure.core.credentials import AccessToken, TokenCredential
    from pydantic import SecretStr

    from turnout.settings import AzureBackend

_CLOUDS = {"us": "AZURE_GOVERNMENT", "cn": "AZURE_CHINA"}
"""The end of a resource's host → the authority of its cloud, if that isn't the public one."""

_PRINCIPAL = ("tenant_id", "client_id", "client_secret")
_REFRESH_BEFORE = 300.0  # azure-identity offers no new token earlier than this before expiry, in seconds
_RETRY_REFRESH = 30.0
_PATIENCE = 20.0  # seconds for Entra's next bytes; azure-identity's own is 300
_REPEATS = 2  # of a request to Entra that failed; azure-identity's own are 10, with growing waits


def choose(backend: AzureBackend) -> Credential:
    """The credential that a backend's settings amount to, or `CredentialError`. Nothing is fetched."""
    missing = [name for name in _PRINCIPAL if getattr(backend, name) is None]
    if backend.auth == "service-principal" and missing:
        msg = f"auth = 'service-principal' needs {_listed(missing)} too (or AZURE_{missing[0].upper()} and so on)"
        raise CredentialError(msg, tried=(f"service principal: lacks {_listed(missing)}",))
    if backend.auth == "api-key" and backend.api_key is None:
        msg = "auth = 'api-key' needs api_key (or AZURE_OPENAI_API_KEY)"
        raise CredentialError(msg, tried=("API key: lacks api_key",))
    if backend.auth == "service-principal" or (backend.auth == "auto" and not missing):
        why = f"client {_client(backend)}, secret from {backend.origin('client_secret')}"
        return Credential("service-principal", why)
    if backend.auth == "api-key" or (backend.auth == "auto" and backend.api_key is not None):
        return Credential("api-key", f"from {backend.origin('api_key')}")
    why = f"no API key, and no service principal ({_listed(missing)} not set)"
    why = "auth = 'default'" if backend.auth == "default" else why
    if backend.client_id is not None and backend.client_secret is None:
        why += f"; managed identity {_client(backend)}"
    return Credential("default-chain", f"DefaultAzureCredential: {why}")


def scope_of(backend: AzureBackend, *, dated: bool = False) -> str:
    """The scope of tokens for the v1 API, or a dated one, in the cloud of a backend's endpoint.

    Sources: learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle, openai/openai-go#534
    """
    service = "cognitiveservices" if dated else "ai"
    cloud = _cloud(backend)
    return f"https://{service}.azure.{cloud if cloud in _CLOUDS else 'com'}/.default"


def _cloud(backend: AzureBackend) -> str:
    """How the host of a resource ends: `com`, `us` or `cn`; empty for a gateway's."""
    azure, _, end = (urlsplit(backend.endpoint or "").hostname or "").rpartition(".")
    return end if azure.endswith(".azure") else ""


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _client(backend: AzureBackend) -> str:
    client = shown(backend.client_id)
    return str(backend.client_id) if client == repr(backend.client_id) else client


class TokenSource:
    """Entra tokens for one scope, fetched when needed and refreshed for as long as the process lives.

    Safe across threads and event loops: one fetch at a time; while a token that is about to expire is being
    refreshed, everyone else goes on with it. A coroutine never waits for the network on its loop.
    """

    def __init__(self, credential: TokenCredential, scope: str, tried: tuple[str, ...] = ()) -> None:
        self._credential = credential
        self._scope = scope
        self._tried = tried
        self._lock = threading.Lock()
        self._fetching: Future[AccessToken] | None = None
        self._token: AccessToken | None = None
        self._refresh_at = 0.0

    def __repr__(self) -> str:
        return f"TokenSource({type(self._credential).__name__}, {self._scope!r})"

    def __call__(self) -> str:
        """The token, fetching one if there is none that is fresh."""
        ready, fetch = self._ready()
        if fetch is None:
            return ready
        try:
            return result_in_time(fetch, f"a token for {self._scope} from Entra").token
        except ServiceTimeoutError:
            if ready:
                return ready
            raise

    async def aget(self) -> str:
        """The token, without blocking the event loop."""
        ready, fetch = self._ready()
        return ready if fetch is None else (await asyncio.wrap_future(fetch)).token

    def _ready(self) -> tuple[str, Future[AccessToken] | None]:
        """A token that can be used ("" if there is none), and what is to be waited for, if anything."""
        now, token = time.time(), self._token
        if token is not None and now < self._refresh_at:
            return token.token, None
        usable = token.token if token is not None and now < token.expires_on - 1 else ""
        with self._lock:
            if self._fetching is not None and not self._fetching.done():
                return usable, None if usable else self._fetching
            self._fetching = begin(self._fetch)
            return usable, self._fetching

    def _fetch(self) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError

        earlier = self._token
        if earlier is not None and time.time() < self._refresh_at:  # another caller's fetch brought it
            return earlier
        try:
            token = self._credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            if earlier is not None and time.time() < earlier.expires_on - 1:
                self._refresh_at = min(time.time() + _RETRY_REFRESH, float(earlier.expires_on))
                return earlier
            without_secrets(error)
            tried = (*self._tried, *_attempts(str(error.message)))
            msg = f"No Azure credential for {self._scope}. Tried:\n" + "\n".join(f"  - {line}" for line in tried)
            raise CredentialError(msg, tried=tried) from error
        self._token = token
        # Half of a short-lived token's life is left to use it, so that it isn't fetched anew for each call.
        margin = min(_REFRESH_BEFORE, max((token.expires_on - time.time()) / 2, 0.0))
        self._refresh_at = token.expires_on - margin
        return token


def _attempts(message: str) -> list[str]:
    """The lines of an azure-identity error that say what each method lacked."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    found = [line for line in lines if not line.startswith(("To mitigate", "Visit http", "Attempted credentials"))]
    return found or [message]


def token_or_key(
    backend: AzureBackend, *, dated: bool = False
) -> tuple[SecretStr | None, TokenSource | None, Credential]:
    """The API key or the source of tokens that a backend authenticates with, and which it is."""
    if backend.endpoint is None:
        example = "endpoint = 'https://contoso.openai.azure.com' (or AZURE_OPENAI_ENDPOINT)"
        raise SettingsError(f"an azure backend needs its endpoint, like {example}")
    credential = choose(backend)
    key = backend.api_key if credential.method == "api-key" else None
    return key, None if key is not None else token_source(backend, credential, dated=dated), credential


def http_auth(key: SecretStr | None, tokens: TokenSource | None) -> Any:
    """An `httpx.Auth` that puts the key or a fresh token on each request."""
    from turnout.transport.http_clients import sdk_httpx

    def authorised(request: Any, token: str | None) -> Any:
        if token is None:
            request.headers.pop("Authorization", None)
            request.headers["api-key"] = plain(key)
        else:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    class Auth(sdk_httpx().Auth):  # type: ignore[misc] # the library comes when an SDK is first needed
        def sync_auth_flow(self, request: Any) -> Any:
            yield authorised(request, None if tokens is None else tokens())

        async def async_auth_flow(self, request: Any) -> Any:
            yield authorised(request, None if tokens is None else await tokens.aget())

    return Auth()


def resource(backend: AzureBackend) -> str:
    """The resource's address, without the API's own path if the user copied that too."""
    endpoint = backend.endpoint or ""
    return endpoint.removesuffix("/v1").removesuffix("/openai").removesuffix("/anthropic").rstrip("/")


def token_source(backend: AzureBackend, credential: Credential, *, dated: bool = False) -> TokenSource:
    """The source of Entra tokens for a credential that isn't a key."""
    import azure.identity

    scope = scope_of(backend, dated=dated)
    limits = {"connection_timeout": backend.connect_timeout, "read_timeout": min(backend.timeout, _PATIENCE)}
    options: dict[str, Any] = {"retry_total": _REPEATS}
    if backend.authority_host:
        options["authority"] = backend.authority_host
        # The instances of Microsoft's own clouds are known. Of any other, the public cloud would be asked, which a
        # private one can't reach.
        known = {value for name, value in vars(azure.identity.AzureAuthorityHosts).items() if name.startswith("AZURE_")}
        options["disable_instance_discovery"] = backend.authority_host.removeprefix("https://") not in known
    elif (cloud := _CLOUDS.get(_cloud(backend))) is not None:
        options["authority"] = getattr(azure.identity.AzureAuthorityHosts, cloud)
    if credential.method == "service-principal":
        return TokenSource(_service_principal(backend, limits, options), scope)
    if backend.ca_bundle:
        options["connection_verify"] = backend.ca_bundle
    missing = [name for name in _PRINCIPAL if getattr(backend, name) is None]
    tried = (
        f"service principal: lacks {_listed(missing)} (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)",
        "API key: lacks api_key (AZURE_OPENAI_API_KEY)",
    )
    if backend.client_id is not None and backend.client_secret is None:
        options["managed_identity_client_id"] = backend.client_id
    default = azure.identity.DefaultAzureCredential(**options, **limits)
    return TokenSource(default, scope, tried if backend.auth == "auto" else ())


def _service_principal(backend: AzureBackend, limits: dict[str, float], options: dict[str, Any]) -> TokenCredential:
    """The settings' service principal, for which nothing but the settings decides where its secret goes."""
    import azure.identity
    import certifi
    from azure.core.pipeline.transport import RequestsTransport

    trusted = backend.ca_bundle or certificates("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") or certifi.where()
    transport = RequestsTransport(connection_verify=trusted, **limits)
    transport.open()
    transport.session.auth = lambda request: request  # so that requests doesn't look for a login in `.netrc`
    credential_class: Any = azure.identity.ClientSecretCredential
    options = {"authority": azure.identity.AzureAuthorityHosts.AZURE_PUBLIC_CLOUD, **options}
    made = credential_class(
        backend.tenant_id, backend.client_id, plain(backend.client_secret), transport=transport, **options
    )
    # There is no argument against AZURE_REGIONAL_AUTHORITY_NAME and MSAL_FORCE_REGION, which put a name before the
    # authority's.
    made._regional_authority = False  # noqa: SLF001
    return cast("TokenCredential", made)
