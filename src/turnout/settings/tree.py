"""The settings tree: what a user may write, validated.

Secrets are masked wherever the tree is printed, and don't travel in its pickles. No message has a value in it that may
be one that was put into the wrong place.
"""

from __future__ import annotations

import copyreg
import ipaddress
import json
import re
from collections.abc import Mapping
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
    PrivateAttr,
    field_validator,
    model_validator,
)

from turnout.errors import SettingsError
from turnout.facts.spaces import EmbeddingSpace
from turnout.redaction import shown
from turnout.settings.secrets import SECRET_FIELDS, SecretText

Kind = Literal["chat", "embedding"]
MADE_IN_CODE = "arguments"
"""Where settings come from that nothing was read for."""
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
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = "this is not a URL; write it with its scheme, like 'https://contoso.openai.azure.com'"
        raise ValueError(msg)
    if parts.username or parts.password:
        msg = "an endpoint must not carry a user name or password; use the credential settings"
        raise ValueError(msg)
    if parts.query or parts.fragment:
        msg = "an endpoint has no query or fragment; a key belongs into the credential settings"
        raise ValueError(msg)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        msg = (
            f"plain http to {shown(parts.hostname)} would send credentials and documents unencrypted; "
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


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        why = str(error)
    msg = f"this is not JSON: {why}"
    raise ValueError(msg)  # without the original, which has the whole text


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
    proxy: SecretText | None = None
    origins: tuple[tuple[str, str], ...] = Field(default=(), repr=False, exclude=True)

    def origin(self, field: str) -> str:
        """Where a field's value came from, in words."""
        return dict(self.origins).get(field, "the settings")

    def secrets(self) -> set[str]:
        """Its secrets, as what a service says of them is searched for; they aren't to be kept."""
        values = (value for name, value in self if name in SECRET_FIELDS and name != "proxy")
        return {value.get_secret_value() for value in values if value is not None}


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
    api_key: SecretText | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretText | None = None
    api_version: str | None = None
    authority_host: Authority | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.api_version is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", self.api_version):
            msg = "api_version is not a dated version like '2024-10-21'; leave it out to use the v1 API"
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
            msg = "this is not a region, like 'us-east-1'"
            raise ValueError(msg)
        return region

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
    api_key: SecretText | None = None
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
            return _json(value)
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
        allow_pickle: Whether the pickles in the folder may be read, as a faiss index wants it. Reading one can run code
            that is in it, so whoever says so vouches for the folder.
    """

    store: Literal["chroma", "faiss", "pgvector", "simple", "custom"]
    framework: Literal["langchain", "llama_index"] | None = None
    path: str | None = Field(default=None, min_length=1)
    connection: SecretText | None = None
    embedding: str = "default"
    also: tuple[str, ...] = ()
    fill: Literal["refuse", "on-the-way"] = "refuse"
    source: str | None = Field(default=None, min_length=1)
    allow_pickle: bool = False

    @field_validator("also", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, str):  # an environment variable
            return _json(value) if value.startswith("[") else [name.strip() for name in value.split(",")]
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
        if self.store != "pgvector" and self.path is None and (self.connection is None or self.store == "faiss"):
            msg = f"a {self.store} index needs path, the folder that it is in"
            raise ValueError(msg)
        return self

    def database(self) -> str:
        """The database's URL with its password; called where it is passed, so that no variable holds it."""
        return self.connection.get_secret_value() if self.connection is not None else ""

    @property
    def opened_with(self) -> Literal["langchain", "llama_index"]:
        """The framework whose integration opens the index."""
        if self.framework is not None:
            return self.framework
        return "llama_index" if self.store == "simple" else "langchain"


class Settings(_Node):
    """What the user said, validated and frozen.

    They pickle as the name of their file, and are read again on the other side. Settings that were made or changed in
    code pickle without their secrets.

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
    source: str = Field(default=MADE_IN_CODE, exclude=True)

    _changed: bool = PrivateAttr(default=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, perhaps with other values."""
        made = super().model_copy(update=update, deep=deep)
        made._changed = self._changed or bool(update)  # noqa: SLF001 - of its own class
        return made

    def __reduce__(self) -> Any:
        if self._changed or self.source == MADE_IN_CODE:
            state = self.__getstate__()
            own = {name: value for name, value in state["__dict__"].items() if name != "fingerprint"}  # of this process
            return copyreg.__newobj__, (type(self),), {**state, "__dict__": own}  # type: ignore[attr-defined] # it is there
        from turnout.settings.load import read_again

        return read_again, (self.source,)

    @field_validator("backends")
    @classmethod
    def _plain_names(cls, backends: dict[str, BackendSettings]) -> dict[str, BackendSettings]:
        for name in backends:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
                msg = f"backend name {shown(name)} must be lower-case letters, digits, '-' and '_'"
                raise ValueError(msg)
        return backends

    @field_validator("index")
    @classmethod
    def _short_names(cls, index: dict[str, IndexSettings]) -> dict[str, IndexSettings]:
        for name in index:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name):
                msg = f"index name {shown(name)} must be at most 40 lower-case letters, digits, '-' and '_'"
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
