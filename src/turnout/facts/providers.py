"""What is known about a provider without asking it: its wires, how its models are named, what an error advises.

A new provider is a row here, a settings class in `turnout.settings.backends` and a file in `turnout.providers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.facts.models import base_id, facts
from turnout.facts.residency import of_azure, of_bedrock, of_openai


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """Facts about one provider. What differs between chat and embedding models is keyed by the kind.

    Attributes:
        wires: The usual wire.
        served: The wires that the provider's clients speak.
        homes: Those that two endpoints serve, Bedrock Runtime and Mantle.
        examples: A target as `turnout.toml` may have it.
        langsmith: The provider's name in LangSmith's traces.
        llama_index: LlamaIndex's class for Chat Completions.
        not_found: What to do where a deployment isn't found.
        chat_wire: The wire of a chat model, where it isn't the usual one.
        embedding_wire: The wire of an embedding model likewise.
        default_models: The model of the default route, where the user named none.
        deployment_variables: Variables that name the default route's deployment.
        names_deployments: Whether a deployment has a name that its owner chose, which doesn't tell the model.
        max_tokens: Name of the output limit on the `openai-chat` wire, of a model that isn't known.
        longest_description: Characters that a tool's description may have, if limited.
        variables: Field of the settings → the variables that may set it, the first of which counts.
        implied_by: Variables of which any makes a backend where there are no settings.
        implied: Fields that such a backend has of the variables.
        address: The field that names the service's address.
        default_address: That address, where it has no value.
        added: Fields that variables add to each backend's settings.
        owned: Fields that they add only where the backend's address is the one that the variables name.
        credentials: (settings, variables) → more such fields.
        area: (backend, target) → where data goes, as `turnout.facts.residency` says it.
    """

    wires: Mapping[str, str]
    served: frozenset[str]
    examples: Mapping[str, str]
    langsmith: str
    not_found: str
    homes: frozenset[str] = frozenset()
    chat_wire: Callable[[str], str | None] = lambda _: None
    embedding_wire: Callable[[str], str | None] = lambda _: None
    default_models: Mapping[str, str] = field(default_factory=dict)
    deployment_variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names_deployments: bool = False
    max_tokens: str = "max_tokens"
    longest_description: int | None = None
    llama_index: str = "llama_index.llms.openai.OpenAI"
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    implied_by: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    address: str = "endpoint"
    default_address: str = ""
    added: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    credentials: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[str, ...]] = lambda *_: ()
    area: Callable[[Any, Any], str | None] = lambda *_: None

    def wire_of(self, kind: str, model: str, *, dated: bool = False) -> str:
        """The wire of a model, where its target doesn't force one; a dated API has no Responses."""
        wire = (self.chat_wire if kind == "chat" else self.embedding_wire)(model) or self.wires[kind]
        return self.wires[kind] if dated and wire == "openai-responses" and not facts(model).wires else wire


def _openai_wire(model: str) -> str | None:
    """The wire of a model that Chat Completions doesn't serve, or serves without the tools that it has elsewhere."""
    known = facts(model)
    if known.wires:
        return known.wires[0]
    return "openai-responses" if known.chat_tools == "none_alone" else None


def _azure_wire(model: str) -> str | None:
    return "anthropic-messages" if facts(model).family == "claude" else _openai_wire(model)


def _azure_embedding_wire(model: str) -> str | None:
    """Cohere's own API, which tells queries from documents; OpenAI's, which serves some of its models too, doesn't."""
    return "cohere-embed" if facts(model).family.startswith("cohere-") else None


def _bedrock_wire(model: str) -> str | None:
    """OpenAI's models on Bedrock speak Responses, but for gpt-oss, which Converse has too."""
    openai = base_id(model).startswith("openai.") and facts(model).family != "gpt-oss"
    return "openai-responses" if openai else None


def _principal(backend: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of the method that `auth` names, or a service principal's, but none beside a key in the settings."""
    auth = backend.get("auth", "auto")
    if auth == "managed-identity":  # beside a secret or certificate the id is a service principal's
        return () if any(variables.get(f"AZURE_CLIENT_{proof}") for proof in ("SECRET", "CERTIFICATE_PATH")) else _ID
    if auth in _AZURE_FIELDS:
        return _AZURE_FIELDS[auth]
    fields = (*_AZURE_FIELDS["service-principal"], *_CERTIFICATE)
    keyed = backend.get("api_key") and auth == "auto"
    return () if keyed and not any(backend.get(field) for field in fields) else fields


_ID = ("client_id",)
_CERTIFICATE = ("client_certificate", "client_certificate_password")
_AZURE_FIELDS: dict[str, tuple[str, ...]] = {
    "service-principal": ("tenant_id", "client_id", "client_secret"),
    "certificate": ("tenant_id", "client_id", *_CERTIFICATE),
    "workload-identity": ("tenant_id", "client_id", "federated_token_file"),
    **dict.fromkeys(("api-key", "azure-cli"), ()),
}
"""Methods → the fields that variables may set for them."""


def _aws_credentials(backend: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of the method that `auth` names, or of the first credential that is there.

    Beside a credential that the settings have there are none.
    """
    auth = backend.get("auth", "auto")
    if auth in _AWS_FIELDS:
        return _AWS_FIELDS[auth]
    if any(backend.get(field) for field in ("access_key_id", "profile", "role_arn", "bearer_token")):
        return ()
    kinds = tuple(_AWS_FIELDS[method] for method in ("bearer-token", "static-keys", "profile"))
    return next((fields for fields in kinds if any(variables.get(name) for name in _AWS_VARIABLES[fields[0]])), ())


_AWS_FIELDS: dict[str, tuple[str, ...]] = {
    "bearer-token": ("bearer_token",),
    "static-keys": ("access_key_id", "secret_access_key", "session_token"),
    **dict.fromkeys(("profile", "sso", "login", "process"), ("profile",)),
    **dict.fromkeys(("web-identity", "container", "instance-metadata"), ()),
}

_AWS_VARIABLES: dict[str, tuple[str, ...]] = {
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "endpoint": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"),
    "sts_endpoint": ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"),
    "ca_bundle": ("AWS_CA_BUNDLE",),
    "bearer_token": ("AWS_BEARER_TOKEN_BEDROCK",),
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
    "profile": ("AWS_PROFILE",),
}

_TWO_HOMES = frozenset({"openai-chat", "openai-responses", "anthropic-messages"})

PROVIDERS: dict[str, ProviderFacts] = {
    "azure": ProviderFacts(
        wires={"chat": "openai-chat", "embedding": "openai-embeddings"},
        served=frozenset(
            {"openai-chat", "openai-responses", "openai-embeddings", "anthropic-messages", "cohere-embed"}
        ),
        examples={
            "chat": '{ deployment = "gpt-5-prod", model = "gpt-5" }',
            "embedding": '{ deployment = "embed-small", model = "text-embedding-3-small" }',
        },
        langsmith="azure",
        not_found="A deployment is named by its owner: see the resource's Deployments page; a new one takes minutes.",
        chat_wire=_azure_wire,
        embedding_wire=_azure_embedding_wire,
        deployment_variables={
            "chat": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_CHAT_DEPLOYMENT_NAME"),
            "embedding": ("AZURE_OPENAI_EMBEDDING_DEPLOYMENT", "AZURE_OPENAI_EMBEDDING_DEPLOYMENT_NAME"),
        },
        names_deployments=True,
        max_tokens="max_completion_tokens",  # all that Azure serves take it, where another server may not
        longest_description=1_024,  # learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling
        llama_index="llama_index.llms.azure_openai.AzureOpenAI",
        variables={
            "endpoint": ("AZURE_OPENAI_ENDPOINT",),
            "api_key": ("AZURE_OPENAI_API_KEY",),
            "api_version": ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
            "tenant_id": ("AZURE_TENANT_ID",),
            "client_id": ("AZURE_CLIENT_ID",),
            "client_secret": ("AZURE_CLIENT_SECRET",),
            "client_certificate": ("AZURE_CLIENT_CERTIFICATE_PATH",),
            "client_certificate_password": ("AZURE_CLIENT_CERTIFICATE_PASSWORD",),
            "federated_token_file": ("AZURE_FEDERATED_TOKEN_FILE",),
            "authority_host": ("AZURE_AUTHORITY_HOST",),
        },
        implied_by=("AZURE_OPENAI_ENDPOINT",),
        implied=("endpoint", "api_version"),
        added=("endpoint", "authority_host"),
        owned=("api_key",),
        credentials=_principal,
        area=of_azure,
    ),
    "bedrock": ProviderFacts(
        wires={"chat": "bedrock-converse", "embedding": "bedrock-invoke"},
        served=frozenset({"bedrock-converse", "bedrock-invoke", *_TWO_HOMES}),
        homes=_TWO_HOMES,
        examples={"chat": '"us.anthropic.claude-sonnet-4-6"', "embedding": '"amazon.titan-embed-text-v2:0"'},
        langsmith="amazon_bedrock",
        not_found="Newer models want an inference profile (us., eu., apac., global. before the id), in this region.",
        chat_wire=_bedrock_wire,
        default_models={"chat": "amazon.nova-lite-v1:0", "embedding": "amazon.titan-embed-text-v2:0"},
        variables=_AWS_VARIABLES,
        implied_by=(
            *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"),
            *("AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        ),
        default_address="https://bedrock-runtime.amazonaws.com",
        added=("region", "endpoint", "sts_endpoint", "ca_bundle"),
        credentials=_aws_credentials,
        area=of_bedrock,
    ),
    "openai": ProviderFacts(
        wires={"chat": "openai-chat", "embedding": "openai-embeddings"},
        served=frozenset({"openai-chat", "openai-responses", "openai-embeddings"}),
        examples={"chat": '"gpt-5-mini"', "embedding": '"text-embedding-3-small"'},
        langsmith="openai",
        not_found="See the server's list of models.",
        chat_wire=_openai_wire,
        default_models={"chat": "gpt-5-mini", "embedding": "text-embedding-3-small"},
        variables={
            "base_url": ("OPENAI_BASE_URL",),
            "api_key": ("OPENAI_API_KEY",),
            "organization": ("OPENAI_ORG_ID",),
            "project": ("OPENAI_PROJECT_ID",),
        },
        implied_by=("OPENAI_API_KEY", "OPENAI_BASE_URL"),
        implied=("base_url",),
        address="base_url",
        default_address="https://api.openai.com/v1",
        owned=("api_key", "organization", "project"),
        area=of_openai,
    ),
}
