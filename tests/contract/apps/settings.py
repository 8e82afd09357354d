"""The columns of the matrix: every wire, and on Converse every family of models, as a backend of its own.

What an application runs on is chosen by TURNOUT_BACKEND alone; the settings file made here says what that is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator

REGION = "us-east-1"
DATED = "2024-10-21"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: The backend's name in the settings.
        title: What the matrix calls it.
        provider: `azure`, `openai` or `bedrock`.
        service: The emulator's service that its chat requests must reach.
        deployment: What that service is asked for.
        model: The model behind the deployment.
        wire: The protocol that the emulator must see.
        forced: Whether the settings name the wire, because the model alone would lead to another.
        embedding: The embedding model of the same provider.
        options: Further settings of the backend.
    """

    name: str
    title: str
    provider: str
    service: str
    deployment: str
    model: str
    wire: str
    embedding: str
    forced: bool = False
    options: tuple[tuple[str, str], ...] = ()


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("azure", "Azure v1", "azure", "azure", "gpt-5-prod", "gpt-5", "openai-chat", "text-embedding-3-small"),
        Column(
            "azure_dated",
            "Azure dated",
            "azure",
            "azure",
            "gpt-4.1",
            "gpt-4.1",
            "openai-chat",
            "text-embedding-ada-002",
            options=(("api_version", DATED),),
        ),
        Column(
            "azure_responses",
            "Azure Responses",
            "azure",
            "azure",
            "gpt-5-prod",
            "gpt-5",
            "openai-responses",
            "text-embedding-3-large",
            forced=True,
        ),
        Column(
            "azure_claude",
            "Azure Claude",
            "azure",
            "azure",
            "claude-prod",
            "claude-sonnet-4-6",
            "anthropic-messages",
            "text-embedding-3-small",
        ),
        Column(
            "openai",
            "OpenAI",
            "openai",
            "openai",
            "gpt-4.1-mini",
            "gpt-4.1-mini",
            "openai-chat",
            "text-embedding-3-small",
        ),
        *(
            Column(
                f"bedrock_{name}", f"Converse {title}", "bedrock", "bedrock", model, model, "bedrock-converse", space
            )
            for name, title, model, space in (
                ("claude", "Claude", "us.anthropic.claude-sonnet-4-6", "amazon.titan-embed-text-v2:0"),
                ("nova", "Nova", "amazon.nova-lite-v1:0", "amazon.nova-2-multimodal-embeddings-v1:0"),
                ("llama", "Llama", "us.meta.llama3-3-70b-instruct-v1:0", "amazon.titan-embed-text-v1"),
                ("mistral", "Mistral", "mistral.mistral-large-2407-v1:0", "cohere.embed-english-v3"),
                ("gpt_oss", "gpt-oss", "openai.gpt-oss-120b-1:0", "us.cohere.embed-v4:0"),
            )
        ),
        Column(
            "bedrock_gpt",
            "Bedrock Responses",
            "bedrock",
            "bedrock",
            "global.openai.gpt-5.6-sol",
            "openai.gpt-5.6-sol",
            "openai-responses",
            "amazon.titan-embed-text-v2:0",
        ),
        Column(
            "bedrock_messages",
            "Bedrock Messages",
            "bedrock",
            "bedrock",
            "us.anthropic.claude-sonnet-4-6",
            "us.anthropic.claude-sonnet-4-6",
            "anthropic-messages",
            "amazon.titan-embed-text-v2:0",
            forced=True,
        ),
        Column(
            "mantle",
            "Mantle Responses",
            "bedrock",
            "mantle",
            "openai.gpt-5.5",
            "openai.gpt-5.5",
            "openai-responses",
            "amazon.titan-embed-text-v2:0",
        ),
        Column(
            "mantle_chat",
            "Mantle chat",
            "bedrock",
            "mantle",
            "openai.gpt-oss-120b",
            "openai.gpt-oss-120b",
            "openai-chat",
            "amazon.titan-embed-text-v2:0",
            forced=True,
            options=(("mantle_auth", "short-term-token"),),
        ),
    )
}

_EMBEDDING_DEPLOYMENTS = {
    "text-embedding-3-small": "embed-small",
    "text-embedding-3-large": "embed-large",
    "text-embedding-ada-002": "ada",
}


def embedding_deployment(column: Column) -> str:
    """What the column's service is asked for when it embeds."""
    return _EMBEDDING_DEPLOYMENTS[column.embedding] if column.provider == "azure" else column.embedding


def settings_text(emulator: Emulator) -> str:
    """A turnout.toml with every column as a backend, and the same two routes on each."""
    lines = ["allow_private_media = true  # the applications' pictures are served on loopback", ""]
    for column in COLUMNS.values():
        lines += [f"[backends.{column.name}]", *_backend(column, emulator), ""]
    lines.append("[chat.default]")
    lines += [f"{column.name} = {_target(column)}" for column in COLUMNS.values()]
    lines += ["", "[embedding.default]"]
    for column in COLUMNS.values():
        target = {"deployment": embedding_deployment(column), "model": column.embedding}
        lines.append(f"{column.name} = {_table(target)}")
    return "\n".join(lines) + "\n"


def _backend(column: Column, emulator: Emulator) -> list[str]:
    said = {
        "azure": {"endpoint": emulator.azure.url, "api_key": AZURE_KEY},
        "openai": {"base_url": f"{emulator.openai.url}/v1", "api_key": OPENAI_KEY},
        "bedrock": {
            "endpoint": emulator.bedrock.url,
            "mantle_endpoint": emulator.mantle.url,
            "region": REGION,
            "access_key_id": AWS_ACCESS_KEY,
            "secret_access_key": AWS_SECRET_KEY,
        },
    }[column.provider]
    values = {"provider": column.provider, **said, **dict(column.options)}
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def _target(column: Column) -> str:
    target = {"deployment": column.deployment, "model": column.model}
    return _table(target | ({"wire": column.wire} if column.forced else {}))


def _table(values: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items()) + " }"
