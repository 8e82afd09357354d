"""Azure: an API key, a service principal, a managed identity, the Azure CLI's login, or azure-identity's default chain.

`auth = "auto"` takes a service principal if one is configured (by secret, certificate or federated token), then an API
key, then `DefaultAzureCredential` (workload identity, managed identity, `az login`, …).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnout.errors import CredentialError, SettingsError
from turnout.providers.credentials import Credential
from turnout.providers.credentials.azure_methods import PRINCIPALS, credential_of
from turnout.providers.credentials.entra_tokens import TokenSource
from turnout.redaction import shown
from turnout.settings.secrets import plain

if TYPE_CHECKING:
    from pydantic import SecretStr

    from turnout.settings import AzureBackend
    from turnout.transport.http_clients import Sdk

_CLOUDS = {"us": "AZURE_GOVERNMENT", "cn": "AZURE_CHINA"}
"""The end of a resource's host → the authority of its cloud, if that isn't the public one."""

_NAMED_CLOUDS = {"public": "com", "usgov": "us", "china": "cn"}

_REFUSED = 401

_PRINCIPAL = ("tenant_id", "client_id", "client_secret")
_NEEDS = {
    "service-principal": _PRINCIPAL,
    "certificate": ("tenant_id", "client_id", "client_certificate"),
    "workload-identity": ("tenant_id", "client_id", "federated_token_file"),
    "api-key": ("api_key",),
}
"""Methods → the settings that each needs, in the order in which `auto` takes them."""

_WORDS = {"api-key": "API key", **{name: name.replace("-", " ") for name in _NEEDS if name != "api-key"}}


def choose(backend: AzureBackend) -> Credential:
    """The credential that a backend's settings amount to, or `CredentialError`. Nothing is fetched."""
    if backend.credential is not None:
        return Credential("own", "given in code")
    lacking = {method: [name for name in needs if getattr(backend, name) is None] for method, needs in _NEEDS.items()}
    if missing := lacking.get(backend.auth):
        variable = _VARIABLES.get(missing[0], f"AZURE_{missing[0].upper()}")
        too = " too" if len(missing) < len(_NEEDS[backend.auth]) else ""
        more = " and so on" if len(missing) > 1 else ""
        raise CredentialError(
            f"auth = {backend.auth!r} needs {_listed(missing)}{too} (or {variable}{more})",
            tried=(f"{_WORDS[backend.auth]}: lacks {_listed(missing)}",),
        )
    methods = [backend.auth] if backend.auth != "auto" else [name for name, missing in lacking.items() if not missing]
    method = methods[0] if methods else "default"
    if method in _NEEDS:
        last = _NEEDS[method][-1]
        whose = "" if method == "api-key" else f"client {_client(backend)}, {PRINCIPALS[method]} "
        return Credential(method, f"{whose}from {backend.origin(last)}")
    is_managed = backend.client_id is not None and (method == "managed-identity" or backend.client_secret is None)
    identity = f"managed identity {_client(backend)}" if is_managed else ""
    if identity and (origin := backend.origin("client_id")) != "the settings":
        identity += f" from {origin}"
    if method == "managed-identity":
        return Credential(method, identity or "the system's own")
    if method == "azure-cli":
        return Credential(method, "the login of the Azure CLI")
    why = f"no API key, and no service principal ({_listed(lacking['service-principal'])} not set)"
    why = "auth = 'default'" if backend.auth == "default" else why
    return Credential("default-chain", f"DefaultAzureCredential: {why}" + (f"; {identity}" if identity else ""))


_VARIABLES = {
    "api_key": "AZURE_OPENAI_API_KEY",
    "client_certificate": "AZURE_CLIENT_CERTIFICATE_PATH",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
}


def scope_of(backend: AzureBackend, *, dated: bool = False) -> str:
    """The scope of tokens for the v1 API, or a dated one, in the cloud of a backend's endpoint.

    Sources: learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle, openai/openai-go#534
    """
    service = "cognitiveservices" if dated else "ai"
    cloud = _cloud(backend)
    return f"https://{service}.azure.{cloud if cloud in _CLOUDS else 'com'}/.default"


def _cloud(backend: AzureBackend) -> str:
    """How the hosts of the cloud end: `com`, `us` or `cn`; empty for a gateway's where the settings don't name it."""
    if backend.cloud is not None:
        return _NAMED_CLOUDS[backend.cloud]
    azure, _, end = (urlsplit(backend.endpoint or "").hostname or "").rpartition(".")
    return end if azure.endswith(".azure") else ""


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _client(backend: AzureBackend) -> str:
    client = shown(backend.client_id)
    return str(backend.client_id) if client == repr(backend.client_id) else client


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
            _note(tokens, request, (yield authorised(request, None if tokens is None else tokens())))

        async def async_auth_flow(self, request: Any) -> Any:
            token = None if tokens is None else await tokens.aget()
            _note(tokens, request, (yield authorised(request, token)))

    return Auth()


def noting_refusals(tokens: TokenSource | None, sdk: Sdk = "openai") -> Any:
    """An `httpx.Auth` that leaves the token to the SDK, and notes where it is refused; None for a key."""
    from turnout.transport.http_clients import sdk_httpx

    if tokens is None:
        return None

    class Auth(sdk_httpx(sdk).Auth):  # type: ignore[misc] # the library comes when an SDK is first needed
        def auth_flow(self, request: Any) -> Any:
            _note(tokens, request, (yield request))

    return Auth()


def _note(tokens: TokenSource | None, request: Any, response: Any) -> None:
    if tokens is not None and response.status_code == _REFUSED:
        tokens.refused(request.headers.get("Authorization", "").removeprefix("Bearer "))


def resource(backend: AzureBackend) -> str:
    """The resource's address, without the API's own path if the user copied that too."""
    endpoint = backend.endpoint or ""
    return endpoint.removesuffix("/v1").removesuffix("/openai").removesuffix("/anthropic").rstrip("/")


def token_source(backend: AzureBackend, credential: Credential, *, dated: bool = False) -> TokenSource:
    """The source of Entra tokens for a credential that isn't a key."""

    def make() -> Any:
        return credential_of(credential.method, backend, _CLOUDS.get(_cloud(backend)))

    missing = [name for name in _PRINCIPAL if getattr(backend, name) is None]
    tried = (
        f"service principal: lacks {_listed(missing)} (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)",
        "API key: lacks api_key (AZURE_OPENAI_API_KEY)",
    )
    is_chain = credential.method == "default-chain" and backend.auth == "auto"
    return TokenSource(make(), scope_of(backend, dated=dated), tried if is_chain else (), renew=make)
