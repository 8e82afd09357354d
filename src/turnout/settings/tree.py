"""The settings tree: what a user may write, validated.

Secrets are masked wherever the tree is printed, and left out of its pickles. No message shows a value that may have
been put into the wrong place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from turnout.errors import SettingsError
from turnout.facts.spaces import EmbeddingSpace
from turnout.redaction import shown
from turnout.settings.backends import Backend, Node
from turnout.settings.options import HeadersTable, Options, OptionsTable
from turnout.settings.references import REFRESH
from turnout.settings.secrets import SecretText

Kind = Literal["chat", "embedding"]
MADE_IN_CODE = "arguments"
"""The source of settings that nothing was read for."""

Wire = Literal[
    "openai-chat",
    "openai-responses",
    "openai-embeddings",
    "anthropic-messages",
    "cohere-embed",
    "bedrock-converse",
    "bedrock-invoke",
]


def _check_space(text: str) -> str:
    try:
        return str(EmbeddingSpace.parse(text))
    except SettingsError as error:  # one problem among those that validation lists
        raise ValueError(str(error)) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        why = str(error)
    raise ValueError(f"this is not JSON: {why}")  # without the original, which has the whole text


def _listed(value: Any) -> Any:
    """Names, which an environment variable has as JSON or between commas."""
    if isinstance(value, str):
        return _json(value) if value.startswith("[") else [name.strip() for name in value.split(",")]
    return value


class Target(Node):
    """What a route is on one backend.

    A list of targets is the first of them, with the others in `then`: places of one model in order of preference.

    Attributes:
        model: The model behind it, as `models.toml` knows it; decides the facts that turnout goes by.
        deployment: What the service is asked for, where that is another name: an Azure deployment, an inference
            profile or an ARN.
        wire: The protocol; left out, it follows from the provider.
        home: On Bedrock, the endpoint that is asked on OpenAI's wires and Anthropic's: `runtime` or `mantle`; left out,
            Bedrock Runtime for an inference profile, and Mantle for a bare model id.
        dimensions: Length of the vectors, where the model lets one choose.
        space: The embedding space, of a custom or fine-tuned model: its name and dimensions, like `acme-embed-v3/768`.
        rpm: Requests a minute that this process makes at most.
        tpm: Tokens a minute that this process asks for at most, answers included.
        options: What each chat request to this target is sent besides, over the backend's `options`.
        headers: HTTP headers of each request to this target, over the backend's `headers`.
        backend: In a list, another backend that serves the model: another region or account.
        weight: In a list, the share of the calls that begin here, among those beside it that have weights too.
        then: The targets behind the first of a list.
        sku: What kind of deployment it is on Azure, which says where its data goes; for `[policy]`.
    """

    model: str | None = Field(default=None, min_length=1)
    deployment: str | None = Field(default=None, min_length=1)
    wire: Wire | None = None
    home: Literal["runtime", "mantle"] | None = None
    dimensions: PositiveInt | None = None
    rpm: PositiveFloat | None = None
    tpm: PositiveFloat | None = None
    space: Annotated[str, AfterValidator(_check_space)] | None = None
    options: OptionsTable = Field(default_factory=Options)
    headers: HeadersTable = Field(default_factory=Options, repr=False)
    backend: str | None = Field(default=None, min_length=1)
    weight: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    then: tuple[Target, ...] = ()
    sku: Literal["global", "datazone-eu", "datazone-us", "regional"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(("{", "[")):  # of an environment variable, as JSON
            value = _json(value)
        if isinstance(value, list):
            if not value:
                raise ValueError("this list has no target; name at least one")
            first, *rest = value
            return {**(first if isinstance(first, Mapping) else {"deployment": first}), "then": rest}
        return {"deployment": value} if isinstance(value, str) else value

    @property
    def each(self) -> tuple[Target, ...]:
        """The targets of the list, in order; of one target, itself."""
        return (self, *self.then)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.model is None and self.deployment is None:
            raise ValueError("name the model, or the deployment that serves it")
        return self


Routes = dict[str, dict[str, Target]]
_FALLBACKS = "fallbacks"


class IndexSettings(Node):
    """A named index: documents that are kept in one collection for each embedding space.

    Attributes:
        store: The kind of vector store; `simple` is LlamaIndex's SimpleVectorStore, and a `custom` one is opened by the
            application.
        framework: Whose integration opens it; left out, LlamaIndex's for `simple` and LangChain's for all others.
        path: The folder, of a store that is in one; from the settings file's folder.
        connection: The URL of the database or server, of a store that is in one; it may hold a password or key.
        manifest: The URL of a PostgreSQL database that has the manifest and the locks of an index on a Chroma or Qdrant
            server, so that several machines share them; left out, they are files of each machine.
        embedding: The embedding route.
        also: More backends whose spaces are kept up to date at once.
        fill: What happens where the active space's collection is missing or behind: `refuse` the search, or fill the
            collection `on-the-way`.
        source: The folder of the documents, of an index that can't list its own.
        allow_pickle: Whether the pickles in the folder may be read, as a faiss index wants it, and a qdrant one that is
            in a folder. Reading one can run code that is in it, so whoever says so vouches for the folder.
    """

    store: Literal["chroma", "faiss", "pgvector", "qdrant", "lancedb", "simple", "custom"]
    framework: Literal["langchain", "llama_index"] | None = None
    path: str | None = Field(default=None, min_length=1)
    connection: SecretText | None = None
    manifest: SecretText | None = None
    embedding: str = "default"
    also: tuple[str, ...] = ()
    fill: Literal["refuse", "on-the-way"] = "refuse"
    source: str | None = Field(default=None, min_length=1)
    allow_pickle: bool = False

    _also = field_validator("also", mode="before")(_listed)

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.store == "pgvector" and self.connection is None:
            raise ValueError(
                "a pgvector index needs connection, the URL of its database, like 'postgresql+psycopg://user@host/name'"
            )
        if self.store == "faiss" and self.framework == "llama_index":
            msg = "a faiss index is opened with LangChain's integration; leave framework out, or choose another store"
            raise ValueError(msg)
        if self.store == "simple" and self.framework == "langchain":
            raise ValueError("a simple index is LlamaIndex's; leave framework out, or choose another store")
        in_folder = self.store in {"faiss", "lancedb"}
        if self.store != "pgvector" and self.path is None and (self.connection is None or in_folder):
            or_server = ", or connection, its server" if self.store in {"chroma", "qdrant"} else ""
            raise ValueError(f"a {self.store} index needs path, the folder that it is in{or_server}")
        if self.manifest is not None and (self.store not in {"chroma", "qdrant"} or self.connection is None):
            where = "in its database" if self.store == "pgvector" else "beside it"
            msg = f"manifest is for an index on a chroma or qdrant server; this one has its manifest {where}"
            raise ValueError(msg)
        return self

    def database(self, key: Literal["connection", "manifest"] = "connection") -> str:
        """A database's URL with its password; called where it is passed, so that no variable holds it."""
        url: SecretText | None = getattr(self, key)
        return url.get_secret_value() if url is not None else ""

    @property
    def opened_with(self) -> Literal["langchain", "llama_index"]:
        """The framework whose integration opens the index."""
        if self.framework is not None:
            return self.framework
        return "llama_index" if self.store == "simple" else "langchain"


class FailoverSettings(Node):
    """How a call moves on from a place that can't answer it to the next.

    Attributes:
        content_filter: Whether a call that a content filter stopped moves on.
        context_overflow: Whether a call that is too long moves on to a model that takes more.
        wait: Seconds that a call waits for a retry where it is before it moves on; left out, its share of the deadline,
            or one second without a deadline.
        circuit: Whether a deployment that fails rests for a while, and isn't asked meanwhile.
    """

    content_filter: bool = False
    context_overflow: bool = False
    wait: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    circuit: bool = True


class PolicySettings(Node):
    """Where data may go. What isn't within it is refused when the settings are read, and before a call.

    Attributes:
        regions: Names or patterns of regions, like `eu-*` and `swedencentral`; left out, any.
        unknown: What happens where nothing says where data goes: `refuse`, or `warn` in the log.
        models: Names or patterns of models; left out, any.
        backends: Names or patterns of backends; left out, any.
    """

    regions: tuple[str, ...] = ()
    unknown: Literal["refuse", "warn"] = "refuse"
    models: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()

    _names = field_validator("regions", "models", "backends", mode="before")(_listed)


class SecretsSettings(Node):
    """How secrets are kept that a store has: Azure Key Vault, AWS Secrets Manager.

    Attributes:
        refresh: Seconds after which the store is asked for a secret again.
    """

    refresh: float = Field(default=REFRESH, gt=0, allow_inf_nan=False)


class Settings(Node):
    """What the user said, validated and frozen.

    They pickle as the name of their file, and are read again on the other side. Settings that were made or changed in
    code pickle without their secrets.

    Attributes:
        backend: Name of the backend that answers.
        unsupported: What happens with a parameter that a model can't take: `warn` and leave it out, `error`, or
            `drop` it in silence.
        allow_private_media: Whether pictures and documents may be fetched from loopback and private addresses.
        embedding_backend: Name of another backend for embeddings, if they are pinned.
        fallbacks: Backends that calls move on to, in order, when the one that they began on can't answer.
        failover: When they do.
        policy: Where data may go.
        secrets: How secrets are kept that a store has.
        route_fallbacks: Likewise of one route, like `chat.fast`; written as `fallbacks` among its targets.
        backends: Backend name → its provider, endpoint and credentials.
        chat: Route name → backend name → target.
        embedding: Likewise for embedding routes.
        index: Name of an index → its store, place and embedding route.
        source: The file that was read, or 'the environment'.
    """

    backend: str | None = None
    embedding_backend: str | None = None
    fallbacks: tuple[str, ...] = ()
    failover: FailoverSettings = Field(default_factory=FailoverSettings)
    policy: PolicySettings = Field(default_factory=PolicySettings)
    secrets: SecretsSettings = Field(default_factory=SecretsSettings)
    route_fallbacks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
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

    @property
    def is_made_in_code(self) -> bool:
        """Whether they were made or changed in code, so that reading their file again gives others."""
        return self._changed or self.source == MADE_IN_CODE

    _fallbacks = field_validator("fallbacks", mode="before")(_listed)

    @model_validator(mode="before")
    @classmethod
    def _split_fallbacks(cls, data: Any) -> Any:
        """Take each route's own `fallbacks` from among its targets."""
        if not isinstance(data, Mapping):
            return data
        made, own = dict(data), dict(data.get("route_fallbacks") or {})
        for kind in ("chat", "embedding"):
            routes = data.get(kind)
            if isinstance(routes, Mapping):
                made[kind] = dict(routes)
                for name, targets in routes.items():
                    if isinstance(targets, Mapping) and _FALLBACKS in targets:
                        own[f"{kind}.{name}"] = _listed(targets[_FALLBACKS])
                        made[kind][name] = {key: target for key, target in targets.items() if key != _FALLBACKS}
        return {**made, "route_fallbacks": own}

    @field_validator("backends", "index")
    @classmethod
    def _plain_names(cls, tables: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if info.field_name == "index":
            pattern, rule = r"[a-z][a-z0-9_-]{0,39}", "index name {} must be at most 40 lower-case letters"
        else:
            pattern, rule = r"[a-z0-9][a-z0-9_-]*", "backend name {} must be lower-case letters"
        for name in tables:
            if not re.fullmatch(pattern, name):
                raise ValueError(rule.format(shown(name)) + ", digits, '-' and '_'")
            if name == _FALLBACKS:
                raise ValueError("a backend can't be called 'fallbacks'; the name is a key of each route")
        return tables

    def routes(self, kind: Kind) -> Routes:
        """The routes of a kind: route name → backend name → target."""
        return self.chat if kind == "chat" else self.embedding
