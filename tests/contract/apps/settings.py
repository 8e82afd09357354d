"""The settings of the matrix's columns: a backend for each, and the same two routes on every one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.contract.apps.column import COLUMNS, DATED, EVERY, Column
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator

__all__ = ["COLUMNS", "DATED", "EVERY", "REGION", "Column", "embedding_deployment", "settings_text"]

REGION = "us-east-1"


_EMBEDDING_DEPLOYMENTS = {
    "text-embedding-3-small": "embed-small",
    "text-embedding-3-large": "embed-large",
    "text-embedding-ada-002": "ada",
    "embed-v-4-0": "cohere-v4",
}


def embedding_deployment(column: Column) -> str:
    """What the column's service is asked for when it embeds."""
    return _EMBEDDING_DEPLOYMENTS[column.embedding] if column.provider == "azure" else column.embedding


def settings_text(emulator: Emulator) -> str:
    """A turnout.toml with every column as a backend, and the same two routes on each."""
    lines = ["allow_private_media = true  # the applications' pictures are served on loopback", ""]
    for column in EVERY.values():
        lines += [f"[backends.{column.name}]", *_backend(column, emulator), ""]
    lines.append("[chat.default]")
    lines += [f"{column.name} = {_target(column)}" for column in EVERY.values()]
    lines += ["", "[embedding.default]"]
    for column in EVERY.values():
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
