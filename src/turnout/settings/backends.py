"""What a user may write of a backend, validated."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from turnout.redaction import shown
from turnout.settings.addresses import is_loopback
from turnout.settings.options import HeadersTable, Options, OptionsTable
from turnout.settings.secrets import SECRET_FIELDS, OwnCredential, SecretText, plain

_REQUEST = re.compile(
    r"/openai/deployments/|/model/(?=[^/]+/(?:converse|invoke))|(?:/anthropic)?/v1/messages$"
    r"|(?:/models)?/chat/completions$|/(?:completions|responses|embeddings|models)$"
)
"""Where the path of a request begins that the services document, in a URL that was copied with it."""


def _check_endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("this is not a URL; write it with its scheme, like 'https://contoso.openai.azure.com'")
    if parts.username or parts.password:
        raise ValueError("an endpoint must not carry a user name or password; use the credential settings")
    if (request := _REQUEST.search(parts.path.rstrip("/"))) is not None:
        raise ValueError(f"this is the URL of a request; the endpoint is the part before {request[0]!r}")
    if parts.query or parts.fragment:
        raise ValueError("an endpoint has no query or fragment; a key belongs into the credential settings")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError(
            f"plain http to {shown(parts.hostname)} would send credentials and documents unencrypted; "
            "use https (plain http is for loopback only)"
        )
    return value.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
Authority = Annotated[
    str, AfterValidator(lambda value: _check_endpoint(value if "://" in value else f"https://{value}"))
]


class Node(BaseModel):
    """A part of the settings: frozen, without unknown keys, and never shown in a validation error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        defer_build=True,  # an application without the class that it validates needs no schema: 5 ms of an import
    )


class BackendSettings(Node):
    """What every backend has.

    Attributes:
        timeout: Seconds that one call may wait for the service's next bytes.
        connect_timeout: Seconds to make a connection.
        max_retries: How often a failed call is repeated; 0 for never.
        max_retry_wait: Seconds that a wait before a repetition may take; a service that asks for a longer one is not
            waited for.
        deadline: Seconds that one call may take in all, with its repetitions and the waits between them.
        max_connections: Connections kept to the service at most.
        ca_bundle: PEM file of the certificate authorities to trust, for private gateways.
        tls_certificate: PEM file with a certificate and its key, by which a gateway knows this client (mutual TLS).
            This and `ca_bundle` hold for the service and for what its credentials come from.
        proxy: An HTTP proxy on the way; left out, HTTPS_PROXY and NO_PROXY decide.
        options: What each chat request is sent besides, like `{ service_tier = "flex" }`; what the wire doesn't know
            goes as `unsupported` says.
        headers: HTTP headers of each request, like a gateway's key.
        origins: Where a value came from, if not from the settings: field → variable.
    """

    timeout: PositiveFloat = 120.0
    connect_timeout: PositiveFloat = 10.0
    max_retries: int = Field(default=2, ge=0, le=20)
    max_retry_wait: PositiveFloat = 60.0
    deadline: PositiveFloat | None = None
    max_connections: PositiveInt = 1000
    ca_bundle: str | None = None
    tls_certificate: str | None = Field(default=None, min_length=1)
    proxy: SecretText | None = None
    options: OptionsTable = Field(default_factory=Options)
    headers: HeadersTable = Field(default_factory=Options, repr=False)
    origins: tuple[tuple[str, str], ...] = Field(default=(), repr=False, exclude=True)

    def origin(self, field: str) -> str:
        """Where a field's value came from, in words."""
        return dict(self.origins).get(field, "the settings")

    def secrets(self) -> set[str]:
        """Its secrets, as what a service says of them is searched for; they aren't to be kept."""
        values = [value for name, value in self if name in SECRET_FIELDS and name != "proxy"]
        return {plain(value) for value in (*values, *self.headers.values()) if value is not None}


class AzureBackend(BackendSettings):
    """An Azure OpenAI or Foundry resource.

    Attributes:
        endpoint: The resource, like `https://contoso.openai.azure.com`.
        auth: Which credential; `auto` takes a service principal (by secret, certificate or federated token), then an
            API key, then azure-identity's `DefaultAzureCredential` (managed identity, `az login`, …).
        credential: In code, an own credential: azure-core's `TokenCredential`, `AsyncTokenCredential`, or a function
            that returns a token. It goes before all others.
        client_id: A service principal's; without a secret or certificate that of a user-assigned managed identity.
        client_certificate: The service principal's certificate with its key, a PEM or PKCS12 file.
        client_certificate_password: That file's, if it has one.
        federated_token_file: A file with a token of another issuer, such as Kubernetes, that Entra trusts instead.
        cloud: The cloud that Entra is asked in: `public`, `usgov` or `china`; left out, that of the endpoint.
        api_version: A dated API version; left out, the v1 API is used.
        authority_host: Entra's address, for private clouds; left out, that of the endpoint's cloud.
        region: Where the resource is, like `swedencentral`; for `[policy]` alone.
    """

    provider: Literal["azure"] = "azure"
    endpoint: Endpoint | None = None
    auth: Literal[
        "auto",
        "api-key",
        "service-principal",
        "certificate",
        "workload-identity",
        "managed-identity",
        "azure-cli",
        "default",
    ] = "auto"
    credential: OwnCredential = Field(default=None, exclude=True, repr=False)
    api_key: SecretText | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretText | None = None
    client_certificate: str | None = Field(default=None, min_length=1)
    client_certificate_password: SecretText | None = None
    federated_token_file: str | None = Field(default=None, min_length=1)
    cloud: Literal["public", "usgov", "china"] | None = None
    api_version: str | None = None
    authority_host: Authority | None = None
    region: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.api_version is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", self.api_version):
            raise ValueError("api_version is not a dated version like '2024-10-21'; leave it out to use the v1 API")
        return self


class BedrockBackend(BackendSettings):
    """Amazon Bedrock in one region.

    Attributes:
        region: Like `us-east-1`; left out, AWS_REGION or the profile's.
        auth: Which credential; `auto` takes a bearer token, then static keys, a role to assume, a profile, and
            then the AWS default chain. A profile's may be named more closely, as its `sso`, `login` or `process`.
        role_arn: A role to assume, with the other credentials as its source.
        endpoint: Another address for Bedrock Runtime (VPC endpoint, gateway).
        sts_endpoint: Another address for STS.
        mantle_endpoint: Another address for Mantle, which serves OpenAI's models and Claude by their own APIs.
        mantle_auth: How Mantle is asked when there is no bearer token: signed, or with short-term tokens made from
            the same credential (for gateways that take no signatures).
    """

    provider: Literal["bedrock"] = "bedrock"
    region: str | None = None
    auth: Literal[
        "auto",
        "bearer-token",
        "static-keys",
        "assumed-role",
        "profile",
        "sso",
        "login",
        "process",
        "web-identity",
        "container",
        "instance-metadata",
        "default-chain",
    ] = "auto"
    bearer_token: SecretText | None = None
    access_key_id: str | None = Field(default=None, repr=False)
    secret_access_key: SecretText | None = None
    session_token: SecretText | None = None
    profile: str | None = None
    role_arn: str | None = None
    role_session_name: str = "turnout"
    external_id: str | None = Field(default=None, repr=False)
    endpoint: Endpoint | None = None
    sts_endpoint: Endpoint | None = None
    mantle_endpoint: Endpoint | None = None
    mantle_auth: Literal["sigv4", "short-term-token"] = "sigv4"

    @field_validator("region")
    @classmethod
    def _plain_region(cls, region: str | None) -> str | None:
        if region is not None and (not re.fullmatch(r"[a-z0-9-]{1,32}", region) or repr(region) != shown(region)):
            raise ValueError("this is not a region, like 'us-east-1'")
        return region

    @model_validator(mode="after")
    def _whole_keys(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            has, lacks = ("access_key_id", "secret_access_key")
            if self.access_key_id is None:
                has, lacks = lacks, has
            raise ValueError(f"{has} is set but {lacks} is not; AWS keys come in pairs")
        return self


class OpenAIBackend(BackendSettings):
    """OpenAI, or any server that speaks its API.

    Attributes:
        base_url: Like `http://localhost:11434/v1`; left out, api.openai.com. Also read as `endpoint`.
        api_key: Left out for servers that ask for none.
        region: Where the server is; for `[policy]` alone.
    """

    model_config = ConfigDict(populate_by_name=True)

    provider: Literal["openai"] = "openai"
    base_url: Endpoint | None = Field(default=None, validation_alias=AliasChoices("base_url", "endpoint"))
    api_key: SecretText | None = None
    region: str | None = Field(default=None, min_length=1)
    organization: str | None = None
    project: str | None = None


Backend = Annotated[AzureBackend | BedrockBackend | OpenAIBackend, Field(discriminator="provider")]

PROVIDERS: dict[str, type[BackendSettings]] = {
    "azure": AzureBackend,
    "bedrock": BedrockBackend,
    "openai": OpenAIBackend,
}
