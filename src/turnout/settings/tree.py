"""The settings tree: what a user may write, validated.

Secrets are `SecretStr`: their repr is masked wherever the tree is printed.
"""

from __future__ import annotations

import ipaddress
import json
import re
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from turnout.errors import SettingsError
from turnout.spaces import EmbeddingSpace

Kind = Literal["chat", "embedding"]
PROVIDERS = ("azure", "bedrock", "openai")

Wire = Literal[
    "openai-chat",
    "openai-responses",
    "openai-embeddings",
    "anthropic-messages",
    "bedrock-converse",
    "bedrock-invoke",
]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"{value!r} is not a URL; write it with its scheme, like 'https://contoso.openai.azure.com'"
        raise ValueError(msg)
    if parts.username or parts.password:
        msg = "an endpoint must not carry a user name or password; use the credential settings"
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        msg = (
            f"plain http to {parts.hostname!r} would send credentials and documents unencrypted; "
            "use https (plain http is for loopback only)"
        )
        raise ValueError(msg)
    return value.rstrip("/")


def _check_space(text: str) -> str:
    try:
        return str(EmbeddingSpace.parse(text))
    except SettingsError as error:  # one problem among those that validation lists
        raise ValueError(str(error)) from None


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
Authority = Annotated[
    str,
    AfterValidator(lambda value: _check_endpoint(value if "://" in value else f"https://{value}")),
]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), hide_input_in_errors=True)


class BackendSettings(_Node):
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
        proxy: An HTTP proxy on the way; left out, HTTPS_PROXY and NO_PROXY decide.
        origins: Where a value came from, if not from the settings: field → variable.
    """

    timeout: PositiveFloat = 120.0
    connect_timeout: PositiveFloat = 10.0
    max_retries: int = Field(default=2, ge=0, le=20)
    max_retry_wait: PositiveFloat = 60.0
    deadline: PositiveFloat | None = None
    max_connections: PositiveInt = 1000
    ca_bundle: str | None = None
    proxy: SecretStr | None = None
    origins: tuple[tuple[str, str], ...] = Field(default=(), repr=False, exclude=True)

    def origin(self, field: str) -> str:
        """Where a field's value came from, in words."""
        return dict(self.origins).get(field, "the settings")


class AzureBackend(BackendSettings):
    """An Azure OpenAI or Foundry resource.

    Attributes:
        endpoint: The resource, like `https://contoso.openai.azure.com`.
        auth: Which credential; `auto` takes a service principal, then an API key, then azure-identity's
            `DefaultAzureCredential` (managed identity, `az login`, …).
        api_version: A dated API version; left out, the v1 API is used.
        authority_host: Entra's address, for sovereign clouds.
    """

    provider: Literal["azure"] = "azure"
    endpoint: Endpoint | None = None
    auth: Literal["auto", "api-key", "service-principal", "default"] = "auto"
    api_key: SecretStr | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    api_version: str | None = None
    authority_host: Authority | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.api_version is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", self.api_version):
            msg = (
                f"api_version {self.api_version!r} is not a dated version like '2024-10-21'; "
                "leave it out to use the v1 API"
            )
            raise ValueError(msg)
        return self


class BedrockBackend(BackendSettings):
    """Amazon Bedrock in one region.

    Attributes:
        region: Like `us-east-1`; left out, AWS_REGION or the profile's.
        auth: Which credential; `auto` takes a bearer token, then static keys, a role to assume, a profile, and
            then the AWS default chain.
        role_arn: A role to assume, with the other credentials as its source.
        endpoint: Another address for Bedrock Runtime (VPC endpoint, gateway).
        sts_endpoint: Another address for STS.
        mantle_endpoint: Another address for Mantle, which serves OpenAI's models.
        mantle_auth: How Mantle is asked when there is no bearer token: signed, or with short-term tokens made from
            the same credential (for gateways that take no signatures).
    """

    provider: Literal["bedrock"] = "bedrock"
    region: str | None = None
    auth: Literal["auto", "bearer-token", "static-keys", "assumed-role", "profile", "default-chain"] = "auto"
    bearer_token: SecretStr | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    profile: str | None = None
    role_arn: str | None = None
    role_session_name: str = "turnout"
    external_id: str | None = None
    endpoint: Endpoint | None = None
    sts_endpoint: Endpoint | None = None
    mantle_endpoint: Endpoint | None = None
    mantle_auth: Literal["sigv4", "short-term-token"] = "sigv4"

    @model_validator(mode="after")
    def _whole_keys(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            has, lacks = ("access_key_id", "secret_access_key")
            if self.access_key_id is None:
                has, lacks = lacks, has
            msg = f"{has} is set but {lacks} is not; AWS keys come in pairs"
            raise ValueError(msg)
        return self


class OpenAIBackend(BackendSettings):
    """OpenAI, or any server that speaks its API.

    Attributes:
        base_url: Like `http://localhost:11434/v1`; left out, api.openai.com. Also read as `endpoint`.
        api_key: Left out for servers that ask for none.
    """

    model_config = ConfigDict(populate_by_name=True)

    provider: Literal["openai"] = "openai"
    base_url: Endpoint | None = Field(default=None, validation_alias=AliasChoices("base_url", "endpoint"))
    api_key: SecretStr | None = None
    organization: str | None = None
    project: str | None = None


Backend = Annotated[AzureBackend | BedrockBackend | OpenAIBackend, Field(discriminator="provider")]


class Target(_Node):
    """What a route is on one backend.

    Attributes:
        model: The model behind it, as `models.toml` knows it; decides the facts that turnout goes by.
        deployment: What the service is asked for, where that is another name: an Azure deployment, an inference
            profile or an ARN.
        wire: The protocol; left out, it follows from the provider.
        dimensions: Length of the vectors, where the model lets one choose.
        space: The embedding space, of a custom or fine-tuned model: its name and dimensions, like `acme-embed-v3/768`.
        rpm: Requests a minute that this process makes at most.
        tpm: Tokens a minute that this process asks for at most, answers included.
    """

    model: str | None = Field(default=None, min_length=1)
    deployment: str | None = Field(default=None, min_length=1)
    wire: Wire | None = None
    dimensions: PositiveInt | None = None
    rpm: PositiveFloat | None = None
    tpm: PositiveFloat | None = None
    space: Annotated[str, AfterValidator(_check_space)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("{"):  # a table in an environment variable, as JSON
            return json.loads(value)
        return {"deployment": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.model is None and self.deployment is None:
            msg = "name the model, or the deployment that serves it"
            raise ValueError(msg)
        return self


Routes = dict[str, dict[str, Target]]


class IndexSettings(_Node):
    """A named index: documents that are kept in one collection for each embedding space.

    Attributes:
        store: The kind of vector store; `simple` is LlamaIndex's SimpleVectorStore, and a `custom` one is opened by the
            application.
        framework: Whose integration opens it; left out, LlamaIndex's for `simple` and LangChain's for all others.
        path: The folder, of a store that is in one; from the settings file's folder.
        connection: The database's URL, of a store that is in one; it may hold a password.
        embedding: The embedding route.
        also: More backends whose spaces are kept up to date at once.
        fill: What happens where the active space's collection is missing or behind: `refuse` the search, or fill the
            collection `on-the-way`.
        source: The folder of the documents, of an index that can't list its own.
    """

    store: Literal["chroma", "faiss", "pgvector", "simple", "custom"]
    framework: Literal["langchain", "llama_index"] | None = None
    path: str | None = Field(default=None, min_length=1)
    connection: SecretStr | None = None
    embedding: str = "default"
    also: tuple[str, ...] = ()
    fill: Literal["refuse", "on-the-way"] = "refuse"
    source: str | None = Field(default=None, min_length=1)

    @field_validator("also", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, str):  # an environment variable
            return json.loads(value) if value.startswith("[") else [name.strip() for name in value.split(",")]
        return value

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.store == "pgvector" and self.connection is None:
            msg = (
                "a pgvector index needs connection, the URL of its database, like 'postgresql+psycopg://user@host/name'"
            )
            raise ValueError(msg)
        if self.store == "faiss" and self.framework == "llama_index":
            msg = "a faiss index is opened with LangChain's integration; leave framework out, or choose another store"
            raise ValueError(msg)
        if self.store == "simple" and self.framework == "langchain":
            msg = "a simple index is LlamaIndex's; leave framework out, or choose another store"
            raise ValueError(msg)
        if self.store != "pgvector" and self.path is None and self.connection is None:
            msg = f"a {self.store} index needs path, the folder that it is in"
            raise ValueError(msg)
        return self

    @property
    def opened_with(self) -> Literal["langchain", "llama_index"]:
        """The framework whose integration opens the index."""
        if self.framework is not None:
            return self.framework
        return "llama_index" if self.store == "simple" else "langchain"


class Settings(_Node):
    """What the user said, validated and frozen.

    Attributes:
        backend: Name of the backend that answers.
        unsupported: What happens with a parameter that a model can't take: `warn` and leave it out, `error`, or
            `drop` it in silence.
        allow_private_media: Whether pictures and documents may be fetched from loopback and private addresses.
        embedding_backend: Name of another backend for embeddings, if they are pinned.
        backends: Backend name → its provider, endpoint and credentials.
        chat: Route name → backend name → target.
        embedding: Likewise for embedding routes.
        index: Name of an index → its store, place and embedding route.
        source: The file that was read, or 'the environment'.
    """

    backend: str | None = None
    embedding_backend: str | None = None
    unsupported: Literal["warn", "error", "drop"] = "warn"
    allow_private_media: bool = False
    backends: dict[str, Backend] = Field(default_factory=dict)
    chat: Routes = Field(default_factory=dict)
    embedding: Routes = Field(default_factory=dict)
    index: dict[str, IndexSettings] = Field(default_factory=dict)
    source: str = Field(default="arguments", exclude=True)

    @field_validator("backends")
    @classmethod
    def _plain_names(cls, backends: dict[str, BackendSettings]) -> dict[str, BackendSettings]:
        for name in backends:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
                msg = f"backend name {name!r} must be lower-case letters, digits, '-' and '_'"
                raise ValueError(msg)
        return backends

    @field_validator("index")
    @classmethod
    def _short_names(cls, index: dict[str, IndexSettings]) -> dict[str, IndexSettings]:
        for name in index:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
                msg = f"index name {name!r} must be at most 40 lower-case letters, digits, '-' and '_'"
                raise ValueError(msg)
        return index

    def routes(self, kind: Kind) -> Routes:
        """The routes of a kind: route name → backend name → target."""
        return self.chat if kind == "chat" else self.embedding

    @cached_property
    def fingerprint(self) -> int:
        """Equal for equal settings: a cheap key for what is made from them."""
        routes = (
            (kind, name, tuple(sorted((backend, hash(target)) for backend, target in targets.items())))
            for kind in ("chat", "embedding")
            for name, targets in sorted(getattr(self, kind).items())
        )
        backends = tuple(sorted((name, hash(backend)) for name, backend in self.backends.items()))
        indexes = tuple(sorted((name, hash(index)) for name, index in self.index.items()))
        said = (self.backend, self.embedding_backend, self.unsupported, self.allow_private_media)
        return hash((*said, backends, tuple(routes), indexes))
