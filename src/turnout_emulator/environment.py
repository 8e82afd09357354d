"""How to point clients at the emulator: the clouds' own variables, and a whole settings file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from turnout_emulator import accounts
from turnout_emulator.services.base import Hub

REGION = "us-east-1"


def variables(target: str, hub: Hub, ca_file: str) -> dict[str, str]:
    """The variables that lead a cloud's own clients to the emulator; `ValueError` if there are none for the target."""
    makers: Mapping[str, Callable[[], dict[str, str]]] = {
        "azure": lambda: {
            "AZURE_OPENAI_ENDPOINT": hub.addresses["azure"],
            "AZURE_OPENAI_API_KEY": next(iter(hub.accounts.azure_keys.values())),
            "OPENAI_API_VERSION": "2024-10-21",
        },
        "openai": lambda: {
            "OPENAI_BASE_URL": f"{hub.addresses['openai']}/v1",
            "OPENAI_API_KEY": next(iter(hub.accounts.openai_keys.values())),
        },
        "foundry": lambda: {
            "ANTHROPIC_FOUNDRY_BASE_URL": f"{hub.addresses['azure']}/anthropic/",
            "ANTHROPIC_FOUNDRY_API_KEY": next(iter(hub.accounts.azure_keys.values())),
        },
        "bedrock": lambda: _bedrock(hub),
        "mantle": lambda: {"AWS_BEDROCK_BASE_URL": f"{hub.addresses['mantle']}/openai/v1", **_keys(hub)},
        "entra": lambda: {
            "AZURE_TENANT_ID": hub.accounts.entra_clients[0].tenant,
            "AZURE_CLIENT_ID": hub.accounts.entra_clients[0].client_id,
            "AZURE_CLIENT_SECRET": hub.accounts.entra_clients[0].secret,
            "AZURE_AUTHORITY_HOST": hub.addresses["entra+tls"],
            "REQUESTS_CA_BUNDLE": ca_file,
        },
        "managed-identity": lambda: {
            "IDENTITY_ENDPOINT": f"{hub.addresses['entra']}/msi/token",
            "IDENTITY_HEADER": accounts.IDENTITY_HEADER,
        },
        "sts": lambda: {"AWS_ENDPOINT_URL_STS": hub.addresses["sts"], **_bedrock(hub)},
        "container": lambda: {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": hub.addresses["bedrock"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{hub.addresses['sts']}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": accounts.CONTAINER_TOKEN,
        },
    }
    if target not in makers:
        raise ValueError(f"No variables for {target!r}; there are: {', '.join(makers)}")
    return makers[target]()


def _bedrock(hub: Hub) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": hub.addresses["bedrock"], **_keys(hub)}


def _keys(hub: Hub) -> dict[str, str]:
    key = hub.accounts.default_aws_key()
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
    }


_MORE_ROUTES = """
[chat.claude]
azure = { deployment = "claude-prod", model = "claude-sonnet-4-6" }
bedrock = "us.anthropic.claude-sonnet-4-6"

[chat.responses]
azure = { deployment = "gpt-5-prod", model = "gpt-5", wire = "openai-responses" }
bedrock = "openai.gpt-5.5"
openai = { model = "gpt-5", wire = "openai-responses" }

[chat.open-weight]
bedrock = { model = "openai.gpt-oss-120b", wire = "openai-chat" }
"""


def settings_toml(hub: Hub, *, every_wire: bool = False) -> str:
    """A settings file with every backend of the emulator, its credentials and the usual routes."""
    key = hub.accounts.default_aws_key()
    more = _MORE_ROUTES if every_wire else ""
    return f"""\
backend = "azure"

[backends.azure]
provider = "azure"
endpoint = "{hub.addresses["azure"]}"
auth = "api-key"
api_key = "{next(iter(hub.accounts.azure_keys.values()))}"

[backends.bedrock]
provider = "bedrock"
endpoint = "{hub.addresses["bedrock"]}"
mantle_endpoint = "{hub.addresses["mantle"]}"
region = "{REGION}"
access_key_id = "{key.access_key}"
auth = "static-keys"
secret_access_key = "{key.secret_key}"

[backends.openai]
provider = "openai"
base_url = "{hub.addresses["openai"]}/v1"
api_key = "{next(iter(hub.accounts.openai_keys.values()))}"

[chat.default]
azure = {{ deployment = "gpt-5-prod", model = "gpt-5" }}
bedrock = "us.anthropic.claude-sonnet-4-6"
openai = "gpt-5"

[chat.fast]
azure = {{ deployment = "mini", model = "gpt-5-mini" }}
bedrock = "amazon.nova-micro-v1:0"
openai = "gpt-5-mini"

[embedding.default]
azure = {{ deployment = "embed-small", model = "text-embedding-3-small" }}
bedrock = {{ model = "amazon.titan-embed-text-v2:0", dimensions = 1024 }}
openai = "text-embedding-3-small"
{more}"""
